"""Turns a record into the ledger's change: steps 1 to 9 of docs/design.md §5 again, with the proof judged at the time
of the use.

This module opens nothing and reads no clock. Callers hand in the documents, the holder's bookings and the instants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cards.offline_record import OfflineRecord
from cards.programme.types import Mode
from cards.verify import RefusedCard, Verified
from edge.instants import to_epoch
from ledger.bookings import Booking
from ledger.offline import CLOCK_DOUBT, DISMISSED, OfflineUse
from ledger.values import CheckIn, Operation
from verifier.counter.checking_in import check_in_of, draft_of, judged_use, operation_of, proof_claim, refusal
from verifier.counter.intents import Intent
from verifier.offline.reading import Read
from verifier.offline.standing import (
    NOBODY,
    OFFLINE_LIMIT,
    OPERATOR_UNPROVED,
    OnDuty,
    Timed,
    Verdicts,
    caller_of,
    why_not_alone,
)
from verifier.rules.entitlement import cost_of, reference_fault
from verifier.rules.matters import opening_facts
from verifier.rules.reasons import ORDER, REASONS
from verifier.trust.published import Documents

KEPT: Final = timedelta(days=100)
"""How long the ledger knows a record's operation. Within this time, the ledger itself counts a repeated record once."""

DROPPED_REFERENCE: Final = "reference-dropped"
"""Mark: the reference did not have the programme's form and is not logged, because it might name a person."""

REFUSED_OFFLINE: Final = "refused-offline"
"""The reason for a device's refusal without a reason of the closed set."""


def intent_of(read: Read, staff: OnDuty) -> Intent:
    """Return the check-in in a record, as it would have been requested online. If it was requested online, the
    operation is the same.
    """
    record = read.signed.record
    return Intent(
        operation=record.operation,
        caller=caller_of(read, staff),
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
        matter=opening_facts(read.service, None, None),
    )


def needs_bookings(read: Read) -> bool:
    """Return whether step 9 needs the holder's bookings."""
    return read.service.mode is Mode.BOOKED and read.signed.record.granted


@dataclass(frozen=True, slots=True)
class Judging:
    """The basis for judging a record.

    `held`: the reason for a hold, by its device or its time. `decision`: a supervisor's decision on the record, if
    there was one.
    """

    documents: Documents
    use: Timed
    at: datetime
    staff: OnDuty = NOBODY
    bookings: tuple[Booking, ...] = ()
    held: str | None = None
    decision: Decided | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A supervisor's decision on a held record: `why` it was held, `approver`, the code of the reason, and the
    commitment to the note.
    """

    release: bool
    why: str
    approver: str
    reason: str
    note: str | None = None


def use_of(read: Read, verdicts: Verdicts, by: Judging, *, beyond: bool = False) -> OfflineUse:
    """Return the ledger's change for a record. `beyond`: the device has already granted as often as it may."""
    intended, verdict = intent_of(read, by.staff), verdicts.now
    operation = operation_of(intended, verdict)
    intent, dropped = _fit(intended)
    change = _change(intent, operation, verdict, by)
    draft = change.draft
    use = OfflineUse(
        operation=change.operation,
        at=by.at,
        used_at=by.use.at,
        keep_until=by.at + KEPT,
        draft=replace(
            draft,
            marks=(*draft.marks, *_marks(by), *dropped),
            extra={**draft.extra, "record": read.signed.digest, **_decision_fields(by.decision)},
        ),
        granted=read.signed.record.granted,
        reason=_reason(read.signed.record),
        findings=change.findings,
        order=change.order,
    )
    if verdict.card is None or not use.granted:
        return use
    if by.decision is not None and not by.decision.release:
        return replace(use, granted=False, reason=by.decision.why, dismissed=True)
    return _standing(_with_cost(use, change, verdicts, by, read), read, verdicts, by, beyond=beyond)


def _change(intent: Intent, operation: Operation, verdict: Verified | RefusedCard, by: Judging) -> CheckIn:
    """Judge a record as a check-in. Steps 7 to 9 also run for a refused card, because the device may have granted
    it.
    """
    draft = draft_of(intent, verdict, by.documents)
    if verdict.card is None:
        return refusal(operation, verdict, by.use.at, draft)
    use = judged_use(intent, verdict.card, by.documents, by.bookings, by.use.at)
    change = check_in_of(use, operation, by.use.at, draft)
    if isinstance(verdict, Verified):
        return change
    return replace(change, findings=(verdict.reason, *change.findings), order=(verdict.reason, *ORDER))


def _standing(use: OfflineUse, read: Read, verdicts: Verdicts, by: Judging, *, beyond: bool) -> OfflineUse:
    """Add why a grant does not stand by itself. A grant that a supervisor released needs no proof."""
    if by.decision is not None:
        return use
    return replace(
        use,
        hold=by.held or why_not_alone(read, verdicts, by.staff),
        hold_if_counted=OFFLINE_LIMIT if beyond else None,
        hold_used_proof=True,
    )


def _marks(by: Judging) -> tuple[str, ...]:
    found = () if by.use.believed else (CLOCK_DOUBT,)
    found = (*found, OPERATOR_UNPROVED) if by.staff.unproved else found
    if by.decision is None:
        return found
    if not by.decision.release:
        return (*found, DISMISSED, f"decision:{by.decision.reason}")
    return tuple(dict.fromkeys((by.decision.why, *found, f"decision:{by.decision.reason}")))


def _decision_fields(decision: Decided | None) -> dict[str, object]:
    if decision is None:
        return {}
    said: dict[str, object] = {"approver": decision.approver}
    return said if decision.note is None else said | {"note": decision.note}


def _with_cost(use: OfflineUse, change: CheckIn, verdicts: Verdicts, by: Judging, read: Read) -> OfflineUse:
    """Add the cost of a grant. If the clock is in doubt, the time of the use is unknown, and the use opens no visit."""
    claim = proof_claim(verdicts.then, by.at) if isinstance(verdicts.then, Verified) else None
    card = verdicts.now.card
    if change.booking is None or card is None:
        visit = change.visit if by.use.believed else None
        return replace(use, claim=claim, visit=visit, choice=change.choice, charges=change.charges)
    cost = cost_of(by.documents.programme, read.service, card.tier, by.use.at)
    return replace(use, claim=claim, booking=change.booking, choice=cost.choice, charges=cost.charges)


def _fit(intent: Intent) -> tuple[Intent, tuple[str, ...]]:
    """Leave out of an entry what the programme would not have accepted. The use itself happened."""
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
