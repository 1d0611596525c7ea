"""Takes the records of devices that were offline: reads, judges, records and answers each by itself (docs/design.md
§6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from accounts.rights import Caller, Right
from accounts.store import AccountStore
from cards.offline_record import SignedRecord
from cards.verify import CardCache
from edge.instants import rfc3339
from edge.problems import Problem
from ledger.bookings import Booking, BookingQuery
from ledger.offline import HELD as HELD_MARK
from ledger.values import OperationConflict, Outcome
from verifier.counter.answers import Words
from verifier.counter.checking_in import ledger_problems
from verifier.counter.commitments import Commitment
from verifier.counter.phrasing import quotas_left
from verifier.offline.answers import Decision, Missing, Progress, RecordAnswer
from verifier.offline.judging import Decided, Judging, needs_bookings, use_of
from verifier.offline.reading import FAULTS, Read, Reading, Unread
from verifier.offline.standing import LATE, Timed, Verdicts, granted_here, on_duty, timed, verified, why_held
from verifier.records.offline import APPLIED, DISMISSED, FORGED, HELD, Kept, SeenRecord
from verifier.rules.supervising import answers_for
from verifier.service import Verifier
from verifier.trust.published import Documents

_FORGERIES = frozenset({"forged-record", "unknown-device"})
_WRITTEN = msgspec.json.Encoder()
_ANSWER = msgspec.json.Decoder(RecordAnswer)


@dataclass(slots=True)
class _Batch:
    """The records of one call on their way."""

    documents: Documents
    at: datetime
    known: dict[tuple[str, int, str], Kept] = field(default_factory=dict)
    seen: list[SeenRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits for a supervisor, and its content if it can still be read."""

    kept: Kept
    read: Read | None


