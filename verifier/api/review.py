"""What auditors' pages ask beyond the log itself: figures, anomalies and their reviews, proofs explained, exports.

Every call needs the right `audit`, and every reading is itself kept. Figures and anomalies are read from the published
log, never from the ledger, so that no check-in waits for an auditor.
"""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from flask import Blueprint, Response, request

from accounts.rights import EVERYWHERE, Caller, Right
from edge.database import Database
from edge.encoding import b64u
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import from_epoch, rfc3339, to_epoch
from edge.openapi import describe
from edge.problems import Problem
from keys.keyset import Purpose
from verifier.api.asking import Asking
from verifier.api.review_bodies import (
    AnomalyPage,
    AnomalyQuery,
    AnomalySaid,
    EntrySaid,
    ExportQuery,
    FiguresSaid,
    FindingSaid,
    NameBody,
    NameSaid,
    ProofSaid,
    ReviewBody,
    ReviewSaid,
    SignedBy,
    SpanQuery,
    VerificationSaid,
)
from verifier.audit.anomalies import Anomaly, find_anomalies, leaves_between
from verifier.audit.chains import Finding
from verifier.audit.checking import check_tiles
from verifier.audit.exporting import Exported, Filter, json_lines, write_csv, write_xlsx
from verifier.audit.leaf import LeafError, leaf_hash
from verifier.audit.notes import NoteError, NoteKey, OpenedCheckpoint, ecdsa_key, open_checkpoint
from verifier.audit.place import PlaceError, State
from verifier.audit.proofs import EntryProof, LogReader, NotLogged, Unproved
from verifier.audit.reviews import Review, ReviewStore
from verifier.audit.tiles import TileError
from verifier.audit.usage import Span, UsageFigures
from verifier.checkin import ledger_problems
from verifier.ledger.interface import Entry
from verifier.ledger.millis import from_millis
from verifier.service import Verifier
from verifier.store import Access

DAYS_MOST: Final = 400
ANOMALY_DAYS_MOST: Final = 62
ENTRIES_SEARCHED: Final = 200_000
ANOMALIES_TOLD: Final = 200
VERIFIED_HERE: Final = 50_000
"""Entries that a page may have checked at once; a larger log is checked by the command line."""

COMMAND: Final = "python -m verifier audit verify"
_CHUNK: Final = 64 * 1024
_TYPES: Final = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Reviewing:
    """What these calls work with."""

    def __init__(self, verifier: Verifier, log: LogReader, asking: Asking, database: Database, secret: bytes) -> None:
        """Keep figures and reviews in the verifier's `database`; notes are sealed under `secret`."""
        self.verifier, self.log, self._asking = verifier, log, asking
        self.zone = verifier.programme.zone
        self.usage = UsageFigures(database, log, self.zone, self._fields)
        self.reviews = ReviewStore(database, secret)

    def auditor(self, point: str | None = None) -> Caller:
        """Return the caller, who may audit `point`, or everything; Problem not-permitted."""
        caller = self._asking.authenticate(request)
        caller.require(Right.AUDIT, point or EVERYWHERE)
        return caller

    def auditor_of(self, entry_id: str) -> tuple[Caller, Entry, str | None]:
        """Return the caller, who may audit an entry's point, the entry and its holder's name in the log.

        Problems: not-permitted, also for an entry that is not there unless the caller may audit everything; not-found.
        """
        caller = self._asking.authenticate(request)
        with ledger_problems():
            entry = self.verifier.ledger.entry(entry_id)
        caller.require(Right.AUDIT, EVERYWHERE if entry is None else str(entry.fields["point"]))
        if entry is None:
            raise Problem("not-found")
        holder = entry.fields.get("holder")
        return caller, entry, None if holder is None else str(holder)

    def record(self, caller: Caller, kind: str, what: object, holder: str | None = None) -> None:
        """Keep that the caller read something."""
        text = what if isinstance(what, str) else msgspec.json.encode(what).decode()
        operator = None if caller.operator is None else caller.operator.id
        self.verifier.store.record(Access(kind, caller.id, text, operator, caller.point, holder), request_instant())

    def points_of(self, asked: SpanQuery) -> frozenset[str] | None:
        """Return the points that a query is about, None for all."""
        if asked.point is not None:
            return frozenset({asked.point})
        if asked.department is None:
            return None
        points = self.verifier.programme.points.values()
        return frozenset(point.code for point in points if point.department == asked.department)

    def keys(self, origin: str) -> tuple[NoteKey, ...]:
        """Return the log's keys as the trust bundle names them."""
        bundle = self.verifier.published(request_instant()).bundle
        return tuple(ecdsa_key(origin, each.key) for each in bundle.keys if each.purpose is Purpose.LOG)

    def opened(self, state: State) -> OpenedCheckpoint:
        """Return the newest checkpoint, verified; NoteError."""
        witnesses = [witness.key for witness in self.log.witnesses]
        return open_checkpoint(state.checkpoint, self.keys(state.tree.origin), witnesses)

    def _fields(self, entry_id: str) -> dict[str, Any] | None:
        with ledger_problems():
            entry = self.verifier.ledger.entry(entry_id)
        return None if entry is None else dict(entry.fields)


