"""From a record to what the ledger shall record: steps 1 to 9 of DESIGN §5 again, the proof judged at the use's time.

Opens nothing and reads no clock: the documents, the holder's bookings and the instants are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from accounts.rights import Caller, Operator, Right
from cards.offline_record import OfflineRecord, time_is_believed, verify_time
from cards.programme.types import Mode
from cards.status import StatusAnswer, StatusSource
from cards.verify import CardCache, RefusedCard, Verified, verify_presentation
from edge.instants import to_epoch
from keys.tokens import TokenError
from ledger.bookings import Booking
from ledger.offline import CLOCK_DOUBT, OfflineUse
from ledger.values import CheckIn, Operation
from verifier.counter.checking_in import (
    LATE_WINDOW,
    check_in_of,
    claim_of,
    draft_of,
    judged_use,
    operation_of,
    refusal,
)
from verifier.counter.intents import Intent
from verifier.offline.reading import Read
from verifier.rules.entitlement import cost_of, reference_fault
from verifier.rules.matters import opening
from verifier.rules.reasons import ORDER, REASONS
from verifier.trust.published import Documents

KEPT: Final = timedelta(days=100)
"""How long the ledger knows a record's operation: a record sent again within it counts once by the ledger alone."""

LATE: Final = "late"
REVOKED_DEVICE: Final = "revoked-device"
NO_RIGHT: Final = "no-right"
"""Why a record waits for a supervisor; once released, its entry bears the same word as a mark."""

DROPPED_REFERENCE: Final = "reference-dropped"
"""Mark: the reference had not the form that the programme asks for, and is not logged: it might name a person."""

REFUSED_OFFLINE: Final = "refused-offline"
"""Reason of a refusal by a device that gave none of the closed set."""


@dataclass(frozen=True, slots=True)
class Timed:
    """When a use was: `at`, the instant it belongs to, and whether that is the device's own (`believed`)."""

    at: datetime
    believed: bool


@dataclass(frozen=True, slots=True)
class _JudgedAt:
    """A status source asked as of another instant: no list of then is kept, so a use is held against today's."""

    source: StatusSource
    instant: datetime

    def status(self, uri: str, index: int, _at: datetime) -> StatusAnswer:
        """Return what is known now."""
        return self.source.status(uri, index, self.instant)


@dataclass(frozen=True, slots=True)
class _OwnNonces:
    """A reader's own nonces: offline it asks the chip by itself. That each serves once is the ledger's claim."""

    device: str

    def outstanding(self, reader: str, _nonce: bytes, _at: datetime) -> bool:
        """Tell whether the recording device itself asked."""
        return reader == self.device


def timed(record: OfflineRecord, documents: Documents, received_at: datetime) -> Timed:
    """Return the instant a use belongs to: the device's where it can be believed, else that of receipt (DESIGN §6)."""
    believed = time_is_believed(record, _server_time(record, documents), received_at)
    return Timed(min(record.made_at, received_at) if believed else received_at, believed)


def why_held(read: Read, received_at: datetime) -> str | None:
    """Return why a record waits for a supervisor, None when it does not."""
    if read.device.revoked_at is not None:
        return REVOKED_DEVICE
    if received_at - read.signed.record.made_at > LATE_WINDOW:
        return LATE
    return None if caller_of(read).may(Right.CHECK_IN, read.point.code) else NO_RIGHT


def _server_time(record: OfflineRecord, documents: Documents) -> datetime | None:
    if record.server_time is None:
        return None
    try:
        return verify_time(record.server_time, documents.trust.keys, documents.trust.issuer, record.made_at)
    except TokenError:
        return None


def asked(read: Read) -> Intent:
    """Return the check-in that a record tells of, as it would have been asked online: the same operation, if it was."""
    record = read.signed.record
    return Intent(
        operation=record.operation,
        caller=caller_of(read),
        point=read.point,
        service=read.service,
        presentation=record.presentation,
        beneficiary=record.beneficiary,
        reference=record.reference,
        id_checked=record.id_checked,
        not_holder=record.not_holder,
        client_time=to_epoch(record.made_at),
        booking=record.booking,
        companions=record.companions,
        matter=opening(read.service, None, None),
    )


