"""The check-in, step by step (docs/design.md §5): verify, decide, record, answer. This is the only path on which
anything is granted.

The steps carry the numbers of docs/design.md §5. `cards.verify` verifies, `rules` decide who is entitled, and the
ledger knows how many uses are left. This module calls them in order, and writes only to the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from cards.claims import CardClaims
from cards.parts import Presentation
from cards.programme.types import Assurance, Mode, Programme, Service
from cards.proof import PROOF_AHEAD, PROOF_MAX_AGE, ProofClaims
from cards.verify import CardCache, RefusedCard, Verified, verify_presentation
from edge.encoding import b64u
from edge.fields import invalid
from edge.limits import RateLimit
from edge.problems import Problem
from keys.dpop import MAX_SKEW
from ledger.bookings import Booking, BookingQuery
from ledger.interface import Ledger
from ledger.values import (
    CheckIn,
    ClockSkew,
    Draft,
    LedgerUnavailable,
    Operation,
    OperationConflict,
    Outcome,
    ProofClaim,
    device_subject,
)
from verifier.counter.commitments import Commitment
from verifier.counter.early import admit_early
from verifier.counter.entries import draft_by
from verifier.counter.intents import Intent, Use
from verifier.counter.known_cards import KnownCards
from verifier.counter.lifting import CodeShown, code_shown, delegated, lifted
from verifier.counter.misfits import NOBODY_TOLD, Misfits
from verifier.records.bookings import BookingDetails
from verifier.records.challenges import AnswerOf
from verifier.records.store import VerifierStore
from verifier.records.tags import TagRead
from verifier.rules.bookings import TOLD, TOO_EARLY, awaits_day, booking_for, misplaced, tells_of
from verifier.rules.delegations import delegation_refusal
from verifier.rules.entitlement import Intended, Wish, fault_of, intended
from verifier.rules.reasons import ORDER
from verifier.trust.published import Documents

LATE_WINDOW = timedelta(days=7)
"""Proof markers, operations and correctable counters are kept longer than this (docs/design.md §6, Offline)."""

VOID_WINDOW = timedelta(minutes=15)
"""How long staff at the point may void a check-in without a supervisor (docs/design.md §6)."""

CALL_WINDOW = 3 * MAX_SKEW
"""How long a device's signed call is remembered: longer than any clock accepts its signature."""

ASSURANCE_REASONS = frozenset({"id-check-needed", "assurance-too-low"})
"""Reasons about how well the card was proved, not about its validity."""


WAIVED = frozenset({"booking-too-early", "already-in"})
"""Reasons of steps 9 and 10 that a supervisor's override lifts: an early hour, an open visit. Tier and quota are never
among them.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of a check-in: the ledger's outcome, and the card if its claims could be believed.

    `booking`: the booking that was used or asked for, as it stands now. `details`: its personal data, unless erased.
    """

    intent: Intent
    outcome: Outcome
    verdict: Verified | RefusedCard
    documents: Documents
    booking: Booking | None = None
    details: BookingDetails | None = None

    @property
    def card(self) -> CardClaims | None:
        """The card's claims, or None if they could not be believed."""
        return self.verdict.card