class OfflineService:
    """Judges offline records by the same rules and documents as the counter."""

    def __init__(self, verifier: Verifier, accounts: AccountStore) -> None:
        """`accounts` knows the devices, also revoked ones, and which operator was signed in there at a time."""
        self._verifier = verifier
        self._store = verifier.store.offline
        self._grants = verifier.store.offline_grants
        self._devices = accounts.devices.find
        self._on_duty = accounts.operators.on_duty
        self._cache = CardCache()

    def upload(self, texts: Sequence[str], caller: Caller, at: datetime) -> tuple[RecordAnswer, ...]:
        """Take records in any order. Each gets its own answer, and a record that was applied before gets its first
        answer again.

        Raises Problem `unavailable` or `clock-skew` if the ledger fails on the way. Records that were applied stay
        applied, and the same call, sent again, goes on from there.
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
        """Return the progress of a device's queue."""
        missing = self._store.note_gaps(caller.id, at)
        return Progress(
            highest=self._store.highest(caller.id),
            missing=tuple(Missing(*gap) for gap in missing),
            held=self._store.held_of(caller.id),
        )

    def waiting(self, caller: Caller) -> tuple[Waiting, ...]:
        """Return the records that wait where the caller supervises, oldest first. Problem not-permitted.

        If the point offers the service, its records are for the point and for the department. Otherwise they are for
        those who provide the service.
        """
        programme = self._verifier.programme
        places = {
            service: [point for point in programme.points if self._may_decide(caller, point, service)]
            for service in programme.services
        }
        if not any(places.values()):
            raise caller.refusal(Right.OVERRIDE, caller.point or "")
        return tuple(Waiting(kept, self._again(kept)) for kept in self._store.held(places))

    def decide(self, digest: str, caller: Caller, asked: Decision, at: datetime) -> RecordAnswer:
        """Count a waiting record, or set it aside. A supervisor decides, never the person who made the record.

        The supervisor must be another person than the record's operator, and at another device. If there is a decision
        already, it stands and is returned. Raises Problem not-found or not-permitted.
        """
        found = self._store.find(digest)
        if found is None:
            raise Problem("not-found")
        kept, _ = found
        if not self._may_decide(caller, kept.point, kept.service):
            raise caller.refusal(Right.OVERRIDE, kept.point, kept.service)
        approver = caller.supervisor
        if approver is None or approver == kept.operator or caller.id == kept.device:
            raise Problem("not-permitted", "another supervisor than the operator of the record decides, elsewhere")
        if kept.state != HELD:
            return _told_again(kept)
        return self._decided(kept, approver, asked, at)

    def _may_decide(self, caller: Caller, point: str, service: str) -> bool:
        return answers_for(caller, Right.OVERRIDE, self._verifier.programme, point, service)

    def _decided(self, kept: Kept, approver: str, asked: Decision, at: datetime) -> RecordAnswer:
        read = self._again(kept)
        if read is None:
            raise Problem("not-found", "the record can no longer be read: its device, point or service is gone")
        commitment = Commitment.of(asked.note)
        text = None if commitment is None else commitment.text
        word = Decided(asked.release, kept.why or LATE, approver, asked.reason, text)
        answer = self._apply(read, self._verifier.published(at), at, received_at=kept.received_at, decision=word)
        if answer.status in {APPLIED, DISMISSED}:
            self._store.decide(kept.digest, answer.status, approver, _WRITTEN.encode(answer).decode())
            if commitment is not None and answer.id is not None and not answer.replayed:
                self._verifier.store.keep_note(answer.id, commitment.opened, at)
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
        answer = self._apply(read, batch.documents, batch.at, received_at=batch.at)
        if answer.status in {APPLIED, HELD}:
            told, why = _WRITTEN.encode(answer).decode(), answer.why or None
            batch.seen.append(SeenRecord(read.signed, answer.status, why, told, answer.id or None))
        return answer

    def _apply(
        self,
        read: Read,
        documents: Documents,
        at: datetime,
        *,
        received_at: datetime,
        decision: Decided | None = None,
    ) -> RecordAnswer:
        use = timed(read.signed.record, documents, received_at)
        staff = on_duty(read, use, self._on_duty)
        verdicts = verified(read, documents, use, at, self._cache)
        held = None if decision is not None else why_held(read, staff, received_at)
        by = Judging(documents, use, at, staff, self._bookings(read, verdicts), held, decision)
        beyond = held is None and decision is None and self._is_beyond(read, verdicts, documents, use, at)
        with ledger_problems():
            try:
                outcome = self._verifier.ledger.record_offline(use_of(read, verdicts, by, beyond=beyond))
            except OperationConflict:
                self._grants.give_back(read.signed.digest)
                return _refused("operation-conflict", read.signed)
        if not outcome.granted or outcome.joined is not None:
            self._grants.give_back(read.signed.digest)
        if outcome.granted and read.service.matter is not None:
            record = read.signed.record
            self._verifier.matters.entered(outcome.entry, verdicts.now.card, record.beneficiary, at)
        return self._answered(read, outcome, use.at, decision)

    def _is_beyond(self, read: Read, verdicts: Verdicts, documents: Documents, use: Timed, at: datetime) -> bool:
        """Return whether the device has granted this holder the service as often as `offline_limit` allows. Otherwise
        take one of its places.
        """
        most, card = read.service.offline_limit, verdicts.now.card
        if not most or card is None or not read.signed.record.granted:
            return False
        here = granted_here(read, card, documents, use)
        with ledger_problems():
            return not self._grants.take(here, read.signed.digest, most, self._costs, at)

    def _costs(self, entry: str) -> bool:
        """Return whether a use still counts: it is not voided, and does not lie within another use's visit."""
        found = self._verifier.ledger.entry(entry)
        if found is None or found.voided:
            return False
        return found.leaf.visit is None or found.leaf.visit.entry is None

    def _bookings(self, read: Read, verdicts: Verdicts) -> tuple[Booking, ...]:
        card = verdicts.now.card
        if card is None or not needs_bookings(read):
            return ()
        with ledger_problems():
            return self._verifier.ledger.bookings(BookingQuery(subject=card.subject))

    def _answered(self, read: Read, outcome: Outcome, used_at: datetime, decision: Decided | None) -> RecordAnswer:
        record, held = read.signed.record, HELD_MARK in outcome.marks
        put_aside = decision is not None and not decision.release
        why = outcome.reason if held else decision.why if decision is not None and put_aside else None
        return RecordAnswer(
            status="held" if held else "dismissed" if put_aside else "applied",
            why=why or None,
            seq=record.seq,
            operation=record.operation,
            id=outcome.entry,
            outcome="granted" if outcome.granted else "denied",
            reason=outcome.reason or None,
            marks=outcome.marks,
            linked=outcome.linked or None,
            joined=outcome.joined or None,
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


def _told_again(kept: Kept, signed: SignedRecord | None = None) -> RecordAnswer:
    """Return the earlier answer. Nothing is judged twice."""
    if kept.answer is not None:
        return msgspec.structs.replace(_ANSWER.decode(kept.answer), replayed=True)
    operation = None if signed is None else signed.record.operation
    status: Literal["held", "dismissed"] = "held" if kept.state == HELD else "dismissed"
    return RecordAnswer(status=status, seq=kept.seq, operation=operation, why=kept.why or None, replayed=True)
