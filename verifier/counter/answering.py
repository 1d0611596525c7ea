"""Builds the answer to a judged check-in (docs/design.md §9). Names are read again from the card and never stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from accounts.rights import Right
from cards.claims import CardClaims
from cards.offline_record import sign_time
from cards.programme.types import Service, Text
from cards.promise import INTEGRATION, Promise, sign_promise
from cards.verify import Verified
from edge.encoding import b64u
from edge.instants import rfc3339, rfc3339_or_none, to_epoch
from edge.sealing import derive, keyed_hash
from keys.signer import Signer
from ledger.bookings import Booking
from verifier.counter.answers import BookingView, CheckInAnswer, HolderView, Represented, Words
from verifier.counter.booking_views import booking_view, window_values
from verifier.counter.checking_in import VOID_WINDOW, Judged
from verifier.counter.looks import Looked, ServiceSeen
from verifier.counter.phrasing import (
    card_values,
    contact_of,
    excluded_by,
    granted_words,
    outcome_values,
    place_view,
    quotas_left,
    refused_words,
    ruling_values,
    standing_values,
    tier_words,
    visit_times,
)
from verifier.rules.delegations import Delegation
from verifier.rules.reasons import REASONS

CLOCK_TOLERANCE: Final = timedelta(seconds=30)
"""If a device's clock differs by more, the answer tells the device that its clock is wrong, not the card."""

LOOKED: Final = Text(zh="卡有效，尚未办理", en="The card is valid; nothing is recorded yet")
CONFIRM: Final = Text(zh="请确认服务后点击办理。", en="Choose the service and confirm.")
ID_CHECK: Final = REASONS["id-check-needed"].hint
CLERK_CHECK: Final = Text(
    zh="请核对经办人身份证和单位名称（介绍信或工作证），一致后再登记。",
    en="Compare the clerk's ID with the person, and the firm's papers with the employer's name; then confirm.",
)