def review_blueprint(
    verifier: Verifier, log: LogReader, asking: Asking, database: Database, secret: bytes
) -> Blueprint:
    """Return the calls of auditors' pages."""
    found = Blueprint("review", __name__)
    reviewing = Reviewing(verifier, log, asking, database, secret)
    _add_figures(found, reviewing)
    _add_anomalies(found, reviewing)
    _add_reviews(found, reviewing)
    _add_entries(found, reviewing)
    _add_verifications(found, reviewing)
    _add_exports(found, reviewing)
    _add_names(found, reviewing)
    return found


def _add_figures(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/figures")
    @describe(
        summary="Figures of use, counted from the published log",
        tag="audit",
        query=SpanQuery,
        answers={200: FiguresSaid},
        problems={"unavailable"},
    )
    def audit_figures() -> Response:
        asked = read_query(SpanQuery)
        caller = reviewing.auditor(asked.point)
        since, until = _days(asked.since, asked.until, DAYS_MOST)
        with log_problems():
            figures = reviewing.usage.read(Span(since, until, reviewing.points_of(asked), asked.service))
        reviewing.record(caller, "figures", asked)
        return answer(FiguresSaid(figures, rfc3339(request_instant())))


def _add_anomalies(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/anomalies")
    @describe(
        summary="What in the published log deserves a second look, with the reviews of it",
        tag="audit",
        query=AnomalyQuery,
        answers={200: AnomalyPage},
        problems={"unavailable"},
    )
    def audit_anomalies() -> Response:
        asked = read_query(AnomalyQuery)
        caller = reviewing.auditor()
        since, until = _days(asked.since, asked.until, ANOMALY_DAYS_MOST)
        with log_problems():
            leaves = _leaves(reviewing, since, until)
            anomalies = find_anomalies(leaves, reviewing.zone)
        found, anomalies = len(anomalies), anomalies[:ANOMALIES_TOLD]
        reviews = reviewing.reviews.of(one.id for one in anomalies)
        reviewing.record(caller, "anomalies", asked)
        said = tuple(_anomaly(one, reviews.get(one.id, [])) for one in anomalies)
        complete = len(leaves) < ENTRIES_SEARCHED
        return answer(AnomalyPage(said, found, len(leaves), complete, rfc3339(request_instant())))


def _add_reviews(found: Blueprint, reviewing: Reviewing) -> None:
    @found.post("/v1/audit/reviews")
    @describe(
        summary="Note that an anomaly was looked at",
        tag="audit",
        body=ReviewBody,
        answers={201: ReviewSaid},
        problems={"not-permitted"},
        writes=True,
    )
    def audit_review() -> Response:
        caller = reviewing.auditor()
        body, operation, at = read_body(ReviewBody), idempotency_key(), request_instant()
        reviewing.reviews.add(caller.id, operation, Review(body.anomaly, at, caller.label, body.note))
        reviewing.record(caller, "review", body.anomaly)
        return answer(ReviewSaid(rfc3339(at), caller.label, body.note), 201)


def _add_entries(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/entries/<entry_id>")
    @describe(
        summary="One entry with its proof, checked",
        tag="audit",
        answers={200: EntrySaid},
        problems={"not-found", "unavailable", "not-trusted"},
    )
    def audit_entry(entry_id: str) -> Response:
        caller, entry, holder = reviewing.auditor_of(entry_id)
        with log_problems():
            proof = _proof(reviewing, entry)
        reviewing.record(caller, "log", entry_id, holder)
        return answer(EntrySaid(entry.id, entry.voided, dict(entry.fields), proof, rfc3339(request_instant())))


def _add_verifications(found: Blueprint, reviewing: Reviewing) -> None:
    @found.post("/v1/audit/verifications")
    @describe(
        summary="Check the whole published log now: entries, tree, chains, signature",
        tag="audit",
        answers={200: VerificationSaid},
        problems={"unavailable", "not-trusted"},
    )
    def audit_verification() -> Response:
        caller = reviewing.auditor()
        with log_problems():
            said = _verified(reviewing)
        reviewing.record(caller, "verify", f"{said.state} {said.entries}")
        return answer(said)


def _add_exports(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/export")
    @describe(
        summary="The published log handed out: JSON Lines with proofs, CSV or XLSX",
        tag="audit",
        query=ExportQuery,
        answers={200: "application/jsonl"},
        problems={"unavailable", "not-found", "not-trusted"},
    )
    def audit_export() -> Response:
        asked = read_query(ExportQuery)
        caller = reviewing.auditor(asked.point)
        with log_problems():
            exported, name = _exported(reviewing)
        reviewing.record(caller, "export", asked, asked.holder)
        headers = {"Content-Disposition": f'attachment; filename="{name}.{asked.format}"'}
        lines = _export(exported, asked, reviewing)
        return Response(lines, 200, headers, content_type=_TYPES[asked.format])


def _add_names(found: Blueprint, reviewing: Reviewing) -> None:
    @found.post("/v1/audit/names")
    @describe(
        summary="Ask for the name behind an entry, with a purpose; the asking is kept",
        tag="audit",
        body=NameBody,
        answers={200: NameSaid},
        problems={"not-found", "unavailable"},
    )
    def audit_name() -> Response:
        body = read_body(NameBody)
        caller, entry, holder = reviewing.auditor_of(body.entry)
        caller.require(Right.NAMES, str(entry.fields["point"]))
        reviewing.record(caller, "names", f"{body.entry}: {body.purpose}", holder)
        # The verifier knows no names, and the issuer does not tell them to it: only the pseudonym is here.
        return answer(NameSaid(available=False, holder=holder, name=None))


@contextmanager
def log_problems() -> Iterator[None]:
    """Answer 503 while the log's files cannot be read."""
    try:
        yield
    except (PlaceError, TileError, NoteError):
        raise Problem("unavailable", "a file of the log is missing or damaged") from None


def _days(since: str, until: str, most: int) -> tuple[date, date]:
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError:
        raise _invalid("$.since", "not a day of the calendar") from None
    if not 0 <= (last - first).days < most:
        raise _invalid("$.until", f"not after `since`, or more than {most} days")
    return first, last


def _invalid(path: str, message: str) -> Problem:
    return Problem("invalid-field", extra={"fields": [{"path": path, "message": message}]})


def _starts(day: date, reviewing: Reviewing) -> datetime:
    return datetime.combine(day, time(), reviewing.zone)


def _leaves(reviewing: Reviewing, since: date, until: date) -> list[bytes]:
    state = reviewing.log.state()
    if state is None:
        return []
    bounds = [to_epoch(_starts(day, reviewing)) * 1000 for day in (since, until + timedelta(days=1))]
    source = reviewing.log.source
    return list(leaves_between(source, state.size, bounds[0], bounds[1], ENTRIES_SEARCHED))


def _anomaly(one: Anomaly, reviews: list[Review]) -> AnomalySaid:
    said = tuple(ReviewSaid(rfc3339(each.at), each.name, each.note) for each in reviews)
    at = rfc3339(from_millis(one.at))
    return AnomalySaid(one.id, one.kind.value, one.grave, at, one.about, tuple(one.entries), one.count, said)


def _proof(reviewing: Reviewing, entry: Entry) -> ProofSaid:
    """The proof of the entry as the ledger holds it: whatever differs from the log shows here."""
    digest = leaf_hash(entry.leaf)
    try:
        proof = reviewing.log.prove(entry.id)
    except (NotLogged, LeafError):
        return ProofSaid(state="pending", leaf_hash=b64u(digest))
    origin = proof.checkpoint.partition("\n")[0]
    witnesses = [witness.key for witness in reviewing.log.witnesses]
    try:
        opened = proof.verify(digest, reviewing.keys(origin), witnesses)
    except Unproved as error:
        text = proof.encode()
        return ProofSaid(state="contradicted", message=str(error), leaf_hash=b64u(digest), index=proof.index, text=text)
    return _proved(reviewing, proof, opened, digest)


def _proved(reviewing: Reviewing, proof: EntryProof, opened: OpenedCheckpoint, digest: bytes) -> ProofSaid:
    names = {witness.name for witness in reviewing.log.witnesses}
    signed = tuple(
        SignedBy(each.key.name, None if each.at is None else rfc3339(from_epoch(each.at)), each.key.name in names)
        for each in opened.signed
    )
    return ProofSaid(
        state="proved",
        leaf_hash=b64u(digest),
        index=proof.index,
        size=opened.checkpoint.size,
        steps=len(proof.path),
        root=b64encode(opened.checkpoint.root).decode(),
        signed=signed,
        text=proof.encode(),
    )


def _verified(reviewing: Reviewing) -> VerificationSaid:
    state, at = reviewing.log.state(), rfc3339(request_instant())
    if state is None:
        return VerificationSaid("empty", 0, None, (), COMMAND, at)
    try:
        checkpoint = reviewing.opened(state).checkpoint
    except NoteError as error:
        wrong = FindingSaid("checkpoint", "checkpoint", str(error))
        return VerificationSaid("damaged", state.size, None, (wrong,), COMMAND, at)
    root = b64encode(checkpoint.root).decode()  # as the checkpoint writes it
    keys = tuple(key.vkey for key in reviewing.keys(checkpoint.origin))
    if checkpoint.size > VERIFIED_HERE:
        return VerificationSaid("too-large", checkpoint.size, root, (), COMMAND, at, keys)
    steps = check_tiles(reviewing.log.source, checkpoint)
    wrong_ones = tuple(
        FindingSaid(step.kind.value, step.place, step.message) for step in steps if isinstance(step, Finding)
    )
    return VerificationSaid("damaged" if wrong_ones else "sound", checkpoint.size, root, wrong_ones, COMMAND, at, keys)


def _exported(reviewing: Reviewing) -> tuple[Exported, str]:
    state = reviewing.log.state()
    if state is None:
        raise Problem("not-found", "no checkpoint has been published yet")
    opened = reviewing.opened(state)
    return Exported(reviewing.log.source, opened), f"yunju-log-{opened.checkpoint.size}"


def _export(exported: Exported, asked: ExportQuery, reviewing: Reviewing) -> Iterator[bytes]:
    first = None if asked.since is None else _days(asked.since, asked.since, 1)[0]
    last = None if asked.until is None else _days(asked.until, asked.until, 1)[0]
    wanted = Filter(
        since=None if first is None else _starts(first, reviewing),
        until=None if last is None else _starts(last + timedelta(days=1), reviewing),
        point=asked.point,
        service=asked.service,
        department=asked.department,
        kind=asked.kind,
        outcome=asked.outcome,
        reason=asked.reason,
        tier=asked.tier,
        device=asked.device,
        holder=asked.holder,
    )
    if asked.format == "jsonl":
        return json_lines(exported, wanted)
    return _table(exported, wanted, asked.format, reviewing)


def _table(exported: Exported, wanted: Filter, form: str, reviewing: Reviewing) -> Iterator[bytes]:
    """A table is written to a file that is gone with the answer, then sent: memory stays flat."""
    with tempfile.TemporaryDirectory(prefix="yunju-export-") as folder:
        path = Path(folder) / "log"
        if form == "csv":
            with path.open("w", encoding="utf-8-sig", newline="") as out:  # spreadsheets tell UTF-8 by its mark
                write_csv(exported, wanted, out, reviewing.zone)
        else:
            write_xlsx(exported, wanted, path, reviewing.zone)
        with path.open("rb") as file:
            yield from _chunks(file)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data
