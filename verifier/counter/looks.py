"""Look, then confirm (DESIGN §5): the same steps, nothing consumed, the proof claimed for the device that looked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cards.claims import CardClaims
from cards.programme.types import Service
from cards.verify import RefusedCard, Verified
from ledger.bookings import Booking, BookingState
from ledger.interface import Ledger
from ledger.judgement import Standing, judge
from ledger.values import CheckIn, Figure, Taken, Usage, VisitState
from verifier.counter.checking_in import CheckInService, Intent, change_of, claim_of, ledger_problems, operation_of
from verifier.records.store import Access, Look, VerifierStore
from verifier.trust.published import Documents


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """What a look says of one service: the reason that would be given now, None when it would be granted.

    `booking` is the one that would be used; `bookings` are all of this service that the holder still holds.
    `visit` and `taken` are what stands in the way, where they do.
    """

    service: Service
    reason: str | None
    figures: tuple[Figure, ...]
    booking: Booking | None = None
    bookings: tuple[Booking, ...] = ()
    visit: VisitState | None = None
    taken: Taken | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to. `needs` names what the confirming check-in must bring."""

    ask: Intent
    look: Look
    verdict: Verified | RefusedCard
    documents: Documents
    reason: str | None
    needs: tuple[str, ...]
    services: tuple[ServiceSeen, ...]

    @property
    def card(self) -> CardClaims | None:
        """The card's claims, None where they could not be believed."""
        return self.verdict.card


@dataclass(frozen=True, slots=True)
class _Judged:
    """A verified look and what its holder has used."""

    ask: Intent
    verdict: Verified
    documents: Documents
    usage: Usage
    bookings: tuple[Booking, ...]
    at: datetime


class Looks:
    """Takes looks and keeps each for its device until it is confirmed or 120 s are over."""

    def __init__(self, desk: CheckInService, ledger: Ledger, store: VerifierStore) -> None:
        """Look through the same desk that checks in."""
        self._desk = desk
        self._ledger = ledger
        self._store = store

    def look(self, ask: Intent, services: tuple[Service, ...], at: datetime) -> Looked:
        """Look at a presentation for some services of the point; kept in the access log, with the log's name alone."""
        with ledger_problems():
            ask = self._desk.resolved(ask)
            documents = self._desk.documents(at)
            verdict = self._desk.verify(ask, documents, at, provisional=True)
            reason = self._reason(ask, verdict, at)
            seen = () if reason is not None else self._services(ask, verdict, documents, services, at)
        look = self._store.keep_look(
            ask.caller.id, ask.presentation, at, ask.tag, None if ask.delegation is None else ask.delegation.id
        )
        self._record(ask, verdict, at)
        needs = ("id_check",) if isinstance(verdict, Verified) and verdict.needs_id_check else ()
        return Looked(ask, look, verdict, documents, reason, needs, seen)

    def _reason(self, ask: Intent, verdict: Verified | RefusedCard, at: datetime) -> str | None:
        if isinstance(verdict, RefusedCard):
            return verdict.reason
        claim = claim_of(verdict, at, ask.tag)
        if claim is None or self._ledger.claim(verdict.card.subject, ask.caller.id, claim, at):
            return None
        return "proof-used"

    def _services(
        self,
        ask: Intent,
        verdict: Verified | RefusedCard,
        documents: Documents,
        services: tuple[Service, ...],
        at: datetime,
    ) -> tuple[ServiceSeen, ...]:
        if isinstance(verdict, RefusedCard):
            return ()
        usage, bookings = self._ledger.usage(verdict.card.subject, at), self._desk.bookings(verdict, at, services)
        judged = _Judged(ask, verdict, documents, usage, bookings, at)
        return tuple(_seen(judged, service) for service in services)

    def _record(self, ask: Intent, verdict: Verified | RefusedCard, at: datetime) -> None:
        card = verdict.card
        holder = None if card is None else self._ledger.pseudonym(card.subject)
        what = verdict.reason if isinstance(verdict, RefusedCard) else "looked"
        self._store.record(Access("look", ask.caller.id, what, ask.caller.operator_id, ask.point.code, holder), at)


def _seen(looked: _Judged, service: Service) -> ServiceSeen:
    """Judge one service as the ledger would now (step 10), on a copy of what it holds."""
    ask, usage = replace(looked.ask, service=service), looked.usage
    change = change_of(ask, operation_of(ask), looked.verdict, looked.documents, looked.at, bookings=looked.bookings)
    stands = standing(change, usage, looked.bookings)
    judged = judge(change, looked.at, "", stands)
    held = tuple(one for one in looked.bookings if one.service == service.code and one.state is BookingState.HELD)
    figures = _uncounted(judged.figures, usage)
    return ServiceSeen(service, judged.reason, figures, stands.booking, held, judged.visit, judged.taken)


def standing(change: CheckIn, usage: Usage, bookings: tuple[Booking, ...]) -> Standing:
    """Return what the store holds for a change, as far as reading tells: whether the proof was used is left open."""
    choice, place = change.choice, (change.draft.service, change.draft.point)
    return Standing(
        proof_used=False,
        visit=usage.visits.get(place),
        used=usage.counters,
        taken=None if choice is None else usage.choices.get((choice.group, choice.period)),
        booking=next((booking for booking in bookings if booking.id == change.booking), None),
    )


def _uncounted(figures: tuple[Figure, ...], usage: Usage) -> tuple[Figure, ...]:
    """Return the figures as they stand: what a grant would count has not been counted by looking."""
    return tuple(replace(figure, used=usage.counters.get((figure.limit, figure.period), 0)) for figure in figures)