class CheckInService:
    """Takes check-ins. It uses the trusted documents, the known cards and the ledger."""

    def __init__(
        self,
        documents: Callable[[datetime], Documents],
        ledger: Ledger,
        known: KnownCards,
        cache: CardCache,
        store: VerifierStore,
        *,
        misfits: Misfits = NOBODY_TOLD,
    ) -> None:
        """Keep what every check-in needs. `documents` returns the trusted documents at an instant, or raises Problem.

        `store` knows the challenges that chips may answer, and the counts of tags. `misfits` receives forged cards.
        """
        self._misfits = misfits
        self.documents = documents
        self._ledger = ledger
        self._known = known
        self._cache = cache
        self._store = store

    def check_in(self, intent: Intent, at: datetime, *, early: RateLimit | None = None) -> Judged:
        """Judge one check-in and record it. Return only after its entry is durable.

        `early` limits the refusals before step 4 that are recorded for one device. Raises Problem: `card-unknown`,
        `operation-conflict`, `clock-skew`, `unavailable`, `invalid-field`, or `too-many-requests`.
        """
        presentation = self.resolved(intent.presentation)
        if presentation is not intent.presentation:
            intent = replace(intent, presentation=presentation)
        with ledger_problems():
            return self._check_in(intent, self.documents(at), at, early)

    def resolved(self, presentation: Presentation) -> Presentation:
        """Step 1, second half: find the card that a proof alone names. Problem `card-unknown` if this verifier never
        saw it.
        """
        if presentation.card is not None:
            return presentation
        card = self._known.find(presentation)
        if card is None:
            raise Problem("card-unknown")
        return presentation.with_card(card)

    def _check_in(self, intent: Intent, documents: Documents, at: datetime, early: RateLimit | None) -> Judged:
        delegation = intent.delegation
        # Steps 2 to 6 are pure. A kept answer wins over their present result.
        verdict = self.verify(
            intent.presentation,
            documents,
            at,
            reader=intent.caller.id,
            least=intent.service.least_assurance,
            vouched=intent.id_checked or intent.represented,  # Staff compared the ID of the person who is here
            tag=intent.tag,
            lifts=intent.override is not None,
            code=None if delegation is None else code_shown(delegation, intent.service, at),
            looked_at=intent.looked_at,
        )
        operation = operation_of(intent, verdict)
        # 0. Seen before: the same answer, before any rule. Another intent under the same id is a conflict.
        outcome = self._ledger.replay(operation)
        if outcome is None:
            if verdict.card is None and early is not None:
                admit_early(early, intent.caller.id)
            fault = fault_of(intent.service, intent.reference, intent.companions)
            if fault is not None:
                raise invalid(*fault)
            outcome = self._record(intent, operation, verdict, documents, at)
        if outcome.booking is None:
            return Judged(intent, outcome, verdict, documents)
        booking, details = self._ledger.booking(outcome.booking), self._store.bookings.find(outcome.booking)
        return Judged(intent, outcome, verdict, documents, booking, details)

    def _record(
        self, intent: Intent, operation: Operation, verdict: Verified | RefusedCard, documents: Documents, at: datetime
    ) -> Outcome:
        """Steps 7 to 11: one atomic, durable step. Then store what is kept beside the entry."""
        commitment = None if intent.override is None else Commitment.of(intent.override.note)
        bookings = self.bookings(verdict, at, (intent.service,))
        self._hold_to_party(intent, documents, bookings, at)
        draft = draft_of(intent, verdict, documents, note=None if commitment is None else commitment.text)
        change = change_of(intent, operation, verdict, documents, at, draft=draft, bookings=bookings)
        outcome = self._ledger.check_in(change)
        if commitment is not None and not outcome.replayed:
            self._store.keep_note(outcome.entry, commitment.opened, at)
        if outcome.granted and outcome.booking is not None:
            self._store.bookings.erase_after(outcome.booking, at)
        if outcome.granted and intent.delegation is not None and not outcome.replayed:
            self._store.delegations.used(intent.delegation.id, at)
        token = intent.presentation.card
        if isinstance(verdict, Verified) and verdict.card.key is not None and token is not None:
            self._known.remember(token, verdict.token_digest, verdict.card)
        return outcome

    def _hold_to_party(self, intent: Intent, documents: Documents, bookings: tuple[Booking, ...], at: datetime) -> None:
        """Refuse more companions than the booking named, as a fault of the field."""
        if not intent.companions:
            return
        booking = chosen_booking(intent, documents.programme, bookings, at)
        details = None if booking is None else self._store.bookings.find(booking.id)
        if details is not None and intent.companions >= details.party:
            most = details.party - 1
            raise invalid("$.companions", f"the booking names {most} beside the holder: have it changed first")

    def bookings(
        self, verdict: Verified | RefusedCard, at: datetime, services: tuple[Service, ...]
    ) -> tuple[Booking, ...]:
        """Step 9: return the holder's bookings that still matter. Nothing is read if none of the services is booked."""
        if isinstance(verdict, RefusedCard) or all(service.mode is not Mode.BOOKED for service in services):
            return ()
        found = self._ledger.bookings(BookingQuery(subject=verdict.card.subject, since=at - TOLD))
        return tuple(booking for booking in found if tells_of(booking, at))

    def verify(
        self,
        presentation: Presentation,
        documents: Documents,
        at: datetime,
        *,
        reader: str,
        least: Assurance,
        vouched: bool,
        tag: TagRead | None = None,
        lifts: bool = False,
        code: CodeShown | None = None,
        looked_at: datetime | None = None,
        provisional: bool = False,
        dry: bool = False,
    ) -> Verified | RefusedCard:
        """Steps 2 to 6 for one presentation. A chip's challenge and a tag's count are used here.

        `reader`: the device that asks; a chip's challenge and a tag's count belong to it. `least`: the assurance that
        the service requires. `vouched`: staff answer for the person who is here. `lifts`: the way in which the card was
        shown does not count against it. `code`: the code of a delegation named the card. `looked_at`: the time of the
        look that this call confirms. `provisional`: this is a look. `dry`: the tag's count is compared but not used.
        """
        tags = self._store.tags
        replayed = None if tag is None else tags.would_refuse(tag) if dry else tags.refusal(tag, reader, at)
        verdict = verify_presentation(
            presentation,
            documents.trust,
            at,
            least=least,
            id_checked=vouched,
            provisional=provisional,
            counted=tag is not None and replayed is None,
            challenges=AnswerOf(self._store.challenges, reader, presentation.card_digest),
            cache=self._cache,
            proof_at=looked_at,
        )
        if isinstance(verdict, RefusedCard):
            self._misfits.tell(verdict, at)
        # The card's own reason comes first. A compared ID does not make an old link fresher.
        if replayed is None or (isinstance(verdict, RefusedCard) and verdict.reason not in ASSURANCE_REASONS):
            if code is not None:
                return delegated(verdict, code, documents, at, vouched=vouched, provisional=provisional)
            return lifted(verdict, documents, at, id_checked=vouched) if lifts else verdict
        return RefusedCard(replayed, verdict.card, verdict.token_digest)


