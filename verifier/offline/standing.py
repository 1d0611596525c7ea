"""Whether an offline record stands by itself: its time, the staff, the presentation, and the device's rights
(docs/design.md §6).

This module opens nothing and reads no clock. A record that does not stand is held and never refused, because the use
may have happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from accounts.operators import OperatorRecord
from accounts.rights import Caller, Operator, Right
from cards.binding import MISFIT
from cards.claims import CardClaims
from cards.offline_record import OfflineRecord, time_is_believed, verify_time
from cards.periods import PeriodUnit, period_of
from cards.status import Freshness, Status, StatusAnswer, StatusSource
from cards.verify import CardCache, RefusedCard, Verified, verify_presentation
from keys.dpop import MAX_SKEW
from keys.tokens import TokenError
from verifier.counter.checking_in import LATE_WINDOW
from verifier.offline.reading import Read
from verifier.records.offline_grants import GrantedHere
from verifier.rules.entitlement import Wish, findings
from verifier.trust.published import Documents

LATE: Final = "late"
REVOKED_DEVICE: Final = "revoked-device"
NO_RIGHT: Final = "no-right"
OPERATOR_UNPROVED: Final = "operator-unproved"
"""Why a record waits for a supervisor. After its release, its entry has the same code as a mark.

The last code is also a mark on uses that count: the operator in the record was not signed in there, and the entry names
no operator.
"""

ONLINE_ONLY: Final = "online-only"
OFFLINE_LIMIT: Final = "offline-limit"
NEVER_HERE: Final = ("not-offered-here", "not-entitled", "not-for-beneficiary", "not-holder", "service-not-open")
"""Reasons of the programme alone, at any time and however the card was shown. The device knew them."""


@dataclass(frozen=True, slots=True)
class Timed:
    """The time of a use: `at` is the instant to which it belongs, and `believed` says whether this is the device's own
    time.
    """

    at: datetime
    believed: bool


@dataclass(frozen=True, slots=True)
class _JudgedAt:
    """A status source for a use in the past. Old status lists are not kept, so today's list judges the use."""

    source: StatusSource
    instant: datetime

    def status(self, uri: str, index: int, _at: datetime) -> StatusAnswer:
        """Return the card's status as known now."""
        return self.source.status(uri, index, self.instant)


@dataclass(frozen=True, slots=True)
class _OwnNonces:
    """A reader's own nonces: while offline, the reader itself makes the challenge.

    The ledger claims each nonce, so that each serves once.
    """

    device: str

    def outstanding(self, reader: str, _nonce: bytes, _at: datetime) -> bool:
        """Return whether the recording device itself made the challenge."""
        return reader == self.device


@dataclass(frozen=True, slots=True)
class _HoldsToday:
    """A status source that calls every card valid, to find what else speaks against the card."""

    @staticmethod
    def status(_uri: str, _index: int, _at: datetime) -> StatusAnswer:
        """Return valid."""
        return StatusAnswer(Status.VALID, Freshness.FRESH)


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who was at the device: the operator in the record, if a session of this operator at the device proves it.

    `named`: whether the record names an operator at all.
    """

    operator: OperatorRecord | None = None
    named: bool = False

    @property
    def unproved(self) -> bool:
        """Return whether the record names an operator who was not signed in there at that time."""
        return self.named and self.operator is None


NOBODY: Final = OnDuty()
"""The record names no operator."""

OnDutyOf = Callable[[str, str, datetime, timedelta], OperatorRecord | None]
"""Finds the operator with an id who was signed in at a device at an instant, within a leeway."""


def on_duty(read: Read, use: Timed, find: OnDutyOf) -> OnDuty:
    """Return who was at the device. A clock in doubt proves no session."""
    named = read.signed.record.operator
    if named is None:
        return NOBODY
    return OnDuty(find(named, read.device.id, use.at, MAX_SKEW) if use.believed else None, named=True)


def timed(record: OfflineRecord, documents: Documents, received_at: datetime) -> Timed:
    """Return the instant to which a use belongs: the device's time if it can be believed, otherwise the time of receipt
    (docs/design.md §6).
    """
    believed = time_is_believed(record, _server_time(record, documents), received_at)
    return Timed(min(record.made_at, received_at) if believed else received_at, believed)


def caller_of(read: Read, staff: OnDuty) -> Caller:
    """Return the device of a record as a caller, with the operator who is proved to have been signed in there."""
    device, operator = read.device, staff.operator
    signed_in = None if operator is None else Operator(operator.id, "", operator.effective)
    return Caller(
        "device", device.id, device.scope, device.point, signed_in, device.label, needs_operator=device.needs_operator
    )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of steps 2 to 6 on a record: `now`, and `then`, as if the card had not been revoked or suspended
    since.

    A revoked or suspended card contradicts a use, but the use may have happened all the same.
    """

    now: Verified | RefusedCard
    then: Verified | RefusedCard


