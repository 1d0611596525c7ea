"""The log handed out and checked: exports in three forms, and a check of the whole log that tells how far it is."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final

import msgspec
from flask import Blueprint, Response

from accounts.rights import Caller
from edge.http import read_query, request_instant
from edge.instants import rfc3339
from edge.openapi import describe
from keys.notes import Checkpoint, NoteError
from verifier.api.readings import day_starts, days_asked, log_problems, record_reading
from verifier.api.review_bodies import ExportQuery, FindingSaid, ProgressSaid, VerificationSaid
from verifier.api.reviewing import COMMAND, Reviewing
from verifier.audit.chains import Finding
from verifier.audit.checking import check_tiles
from verifier.audit.exporting import Exported, Filter, csv_text, json_lines, write_xlsx
from verifier.audit.place import State

VERIFIED_HERE: Final = 2_000_000
"""Entries that a page may have checked; a larger log is checked by the command line, on a machine of its own."""

FINDINGS_TOLD: Final = 100
_STEP: Final = 10_240  # entries between two lines of progress
_CHUNK: Final = 64 * 1024
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
        lines = _verify(reviewing, opened, keys, caller, at)
        return Response(lines, 200, {"Cache-Control": "no-store"}, content_type=_LINES)


def _checkpoint(reviewing: Reviewing, state: State, at: datetime) -> Checkpoint | VerificationSaid:
    """The newest checkpoint; a verdict where its signature does not hold."""
    try:
        return reviewing.opened(state).checkpoint
    except NoteError as error:
        wrong = FindingSaid("checkpoint", "checkpoint", str(error))
        return VerificationSaid("damaged", state.size, None, (wrong,), COMMAND, rfc3339(at))


def _verify(
    reviewing: Reviewing,
    opened: Checkpoint | VerificationSaid | None,
    keys: tuple[str, ...],
    caller: Caller,
    at: datetime,
) -> Iterator[bytes]:
    """Yield the lines of the answer; nothing here may ask for the request, which is over by then."""
    if isinstance(opened, Checkpoint):
        verdict = yield from _verdict(reviewing, opened, keys, at)
    else:
        verdict = opened or VerificationSaid("empty", 0, None, (), COMMAND, rfc3339(at))
    record_reading(reviewing.verifier, caller, "verify", f"{verdict.state} {verdict.entries}", at)
    yield _line(verdict)


def _verdict(
    reviewing: Reviewing, checkpoint: Checkpoint, keys: tuple[str, ...], at: datetime
) -> Generator[bytes, None, VerificationSaid]:
    """Yield lines of progress, and return the verdict."""
    root = b64encode(checkpoint.root).decode()  # as the checkpoint writes it
    if checkpoint.size > VERIFIED_HERE:
        return VerificationSaid("too-large", checkpoint.size, root, (), COMMAND, rfc3339(at), keys)
    wrong, told = list[FindingSaid](), 0
    for step in check_tiles(reviewing.log.source, checkpoint):
        if isinstance(step, Finding):
            if len(wrong) < FINDINGS_TOLD:
                wrong.append(FindingSaid(step.kind.value, step.place, step.message))
        elif step.entries >= told + _STEP:
            told = step.entries
            yield _line(ProgressSaid(told, checkpoint.size))
    return VerificationSaid(
        "damaged" if wrong else "sound", checkpoint.size, root, tuple(wrong), COMMAND, rfc3339(at), keys
    )


def add_exports(found: Blueprint, reviewing: Reviewing) -> None:
    """Add GET /v1/audit/export."""

    @found.get("/v1/audit/export")
    @describe(
        summary="The published log handed out: JSON Lines with proofs, CSV or XLSX",
        tag="audit",
        query=ExportQuery,
        answers={200: _LINES},
        problems={"unavailable", "not-found", "not-trusted"},
    )
    def audit_export() -> Response:
        asked = read_query(ExportQuery)
        caller = reviewing.auditor(asked.point)
        with log_problems():
            opened = reviewing.opened(reviewing.state())
            exported = Exported(reviewing.log.source, opened)
            wanted = _wanted(asked, reviewing)
        reviewing.record(caller, "export", asked, asked.holder)
        name = f"yunju-log-{exported.size}.{asked.format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        lines = _export(exported, wanted, asked.format, reviewing)
        return Response(lines, 200, headers, content_type=_TYPES[asked.format])


def _wanted(asked: ExportQuery, reviewing: Reviewing) -> Filter:
    first = None if asked.since is None else days_asked(asked.since, asked.since, 1)[0]
    last = None if asked.until is None else days_asked(asked.until, asked.until, 1)[0]
    return Filter(
        since=None if first is None else day_starts(first, reviewing.zone),
        until=None if last is None else day_starts(last + timedelta(days=1), reviewing.zone),
        **asked.fields(),
    )


def _export(exported: Exported, wanted: Filter, form: str, reviewing: Reviewing) -> Iterator[bytes]:
    if form == "jsonl":
        return json_lines(exported, wanted)
    if form == "csv":
        return (text.encode() for _, text in csv_text(exported, wanted, reviewing.zone))
    return _workbook(exported, wanted, reviewing)


def _workbook(exported: Exported, wanted: Filter, reviewing: Reviewing) -> Iterator[bytes]:
    """A workbook is written to a file that is gone with the answer, then sent: memory stays flat."""
    with tempfile.TemporaryDirectory(prefix="yunju-export-") as folder:
        path = Path(folder) / "log"
        write_xlsx(exported, wanted, path, reviewing.zone)
        with path.open("rb") as file:
            yield from _chunks(file)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def _line(said: msgspec.Struct) -> bytes:
    return msgspec.json.encode(said) + b"\n"