def operation_of(intent: Intent, verdict: Verified | RefusedCard) -> Operation:
    """Bind the operation id to the intent, never to the bytes of the body (docs/design.md §5, step 0)."""
    caller = intent.caller.id
    return Operation(logged_subject(intent.presentation, verdict, caller), caller, intent.operation, intent.request)


def logged_subject(presentation: Presentation, verdict: Verified | RefusedCard, device: str) -> str:
    """Return the subject under which an operation is looked up: the holder whom the card names, otherwise the device
    itself.

    A card that fails before step 4 is believed only for this: its `sub` is a look-up key and nothing more.
    """
    if verdict.card is not None:
        return verdict.card.subject
    return presentation.card_says("sub") or device_subject(device)


def change_of(
    intent: Intent,
    operation: Operation,
    verdict: Verified | RefusedCard,
    documents: Documents,
    at: datetime,
    *,
    draft: Draft,
    bookings: tuple[Booking, ...] = (),
) -> CheckIn:
    """Return the change for step 10: the refusal with the reason from steps 2 to 6, or the wish that steps 7 to 9
    judge.
    """
    if isinstance(verdict, RefusedCard):
        return refusal(operation, verdict, at, draft)
    use = judged_use(intent, verdict.card, documents, bookings, at)
    return check_in_of(use, operation, at, draft, claim=proof_claim(verdict, at, intent.tag, intent.call))


def refusal(
    operation: Operation,
    verdict: RefusedCard,
    at: datetime,
    draft: Draft,
    kind: Literal["check-in", "request"] = "check-in",
) -> CheckIn:
    """Return the change that records why a card is not valid.

    Before step 4, no claim of the card is believed, so the entry lies in the device's own partition.
    """
    if verdict.card is None:
        operation = replace(operation, subject=device_subject(operation.device))
    reasons = (verdict.reason,)
    return CheckIn(operation, at, at + LATE_WINDOW, draft, findings=reasons, order=reasons, kind=kind)


@dataclass(frozen=True, slots=True)
class JudgedUse:
    """A use after steps 7 to 9: the reasons against it, its cost, and the booking that it uses."""

    intended: Intended
    booking: Booking | None
    waived: frozenset[str]


def judged_use(
    wanted: Use, card: CardClaims, documents: Documents, bookings: tuple[Booking, ...], at: datetime
) -> JudgedUse:
    """Judge a use by steps 7 to 9. The use of a booking counts nothing itself: the units that the booking holds are
    posted.
    """
    programme, service = documents.programme, wanted.service
    booking = chosen_booking(wanted, programme, bookings, at)
    sister = None if booking is None or booking.service == service.code else programme.services.get(booking.service)
    wish = Wish(
        service=service,
        point=wanted.point,
        tier=card.tier,
        beneficiary=wanted.beneficiary,
        not_holder=wanted.not_holder,
        elsewhere=documents.benefits.get(card.subject, ()),
        booked=booking is not None and sister is None,
        misplaced=sister is not None and sister.code not in wanted.point.services,
    )
    against = () if wanted.delegation is None else delegation_refusal(wanted.delegation, service.code, at)
    if booking is not None and sister is None and awaits_day(programme, service, booking, at):
        against = (*against, TOO_EARLY)
    judged = intended(programme, wish, at, against=against, free=booking is not None)
    return JudgedUse(judged, booking, frozenset() if wanted.override is None else WAIVED)


