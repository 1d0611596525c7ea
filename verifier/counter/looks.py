"""Look, then confirm (docs/design.md §5): the same steps, but nothing is consumed. The proof is claimed for the device
that looked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from accounts.rights import Caller
from cards.claims import CardClaims
from cards.parts import Presentation
from cards.programme.types import Beneficiary, Point, Service
from cards.verify import RefusedCard, Verified
from ledger.bookings import Booking, BookingState
from ledger.interface import Ledger
from ledger.judgement import Standing, Verdict, judge
from ledger.values import CheckIn, Figure, Operation, Taken, Usage, VisitState
from verifier.counter.checking_in import CheckInService, check_in_of, judged_use, ledger_problems, proof_claim
from verifier.counter.entries import draft_by
from verifier.counter.intents import Use
from verifier.counter.lifting import code_shown
from verifier.records.store import Access, Look, VerifierStore
from verifier.records.tags import TagRead
from verifier.rules.delegations import Delegation
from verifier.trust.published import Documents


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """A look's result for one service: the reason for a refusal now, or None if it would be granted.

    `booking` is the booking that would be used; `bookings` are all bookings of this service that the holder has.
    `visit` and `taken` are what prevents the use, if they do.
    """

    service: Service
    reason: str | None
    figures: tuple[Figure, ...]
    booking: Booking | None = None
    bookings: tuple[Booking, ...] = ()
    visit: VisitState | None = None
    taken: Taken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAsked:
    """One look: the caller, the point, the presentation, and at least one service."""

    caller: Caller
    point: Point
    services: tuple[Service, ...]
    presentation: Presentation
    beneficiary: Beneficiary = Beneficiary.HOLDER
    tag: TagRead | None = None
    delegation: Delegation | None = None

    def use(self, service: Service) -> Use:
        """Return the use of one of these services."""
        return Use(point=self.point, service=service, beneficiary=self.beneficiary, delegation=self.delegation)


@dataclass(frozen=True, slots=True)
class Looked:
    """The result of a look. `needs` names what the confirming check-in must contain."""

    asked: LookAsked
    look: Look
    verdict: Verified | RefusedCard
    documents: Documents
    reason: str | None
    needs: tuple[str, ...]
    services: tuple[ServiceSeen, ...]

    @property
    def card(self) -> CardClaims | None:
        """The card's claims, or None if they could not be believed."""
        return self.verdict.card


@dataclass(frozen=True, slots=True)
class Tried:
    """The basis for trying uses without recording them: a verified card, and its holder's uses and bookings."""

    caller: Caller
    card: CardClaims
    documents: Documents
    usage: Usage
    bookings: tuple[Booking, ...]
    at: datetime


class Looks:
    """Takes looks. Each look is kept for its device until it is confirmed or 120 s are over."""

    def __init__(self, desk: CheckInService, ledger: Ledger, store: VerifierStore) -> None:
        """Look through the same service that checks in."""
        self._desk = desk
        self._ledger = ledger
        self._store = store

    def look(self, asked: LookAsked, at: datetime) -> Looked:
        """Look at a presentation for some services of the point. The access log records it under the holder's name in
        the log alone.
        """
        presentation, delegation = self._desk.resolved(asked.presentation), asked.delegation
        documents = self._desk.documents(at)
        with ledger_problems():
            verdict = self._desk.verify(
                presentation,
                documents,
                at,
                reader=asked.caller.id,
                least=asked.services[0].least_assurance,
                vouched=False,
                tag=asked.tag,
                code=None if delegation is None else code_shown(delegation, asked.services[0], at),
                provisional=True,
            )
            reason = self._reason(asked, verdict, at)
            seen = () if reason is not None else self._services(asked, verdict, documents, at)
        code = None if delegation is None else delegation.id
        look = self._store.keep_look(asked.caller.id, presentation, at, asked.tag, code)
        self._record(asked, verdict, at)
        needs = ("id_check",) if isinstance(verdict, Verified) and verdict.needs_id_check else ()
        return Looked(asked, look, verdict, documents, reason, needs, seen)

    def _reason(self, asked: LookAsked, verdict: Verified | RefusedCard, at: datetime) -> str | None:
        if isinstance(verdict, RefusedCard):
            return verdict.reason
        claim = proof_claim(verdict, at, asked.tag)
        if claim is None or self._ledger.claim(verdict.card.subject, asked.caller.id, claim, at):
            return None
        return "proof-used"

    def _services(
        self, asked: LookAsked, verdict: Verified | RefusedCard, documents: Documents, at: datetime
    ) -> tuple[ServiceSeen, ...]:
        if isinstance(verdict, RefusedCard):
            return ()
        bookings = self._desk.bookings(verdict, at, asked.services)
        usage = self._ledger.usage(verdict.card.subject, at)
        tried = Tried(asked.caller, verdict.card, documents, usage, bookings, at)
        return tuple(_seen(tried, asked.use(service)) for service in asked.services)

    def _record(self, asked: LookAsked, verdict: Verified | RefusedCard, at: datetime) -> None:
        card, caller = verdict.card, asked.caller
        holder = None if card is None else self._ledger.pseudonym(card.subject)
        what = verdict.reason if isinstance(verdict, RefusedCard) else "looked"
        self._store.record(Access("look", caller.id, what, caller.operator_id, asked.point.code, holder), at)


def _seen(tried: Tried, use: Use) -> ServiceSeen:
    """Return the ledger's present answer for one service."""
    code, bookings = use.service.code, tried.bookings
    _, stands, judged = would_judge(tried, use)
    held = tuple(one for one in bookings if one.service == code and one.state is BookingState.HELD)
    figures = _uncounted(judged.figures, tried.usage)
    return ServiceSeen(use.service, judged.reason, figures, stands.booking, held, judged.visit, judged.taken)


def would_judge(tried: Tried, use: Use) -> tuple[CheckIn, Standing, Verdict]:
    """Judge a use as the ledger would judge it now (step 10), on a copy of the counters. Nothing is recorded."""
    at, documents = tried.at, tried.documents
    nothing = Operation(tried.card.subject, tried.caller.id, "", b"")
    draft = draft_by(tried.caller, documents, use.point, use.service.code)
    judged = judged_use(use, tried.card, documents, tried.bookings, at)
    change = check_in_of(judged, nothing, at, draft)
    stands = standing(change, tried.usage, tried.bookings)
    return change, stands, judge(change, at, "", stands)


def standing(change: CheckIn, usage: Usage, bookings: tuple[Booking, ...]) -> Standing:
    """Return the standing state for a change, as far as reading can tell. Whether the proof was used stays open."""
    choice, place = change.choice, (change.draft.service, change.draft.point)
    return Standing(
        proof_used=False,
        visit=usage.visits.get(place),
        used=usage.counters,
        taken=None if choice is None else usage.choices.get((choice.group, choice.period)),
        booking=next((booking for booking in bookings if booking.id == change.booking), None),
    )


def _uncounted(figures: tuple[Figure, ...], usage: Usage) -> tuple[Figure, ...]:
    """Return the figures as they stand, without the units of a grant: a look counts nothing."""
    return tuple(replace(figure, used=usage.counters.get((figure.limit, figure.period), 0)) for figure in figures)
