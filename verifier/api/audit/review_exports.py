"""Exports of the log in three forms, and a check of the whole log that reports its progress.

Both read for a long time, so a separate process does the work, and check-ins do not wait.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec
from flask import Blueprint, Response

from accounts.rights import Caller
from audit.evidence.apart import job_of, run_apart, steps_apart
from audit.evidence.exporting import LogFilter
from audit.tree.place import CheckpointState
from edge.http import read_query, request_instant
from edge.instants import rfc3339
from edge.openapi import describe
from keys.notes import NoteError, OpenedCheckpoint
from verifier.api.audit.readings import day_starts, days_asked, log_problems, record_reading
from verifier.api.audit.review_bodies import ExportQuery, FindingSaid, ProgressSaid, VerificationSaid
from verifier.api.audit.reviewing import COMMAND, Reviewing
from verifier.api.audit.seats import AuditSlots, seated

VERIFIED_HERE: Final = 2_000_000
"""The largest log, in entries, that a page may check. The command line checks a larger log, on a separate machine."""

READ_AT_ONCE: Final = 2
"""How many exports and checks one process of the server runs at once, of its eight threads."""

FINDINGS_TOLD: Final = 100
_SEATS: Final = AuditSlots(READ_AT_ONCE)
_LINES: Final = "application/jsonl"
_TYPES: Final = {
    "jsonl": _LINES,
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def add_verifications(found: Blueprint, reviewing: Reviewing) -> None:
    """Add POST /v1/audit/verifications."""

    @found.post("/v1/audit/verifications")
    @describe(
        summary="Check the whole published log now. Lines of JSON: how many entries were read, and at last the verdict",
        tag="audit",
        answers={200: _LINES},
        problems={"unavailable", "not-trusted"},
    )
    def audit_verification() -> Response:
        caller, at = reviewing.auditor(), request_instant()
        with log_problems():
            state = reviewing.log.state()
            opened = state if state is None else _checkpoint(reviewing, state, at)
            keys = () if state is None else tuple(key.vkey for key in reviewing.keys(state.tree.origin))
        give_back = _SEATS.take()
        lines = _verify(reviewing, opened, keys, caller, at)
        return seated(Response(None, 200, content_type=_LINES), lines, give_back)


def _checkpoint(reviewing: Reviewing, state: CheckpointState, at: datetime) -> OpenedCheckpoint | VerificationSaid:
    """Return the newest checkpoint, or a verdict if its signature does not hold."""
    try:
        return reviewing.opened(state)
    except NoteError as error:
        wrong = FindingSaid("checkpoint", "checkpoint", str(error))
        return VerificationSaid("damaged", state.size, None, (wrong,), COMMAND, rfc3339(at))


def _verify(
    reviewing: Reviewing,
    opened: OpenedCheckpoint | VerificationSaid | None,
    keys: tuple[str, ...],
    caller: Caller,
    at: datetime,
) -> Iterator[bytes]:
    """Yield the lines of the answer. This code must not use the request, which has ended by then."""
    if isinstance(opened, OpenedCheckpoint):
        verdict = yield from _verdict(reviewing, opened, keys, at)
    else:
        verdict = opened or VerificationSaid("empty", 0, None, (), COMMAND, rfc3339(at))
    record_reading(reviewing.verifier, caller, "verify", f"{verdict.state} {verdict.entries}", at)
    yield _line(verdict)


def _verdict(
    reviewing: Reviewing, opened: OpenedCheckpoint, keys: tuple[str, ...], at: datetime
) -> Generator[bytes, None, VerificationSaid]:
    """Yield lines of progress. Return the verdict."""
    size, root = opened.checkpoint.size, b64encode(opened.checkpoint.root).decode()  # In the form of the checkpoint
    if size > VERIFIED_HERE:
        return VerificationSaid("too-large", size, root, (), COMMAND, rfc3339(at), keys)
    wrong = list[FindingSaid]()
    for step in steps_apart(job_of("check", reviewing.folders, opened, reviewing.zone, LogFilter())):
        if step.entries is not None:
            yield _line(ProgressSaid(step.entries, size))
        elif len(wrong) < FINDINGS_TOLD:
            wrong.append(FindingSaid(str(step.kind), step.place, step.message))
    return VerificationSaid("damaged" if wrong else "sound", size, root, tuple(wrong), COMMAND, rfc3339(at), keys)


def add_exports(found: Blueprint, reviewing: Reviewing) -> None:
    """Add GET /v1/audit/export."""

    @found.get("/v1/audit/export")
    @describe(
        summary="The published log handed out: JSON Lines with proofs, CSV or XLSX",
        tag="audit",
        query=ExportQuery,
        answers={200: (_LINES, "text/csv", _TYPES["xlsx"])},
        problems={"unavailable", "not-found", "not-trusted"},
    )
    def audit_export() -> Response:
        asked = read_query(ExportQuery)
        caller = reviewing.auditor(asked.point)
        with log_problems():
            opened = reviewing.opened(reviewing.state())
            wanted = _wanted(asked, reviewing)
        give_back = _SEATS.take()
        reviewing.record(caller, "export", asked, wanted.holder)
        name = f"yunju-log-{opened.checkpoint.size}.{asked.format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        lines = run_apart(job_of(asked.format, reviewing.folders, opened, reviewing.zone, wanted))
        return seated(Response(None, 200, headers, content_type=_TYPES[asked.format]), lines, give_back)


def _wanted(asked: ExportQuery, reviewing: Reviewing) -> LogFilter:
    first = None if asked.since is None else days_asked(asked.since, asked.since, 1)[0]
    last = None if asked.until is None else days_asked(asked.until, asked.until, 1)[0]
    return LogFilter(
        since=None if first is None else day_starts(first, reviewing.zone),
        until=None if last is None else day_starts(last + timedelta(days=1), reviewing.zone),
        **asked.named(),
    )


def _line(said: msgspec.Struct) -> bytes:
    return msgspec.json.encode(said) + b"\n"
