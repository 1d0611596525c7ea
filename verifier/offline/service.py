"""Takes the records of devices that were offline: reads, judges, records, answers; each for itself (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET

from accounts.devices import Device
from accounts.rights import EVERYWHERE, Caller, Right
from cards.offline_record import SignedRecord
from cards.verify import CardCache, RefusedCard, Verified
from edge.instants import rfc3339
from edge.problems import Problem
from ledger.bookings import Booking, BookingQuery
from ledger.values import OperationConflict, Outcome
from verifier.counter.answers import Words
from verifier.counter.checking_in import ledger_problems
from verifier.counter.phrasing import quotas_left
from verifier.offline.answers import Missing, Progress, RecordAnswer
from verifier.offline.judging import (
    Judging,
    needs_bookings,
    timed,
    use_of,
    verified,
    why_held,
)
from verifier.offline.reading import FAULTS, Read, Reading, Unread
from verifier.records.offline import APPLIED, DISMISSED, FORGED, HELD, Kept, SeenRecord
from verifier.service import Verifier
from verifier.trust.published import Documents

_FORGERIES = frozenset({"forged-record", "unknown-device"})
_WRITTEN = msgspec.json.Encoder()
_ANSWER = msgspec.json.Decoder(RecordAnswer)


@dataclass(slots=True)
class _Batch:
    """One call's records on their way."""

    documents: Documents
    at: datetime
    known: dict[tuple[str, int, str], Kept] = field(default_factory=dict)
    seen: list[SeenRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits for a supervisor, and what it says where it can still be read."""

    kept: Kept
    read: Read | None


class OfflineService:
    """Judges offline records by the same rules and documents as the counter's desk."""

    def __init__(self, verifier: Verifier, devices: Callable[[str], Device | None]) -> None:
        """`devices` finds a device by its id, revoked or not."""
        self._verifier = verifier
        self._store = verifier.store.offline
        self._devices = devices
        self._cache = CardCache()

    def upload(self, texts: Sequence[str], caller: Caller, at: datetime) -> tuple[RecordAnswer, ...]:
        """Take records in any order; each is answered for itself, and what was applied before is answered again.

        Raises Problem `unavailable` or `clock-skew` when the ledger fails on the way: what was applied stays so, and
        the same call again goes on from there.
        """
        reading = Reading(self._verifier.programme, self._devices, caller)
        read = [reading.read(text) for text in texts]
        batch = _Batch(self._verifier.published(at), at, self._known(read))
        try:
            answers = tuple(self._answer(record, batch) for record in read)
        finally:
            self._store.remember(batch.seen, at)
        forged = sum(isinstance(record, Unread) and record.fault in _FORGERIES for record in read)
        if forged:
            self._store.note(caller.id, FORGED, 0, at)
        for device in {record.signed.record.device for record in read if isinstance(record, Read)}:
            self._store.note_gaps(device, at)
        return answers

    def progress(self, caller: Caller, at: datetime) -> Progress:
        """Return how far a device's queue has come."""
        missing = self._store.note_gaps(caller.id, at)
        held = sum(kept.device == caller.id for kept in self._store.held(None))
        return Progress(
            highest=self._store.highest(caller.id), missing=tuple(Missing(*gap) for gap in missing), held=held
        )

    def waiting(self, caller: Caller) -> tuple[Waiting, ...]:
        """Return the records that wait where the caller supervises, the oldest first; Problem not-permitted."""
        points = caller.points(Right.OVERRIDE)
        if not points:
            raise Problem("not-permitted")
        return tuple(
            Waiting(kept, self._again(kept)) for kept in self._store.held(None if EVERYWHERE in points else points)
        )

    def decide(self, digest: str, caller: Caller, at: datetime, *, release: bool) -> RecordAnswer:
        """Let a record that waits count, or put it aside: a supervisor's word, never that of who recorded it.

        Decided before, the first decision stands and is told. Raises Problem not-found or not-permitted.
        """
        found = self._store.find(digest)
        if found is None:
            raise Problem("not-found")
        kept, _ = found
        caller.require(Right.OVERRIDE, kept.point)
        operator = caller.operator
        if operator is None or operator.id == kept.operator:
            raise Problem("not-permitted", "another supervisor than the operator of the record decides")
        if kept.state != HELD:
            return _told_again(kept)
        if not release:
            self._store.decide(digest, DISMISSED, operator.id)
            return RecordAnswer(status="dismissed", seq=kept.seq, why=kept.why or UNSET)
        return self._release(kept, operator.id, at)

    def _release(self, kept: Kept, approver: str, at: datetime) -> RecordAnswer:
        read = self._again(kept)
        if read is None:
            raise Problem("not-found", "the record can no longer be read: its device, point or service is gone")
        documents = self._verifier.published(at)
        marks = () if kept.why is None else (kept.why,)
        answer = self._apply(read, documents, at, received_at=kept.received_at, marks=marks, approver=approver)
        if answer.status == APPLIED:
            self._store.decide(kept.digest, APPLIED, approver, _WRITTEN.encode(answer).decode())
        return answer

    def _again(self, kept: Kept) -> Read | None:
        found = self._store.find(kept.digest)
        text = None if found is None else found[1]
        read = None if text is None else Reading(self._verifier.programme, self._devices, None).read(text)
        return read if isinstance(read, Read) else None

    def _known(self, read: Iterable[Read | Unread]) -> dict[tuple[str, int, str], Kept]:
        numbers: dict[str, list[int]] = {}
        for record in read:
            if isinstance(record, Read):
                numbers.setdefault(record.device.id, []).append(record.signed.record.seq)
        found = {}
        for device, seqs in numbers.items():
            for (seq, digest), kept in self._store.known(device, seqs).items():
                found[device, seq, digest] = kept
        return found

    def _answer(self, read: Read | Unread, batch: _Batch) -> RecordAnswer:
        if isinstance(read, Unread):
            return _refused(read.fault, read.signed)
        record = read.signed.record
        kept = batch.known.get((record.device, record.seq, read.signed.digest))
        if kept is not None:
            return _told_again(kept, read.signed)
        why = why_held(read, batch.at)
        if why is not None:
            batch.seen.append(SeenRecord(read.signed, HELD, why))
            return _held(read.signed, why)
        answer = self._apply(read, batch.documents, batch.at, received_at=batch.at)
        if answer.status == APPLIED:
            batch.seen.append(SeenRecord(read.signed, APPLIED, answer=_WRITTEN.encode(answer).decode()))
        return answer

    def _apply(
        self,
        read: Read,
        documents: Documents,
        at: datetime,
        *,
        received_at: datetime,
        marks: tuple[str, ...] = (),
        approver: str | None = None,
    ) -> RecordAnswer:
        use = timed(read.signed.record, documents, received_at)
        verdict = verified(read, documents, use, at, self._cache)
        self._verifier.misfits.tell(verdict, at)
        by = Judging(documents, use, at, self._bookings(read, verdict), marks, approver)
        with ledger_problems():
            try:
                outcome = self._verifier.ledger.record_offline(use_of(read, verdict, by))
            except OperationConflict:
                return _refused("operation-conflict", read.signed)
        if outcome.granted and read.service.matter is not None:
            self._verifier.matters.see(outcome.entry)
        return self._applied(read, outcome, use.at)

    def _bookings(self, read: Read, verdict: Verified | RefusedCard) -> tuple[Booking, ...]:
        if verdict.card is None or not needs_bookings(read):
            return ()
        with ledger_problems():
            return self._verifier.ledger.bookings(BookingQuery(subject=verdict.card.subject))

    def _applied(self, read: Read, outcome: Outcome, used_at: datetime) -> RecordAnswer:
        record = read.signed.record
        return RecordAnswer(
            status="applied",
            seq=record.seq,
            operation=record.operation,
            id=outcome.entry,
            outcome="granted" if outcome.granted else "denied",
            reason=outcome.reason or UNSET,
            marks=outcome.marks,
            linked=outcome.linked or UNSET,
            joined=outcome.joined or UNSET,
            used_at=rfc3339(used_at),
            quotas=quotas_left(self._verifier.programme, outcome.figures),
            promise=self._verifier.answering.promise(outcome.entry, outcome.leaf_hash, outcome.at),
            replayed=outcome.replayed,
        )


def _refused(fault: str, signed: SignedRecord | None) -> RecordAnswer:
    answer = RecordAnswer(status="refused", why=fault, message=Words.of(FAULTS[fault]))
    if signed is None:
        return answer
    return msgspec.structs.replace(answer, seq=signed.record.seq, operation=signed.record.operation)


def _held(signed: SignedRecord, why: str) -> RecordAnswer:
    return RecordAnswer(status="held", seq=signed.record.seq, operation=signed.record.operation, why=why)


def _told_again(kept: Kept, signed: SignedRecord | None = None) -> RecordAnswer:
    """What was answered before: nothing is judged twice."""
    if kept.state == APPLIED and kept.answer is not None:
        return msgspec.structs.replace(_ANSWER.decode(kept.answer), replayed=True)
    operation = UNSET if signed is None else signed.record.operation
    status: Literal["held", "dismissed"] = "held" if kept.state == HELD else "dismissed"
    return RecordAnswer(status=status, seq=kept.seq, operation=operation, why=kept.why or UNSET, replayed=True)