class Answering:
    """Makes answers: the holder in a department's view, what is left, the sentences, and the promise."""

    def __init__(self, secret: bytes, issuer: str, receipt: Signer) -> None:
        """Derive the key of holder references from the server's secret. `receipt` signs promises in `issuer`'s name."""
        self._reference_key = derive(secret, "holder-reference")
        self._issuer = issuer
        self._receipt = receipt

    @property
    def receipt_kid(self) -> str:
        """The id of the key that signs promises. Holders and devices need this key in the trust bundle."""
        return self._receipt.kid

    def holder(self, department: str, card: CardClaims) -> HolderView:
        """Return the holder in a department's view: a reference that no other department can link, and a name."""
        return HolderView(self.reference(department, card.subject), card.name)

    def reference(self, department: str, subject: str) -> str:
        """Return a department's own name for a holder."""
        return b64u(keyed_hash(self._reference_key, department, subject)[:16])

    def promise(self, entry: str, leaf_hash: bytes, at: datetime) -> str:
        """Return the signed promise to integrate an entry, made at an instant, in time."""
        made = to_epoch(at)
        promise = Promise(entry, b64u(leaf_hash), made, made + int(INTEGRATION.total_seconds()))
        return sign_promise(self._receipt, self._issuer, promise)

    def time(self, at: datetime) -> str:
        """Return the server's time, signed, which devices keep while they are offline."""
        return sign_time(self._receipt, self._issuer, at)

    def look_words(self, looked: Looked, at: datetime) -> tuple[Words, Words]:
        """Return the sentence and the hint of a look."""
        if looked.reason is None:
            asked_for = CLERK_CHECK if looked.asked.delegation is not None else ID_CHECK
            return Words.of(LOOKED), Words.of(asked_for if looked.needs else CONFIRM)
        programme = looked.documents.programme
        values = {} if looked.card is None else card_values(programme, looked.card, at)
        return refused_words(programme, looked.asked.services[0], looked.reason, values)

    def service_words(self, looked: Looked, seen: ServiceSeen, at: datetime) -> tuple[Words | None, Words | None]:
        """Return the sentence and the hint of why a service would be refused now. Both are left out if it would be
        granted.
        """
        if seen.reason is None or looked.card is None:
            return None, None
        programme = looked.documents.programme
        values = standing_values(programme, seen.figures, seen.visit, seen.taken, at)
        values |= card_values(programme, looked.card, at)
        values |= ruling_values(looked.documents, seen.service, looked.card.subject, seen.reason)
        if seen.booking is not None:
            values |= window_values(programme, seen.booking, at)
        return refused_words(programme, seen.service, seen.reason, values)

    def check_in(self, judged: Judged, at: datetime) -> CheckInAnswer:
        """Return the whole answer to a check-in."""
        intent, outcome, programme = judged.intent, judged.outcome, judged.documents.programme
        message, hint = self._words(judged, at)
        reason = None if outcome.reason is None else REASONS[outcome.reason]
        contact = None if reason is None else contact_of(programme, intent.service, reason)
        place = place_view(programme, _told_service(judged)) if outcome.reason == "not-offered-here" else None
        card = judged.verdict.card
        tier_name = None if card is None else tier_words(programme, card)
        quotas = quotas_left(programme, outcome.figures)
        made_at, server_time, void_until = rfc3339(outcome.at), rfc3339(at), rfc3339(outcome.at + VOID_WINDOW)
        return CheckInAnswer(
            id=outcome.entry,
            outcome="granted" if outcome.granted else "denied",
            reason=outcome.reason,
            message=message,
            hint=hint,
            service=intent.service.code,
            service_name=Words.of(intent.service.name),
            beneficiary=intent.beneficiary.value,
            at=made_at,
            server_time=server_time,
            tier=None if card is None else card.tier,
            tier_name=tier_name,
            assurance=judged.verdict.assurance_word,
            holder=None if card is None else self.holder(intent.point.department, card),
            quotas=quotas,
            visit=None if outcome.visit is None else visit_times(outcome.visit, re_entry=outcome.re_entry),
            booking=None if judged.booking is None else _booking(judged, judged.booking),
            represented=None if intent.delegation is None else represented(intent.delegation),
            excluded_by=None if outcome.taken is None else excluded_by(programme, outcome.taken),
            go_to=place,
            call=contact,
            void_until=void_until if outcome.granted else None,
            promise=self.promise(outcome.entry, outcome.leaf_hash, outcome.at),
            status_freshness=judged.verdict.freshness.value if isinstance(judged.verdict, Verified) else None,
            replayed=outcome.replayed,
            clock_off_by=None if intent.client_time is None else clock_off_by(intent.client_time, at),
        )

    def _words(self, judged: Judged, at: datetime) -> tuple[Words, Words]:
        programme, service, outcome = judged.documents.programme, judged.intent.service, judged.outcome
        if outcome.reason is None:
            return granted_words(programme, service, outcome)
        values = outcome_values(programme, outcome)
        if judged.card is not None:
            values |= card_values(programme, judged.card, at)
            values |= ruling_values(judged.documents, service, judged.card.subject, outcome.reason)
        if judged.booking is not None:
            values |= window_values(programme, judged.booking, at)
        if outcome.reason == "not-offered-here":
            service = _told_service(judged)
        message, hint = refused_words(programme, service, outcome.reason, values)
        clerk = outcome.reason == "id-check-needed" and judged.intent.delegation is not None
        return message, Words.of(CLERK_CHECK) if clerk else hint


def _told_service(judged: Judged) -> Service:
    """Return the service that an answer names. At the wrong lounge, this is the booked service."""
    booked = None if judged.booking is None else judged.documents.programme.services.get(judged.booking.service)
    return booked or judged.intent.service


def _booking(judged: Judged, booking: Booking) -> BookingView:
    """Return the booking of a check-in. It carries names only for callers with the right to names at its point."""
    names = judged.intent.caller.may(Right.NAMES, judged.intent.point.code)
    return booking_view(judged.documents.programme, booking, judged.details, names=names)


def represented(delegation: Delegation) -> Represented:
    """Return the employer for whom a clerk with a delegation code acts."""
    used_at = rfc3339_or_none(delegation.used_at)
    ends_at = rfc3339(delegation.ends_at)
    return Represented(delegation.employer, ends_at, delegation.service, delegation.uses, used_at)


def clock_off_by(client_time: int, at: datetime) -> int | None:
    """Return how many seconds the device's clock is ahead (negative: behind), or None if it is about right."""
    if abs(client_time - to_epoch(at)) <= CLOCK_TOLERANCE.total_seconds():
        return None
    return client_time - to_epoch(at)