def verified(read: Read, documents: Documents, use: Timed, at: datetime, cache: CardCache) -> Verdicts:
    """Steps 2 to 6: the card at the instant of the use, its status by today's list, the proof at the device's time."""
    verdict = _verified(read, documents, use, cache, _JudgedAt(documents.trust.status, at))
    if isinstance(verdict, Verified) or verdict.reason not in {"revoked", "suspended", "status-unknown"}:
        return Verdicts(verdict, verdict)
    return Verdicts(verdict, _verified(read, documents, use, cache, _HoldsToday()))


def _verified(
    read: Read, documents: Documents, use: Timed, cache: CardCache, status: StatusSource
) -> Verified | RefusedCard:
    record = read.signed.record
    return verify_presentation(
        record.presentation,
        replace(documents.trust, status=status),
        use.at,
        least=read.service.least_assurance,
        id_checked=record.id_checked,
        challenges=_OwnNonces(record.device),
        cache=cache,
        proof_at=record.made_at,
    )


def why_held(read: Read, staff: OnDuty, received_at: datetime) -> str | None:
    """Return why a grant waits for a supervisor whatever it shows, or None if it does not."""
    record = read.signed.record
    if not record.granted:
        return None
    if read.device.revoked_at is not None:
        return REVOKED_DEVICE
    if received_at - record.made_at > LATE_WINDOW:
        return LATE
    caller = caller_of(read, staff)
    if caller.may(Right.CHECK_IN, read.point.code, read.service.code):
        return None
    staffed = caller.refusal(Right.CHECK_IN, read.point.code, read.service.code).code == "not-permitted"
    return NO_RIGHT if staffed else OPERATOR_UNPROVED


def why_not_alone(read: Read, verdicts: Verdicts, staff: OnDuty) -> str | None:
    """Return why a grant does not stand by itself, or None if it does (docs/design.md §6, Offline)."""
    now, then = verdicts.now, verdicts.then
    if isinstance(now, RefusedCard) and now.mark == MISFIT:
        return now.reason
    if isinstance(then, RefusedCard):
        return then.reason
    if then.proof is None and staff.operator is None:
        return OPERATOR_UNPROVED
    against = set(findings(wished(read, then.card.tier)))
    found = next((reason for reason in NEVER_HERE if reason in against), None)
    if found is not None:
        return found
    return ONLINE_ONLY if read.service.offline_limit == 0 else None


def wished(read: Read, tier: str) -> Wish:
    """Return the wish in a record."""
    record = read.signed.record
    return Wish(read.service, read.point, tier, record.beneficiary, not_holder=record.not_holder)


def granted_here(read: Read, card: CardClaims, documents: Documents, use: Timed) -> GrantedHere:
    """Return the group of offline grants with which this use is counted, as its device counted it."""
    service, programme = read.service, documents.programme
    unit = PeriodUnit.EVER if service.quota is None else programme.quotas[service.quota].unit
    period = period_of(unit, use.at, programme.zone)
    ends_at = None if period.ends_at is None else period.ends_at + LATE_WINDOW
    return GrantedHere(read.device.id, service.code, card.subject, period.key, ends_at)


def _server_time(record: OfflineRecord, documents: Documents) -> datetime | None:
    if record.server_time is None:
        return None
    try:
        return verify_time(record.server_time, documents.trust.keys, documents.trust.issuer, record.made_at)
    except TokenError:
        return None