def caller_of(read: Read) -> Caller:
    """Return the device that made a record as a caller; the operator stands as the device named them."""
    rights = {read.device.point: read.device.rights}
    operator = read.signed.record.operator
    signed_in = None if operator is None else Operator(operator, "", rights)
    return Caller("device", read.device.id, rights, read.device.point, signed_in, read.device.label)


def verified(read: Read, documents: Documents, use: Timed, at: datetime, cache: CardCache) -> Verified | RefusedCard:
    """Steps 2 to 6: the card at the use's instant, its status by today's list, the proof at the device's time."""
    record = read.signed.record
    return verify_presentation(
        record.presentation,
        replace(documents.trust, status=_JudgedAt(documents.trust.status, at)),
        use.at,
        least=read.service.least_assurance,
        id_checked=record.id_checked,
        challenges=_OwnNonces(record.device),
        cache=cache,
        proof_at=record.made_at,
    )


def needs_bookings(read: Read) -> bool:
    """Whether step 9 has to ask for the holder's bookings."""
    return read.service.mode is Mode.BOOKED and read.signed.record.granted


@dataclass(frozen=True, slots=True)
class Judging:
    """Everything that a record is judged by. `marks`: why it had to wait; `approver`: who released it."""

    documents: Documents
    use: Timed
    at: datetime
    bookings: tuple[Booking, ...] = ()
    marks: tuple[str, ...] = ()
    approver: str | None = None


def use_of(read: Read, verdict: Verified | RefusedCard, by: Judging) -> OfflineUse:
    """Return what the ledger shall record of a record."""
    intended = asked(read)
    operation = operation_of(intended, verdict)
    intent, dropped = _fit(intended)
    change = _change(intent, operation, verdict, by)
    doubt = () if by.use.believed else (CLOCK_DOUBT,)
    extra = {"record": read.signed.digest} | ({} if by.approver is None else {"approver": by.approver})
    draft = change.draft
    use = OfflineUse(
        operation=change.operation,
        at=by.at,
        used_at=by.use.at,
        keep_until=by.at + KEPT,
        draft=replace(draft, marks=(*draft.marks, *by.marks, *doubt, *dropped), extra={**draft.extra, **extra}),
        granted=read.signed.record.granted,
        reason=_reason(read.signed.record),
        findings=change.findings,
        order=change.order,
    )
    return use if verdict.card is None or not use.granted else _with_cost(use, change, verdict, by, read)


def _change(intent: Intent, operation: Operation, verdict: Verified | RefusedCard, by: Judging) -> CheckIn:
    """Judge a record as a check-in. Steps 7 to 9 follow a refused card too, since the device may have granted."""
    draft = draft_of(intent, verdict, by.documents)
    if verdict.card is None:
        return refusal(operation, verdict, by.use.at, draft)
    use = judged_use(intent, verdict.card, by.documents, by.bookings, by.use.at)
    change = check_in_of(use, operation, by.use.at, draft)
    if isinstance(verdict, Verified):
        return change
    return replace(change, findings=(verdict.reason, *change.findings), order=(verdict.reason, *ORDER))


def _with_cost(
    use: OfflineUse, change: CheckIn, verdict: Verified | RefusedCard, by: Judging, read: Read
) -> OfflineUse:
    """Add what a grant counts. A clock in doubt says nothing of when it was: such a use stands by itself."""
    claim = claim_of(verdict, by.at) if isinstance(verdict, Verified) else None
    if change.booking is None or verdict.card is None:
        visit = change.visit if by.use.believed else None
        return replace(use, claim=claim, visit=visit, choice=change.choice, charges=change.charges)
    cost = cost_of(by.documents.programme, read.service, verdict.card.tier, by.use.at)
    return replace(use, claim=claim, booking=change.booking, choice=cost.choice, charges=cost.charges)


def _fit(intent: Intent) -> tuple[Intent, tuple[str, ...]]:
    """Leave out of an entry what the programme would not have taken; the use itself happened."""
    marks: tuple[str, ...] = ()
    if intent.companions > intent.service.companions_most:
        intent = replace(intent, companions=intent.service.companions_most)
        marks = ("companions-over",)
    if intent.reference is not None and reference_fault(intent.service, intent.reference) is not None:
        return replace(intent, reference=None), (*marks, DROPPED_REFERENCE)
    return intent, marks


def _reason(record: OfflineRecord) -> str | None:
    if record.granted:
        return None
    return record.reason if record.reason in REASONS else REFUSED_OFFLINE