def check_in_of(
    use: JudgedUse, operation: Operation, at: datetime, draft: Draft, *, claim: ProofClaim | None = None
) -> CheckIn:
    """Return a judged use as the change for step 10."""
    cost, marks = use.intended.cost, use.intended.marks
    return CheckIn(
        operation=operation,
        at=at,
        keep_until=at + LATE_WINDOW,
        draft=replace(draft, marks=draft.marks + marks) if marks else draft,
        findings=use.intended.findings,
        order=ORDER,
        claim=claim,
        visit=cost.visit,
        choice=cost.choice,
        charges=cost.charges,
        booking=None if use.booking is None else use.booking.id,
        waived=use.waived,
    )


def chosen_booking(wanted: Use, programme: Programme, bookings: tuple[Booking, ...], at: datetime) -> Booking | None:
    """Step 9: return the booking of this use. This is the named booking, otherwise the holder's booking of the service
    here and now, otherwise a booking that is used elsewhere.
    """
    service = wanted.service
    if service.mode is not Mode.BOOKED:
        return None
    if wanted.booking is not None:
        return next((booking for booking in bookings if booking.id == wanted.booking), None)
    return booking_for(bookings, service, at) or misplaced(programme, bookings, service, at)


def proof_claim(
    verdict: Verified, at: datetime, tag: TagRead | None = None, call: str | None = None
) -> ProofClaim | None:
    """Return the claim that a proof makes. It is kept longer than the proof lives, plus the late window and the leeway
    between clocks.

    A tag's reading is claimed like a proof, so that one device uses it once; the tag store refuses older readings. If
    nothing of the card is used up, the device's signed call is claimed instead. So an eavesdropper who sends the call
    again under another operation id makes no second use.
    """
    name = _shown_once(verdict, tag)
    if name is not None:
        return ProofClaim(verdict.card.card_id, name, at + LATE_WINDOW + PROOF_MAX_AGE + PROOF_AHEAD)
    return None if call is None else ProofClaim(verdict.card.card_id, f"call:{call}", at + CALL_WINDOW)


def _shown_once(verdict: Verified, tag: TagRead | None) -> str | None:
    if verdict.proof is None:
        return None if tag is None else tag.proof
    return verdict.proof.proof_id if isinstance(verdict.proof, ProofClaims) else b64u(verdict.proof.nonce)


def draft_of(intent: Intent, verdict: Verified | RefusedCard, documents: Documents, note: str | None = None) -> Draft:
    """Return the draft of a check-in's entry. `note`: the commitment to a supervisor's text."""
    card = verdict.card
    extra: dict[str, object] = {**intent.matter}
    if intent.companions:
        extra["companions"] = intent.companions
    if note is not None:
        extra["note"] = note
    return draft_by(
        intent.caller,
        documents,
        intent.point,
        intent.service.code,
        beneficiary=intent.beneficiary.value,
        tier=None if card is None else card.tier,
        form=None if card is None else card.form.value,
        assurance=verdict.assurance_word,
        card=None if card is None else card.card_id,
        token=verdict.token_digest if card is None else None,
        reference=intent.reference,
        client_time=None if intent.client_time is None else intent.client_time * 1000,
        marks=(*_marks(intent), *_marks_of(verdict)),
        extra=extra,
    )


def _marks(intent: Intent) -> tuple[str, ...]:
    marks = ("id-checked",) if intent.id_checked else ()
    if intent.delegation is not None or intent.represented:
        marks = (*marks, "represented", "by-code" if intent.delegation is not None else "by-letter")
    return marks if intent.override is None else (*marks, f"override:{intent.override.reason}")


def _marks_of(verdict: Verified | RefusedCard) -> tuple[str, ...]:
    return (verdict.mark,) if isinstance(verdict, RefusedCard) and verdict.mark is not None else ()


RETRY_SECONDS = 2


@contextmanager
def ledger_problems() -> Iterator[None]:
    """Turn the ledger's refusals into problems. They are never a grant, and never the holder's fault (docs/design.md
    §5, step 11).
    """
    try:
        yield
    except OperationConflict:
        raise Problem("operation-conflict") from None
    except ClockSkew:
        raise Problem("clock-skew", retry_after=RETRY_SECONDS) from None
    except LedgerUnavailable:
        raise Problem("unavailable", "retry with the same operation", retry_after=RETRY_SECONDS) from None
