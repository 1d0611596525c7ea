"""The check-in, step by step (DESIGN §5): verify, decide, record, answer. The one path on which anything is granted.

The steps carry the numbers of DESIGN §5. What is verified comes from `cards.verify`, what is entitled from `rules`,
what is left from the ledger; this module puts them in order and writes nothing beside the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from accounts.rights import Caller
from cards.claims import CARD, CardClaims
from cards.presentation import Presentation
from cards.programme.types import Assurance, Beneficiary, Mode, Point, Programme, Service
from cards.proof import CHIP_PROOF, PROOF, PROOF_AHEAD, PROOF_MAX_AGE, ProofClaims, card_digest
from cards.verify import CardCache, RefusedCard, Verified, verify_presentation
from edge.encoding import b64u, digest
from edge.fields import invalid
from edge.problems import Problem
from edge.strictjson import canonical
from keys.dpop import MAX_SKEW
from keys.tokens import TokenError, TokenForm, parse_unverified
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
from verifier.counter.known_cards import KnownCards
from verifier.counter.misfits import NOBODY_TOLD, Misfits
from verifier.records.bookings import BookingDetails
from verifier.records.challenges import AnswerOf
from verifier.records.store import VerifierStore
from verifier.records.tags import TagRead
from verifier.rules.bookings import TOLD, booking_for, misplaced, tells_of
from verifier.rules.delegations import Delegation, refusal_of
from verifier.rules.entitlement import Cost, Wish, cost_of, findings, notes, reference_fault
from verifier.rules.reasons import ORDER
from verifier.trust.published import Documents

LATE_WINDOW = timedelta(days=7)
"""Proof markers, operations and correctable counters outlive this (DESIGN §6, Offline)."""

VOID_WINDOW = timedelta(minutes=15)
"""How long staff at the point may void a check-in by themselves (DESIGN §6)."""

CALL_WINDOW = 3 * MAX_SKEW
"""How long a device's signed call is remembered: longer than its signature is taken by any clock."""

BEFORE_CLAIMS = frozenset({"unknown-key", "bad-signature", "bad-claims"})
"""Reasons given before a card's claims can be believed: logged by the token's digest, in the device's partition."""

ASSURANCE_REASONS = frozenset({"id-check-needed", "assurance-too-low"})
"""Reasons that say how far the card was proved, not that it does not hold."""


LIFTED = frozenset({"proof-missing", "stale-proof", "clock-ahead", "assurance-too-low"})
"""What of step 6 a supervisor's override lifts: how the card was shown, never whether it holds."""

WAIVED = frozenset({"booking-too-early", "already-in"})
"""What of steps 9 and 10 a supervisor's override lifts: an hour, a visit nobody closed. No tier, quota or choice."""


@dataclass(frozen=True, slots=True)
class Override:
    """A supervisor's word that the visitor would be refused wrongly: a reason of the closed set, and free text."""

    reason: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One intended check-in, read and typed, with who asks and at which point; `operation` is the Idempotency-Key.

    `looked_at`: when the look that this confirms was taken; its proof is judged by that instant. `tag`: the reading of
    a counting tag that named the card. `call`: what names the signed call that asks, where one was signed.
    `delegation`: what the code of an employer's clerk stands for. `represented`: staff saw a clerk's letter and ID.
    """

    operation: str
    caller: Caller
    point: Point
    service: Service
    presentation: Presentation
    beneficiary: Beneficiary = Beneficiary.HOLDER
    reference: str | None = None
    id_checked: bool = False
    not_holder: bool = False
    client_time: int | None = None
    looked_at: datetime | None = None
    tag: TagRead | None = None
    call: str | None = None
    booking: str | None = None
    companions: int = 0
    override: Override | None = None
    matter: Mapping[str, str] = field(default_factory=dict)
    delegation: Delegation | None = None
    represented: bool = False

    @property
    def vouched(self) -> bool:
        """Whether somebody answers for who is here: staff who compared an ID, or the holder's phone with a code."""
        return self.id_checked or self.represented or self.delegation is not None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a check-in came to: the ledger's outcome, and the card when its claims could be believed.

    `booking`: the one used or asked for, as it stands now; `details`: what it says of persons, where not erased.
    """

    ask: Intent
    outcome: Outcome
    verdict: Verified | RefusedCard
    documents: Documents
    booking: Booking | None = None
    details: BookingDetails | None = None

    @property
    def card(self) -> CardClaims | None:
        """The card's claims, None where they could not be believed."""
        return self.verdict.card


class CheckInService:
    """Takes check-ins: trusted documents, known cards and the ledger put to work."""

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
        """Keep what every check-in needs; `documents` gives the trusted documents at an instant, or raises Problem.

        `store` knows the challenges that chips may answer and the counts of tags; `misfits` is told of minted cards.
        """
        self._misfits = misfits
        self.documents = documents
        self._ledger = ledger
        self._known = known
        self._cache = cache
        self._store = store

    def check_in(self, ask: Intent, at: datetime) -> Judged:
        """Judge one check-in and record it; returns only once its entry is durable.

        Raises Problem: `card-unknown`, `operation-conflict`, `clock-skew`, `unavailable`, or `invalid-field`.
        """
        with ledger_problems():
            return self._check_in(self.resolved(ask), at)

    def resolved(self, ask: Intent) -> Intent:
        """Step 1, second half: find the card that a proof alone names; Problem `card-unknown` where it was not seen."""
        presentation = ask.presentation
        if presentation.card is not None:
            return ask
        card = self._known.find(presentation)
        if card is None:
            raise Problem("card-unknown")
        return replace(ask, presentation=presentation.with_card(card))

    def _check_in(self, ask: Intent, at: datetime) -> Judged:
        documents = self.documents(at)
        operation = operation_of(ask)
        # Steps 2 to 6 are pure; a kept answer wins over whatever they say now.
        verdict = self.verify(ask, documents, at)
        # 0. Seen before: the same answer, before any rule; another intent under the same id is a conflict.
        seen = self._seen(operation)
        if seen is not None:
            return self._judged(ask, seen, verdict, documents)
        check_reference(ask)
        check_companions(ask)
        bookings = self.bookings(verdict, at, (ask.service,))
        change = change_of(ask, operation, verdict, documents, at, bookings=bookings)
        commitment = None if ask.override is None else Commitment.of(ask.override.note)
        if commitment is not None:
            change = replace(change, draft=with_extra(change.draft, note=commitment.text))
        # 10 and 11. One atomic, durable step; the answer follows it.
        outcome = self._ledger.check_in(change)
        if commitment is not None and not outcome.replayed:
            self._store.keep_note(outcome.entry, commitment.opened, at)
        if outcome.granted and outcome.booking is not None:
            self._store.bookings.erase_after(outcome.booking, at)
        if outcome.granted and ask.delegation is not None and not outcome.replayed:
            self._store.delegations.used(ask.delegation.id, at)
        self._remember(ask, verdict)
        return self._judged(ask, outcome, verdict, documents)

    def _judged(self, ask: Intent, outcome: Outcome, verdict: Verified | RefusedCard, documents: Documents) -> Judged:
        if outcome.booking is None:
            return Judged(ask, outcome, verdict, documents)
        booking, details = self._ledger.booking(outcome.booking), self._store.bookings.find(outcome.booking)
        return Judged(ask, outcome, verdict, documents, booking, details)

    def bookings(
        self, verdict: Verified | RefusedCard, at: datetime, services: tuple[Service, ...]
    ) -> tuple[Booking, ...]:
        """Step 9: return the holder's bookings that still matter; not asked for where no service is booked."""
        if isinstance(verdict, RefusedCard) or all(service.mode is not Mode.BOOKED for service in services):
            return ()
        found = self._ledger.bookings(BookingQuery(subject=verdict.card.subject, since=at - TOLD))
        return tuple(booking for booking in found if tells_of(booking, at))

    def verify(
        self, ask: Intent, documents: Documents, at: datetime, *, provisional: bool = False
    ) -> Verified | RefusedCard:
        """Steps 2 to 6 for one presentation; a chip's challenge and a tag's count are taken here."""
        replayed = None if ask.tag is None else self._store.tags.refusal(ask.tag, ask.caller.id, at)
        verdict = verify_presentation(
            ask.presentation,
            documents.trust,
            at,
            least=ask.service.least_assurance,
            id_checked=ask.vouched,
            provisional=provisional,
            counted=ask.tag is not None and replayed is None,
            challenges=AnswerOf(self._store.challenges, ask.caller.id, card_digest(ask.presentation.card or "")),
            cache=self._cache,
            proof_at=ask.looked_at,
        )
        self._misfits.tell(verdict, at)
        # What the card itself is refused for is told first; an ID compared makes an old link no fresher.
        if replayed is None or (isinstance(verdict, RefusedCard) and verdict.reason not in ASSURANCE_REASONS):
            lifts = ask.override is not None or ask.delegation is not None
            return lifted(verdict, documents, at, id_checked=ask.vouched) if lifts else verdict
        return RefusedCard(replayed, verdict.card, verdict.token_digest)

    def _seen(self, operation: Operation) -> Outcome | None:
        """Look the operation up under the holder that the card names and under the device, where early refusals lie."""
        kept = self._ledger.replay(operation)
        if kept is not None or operation.subject.startswith("device:"):
            return kept
        return self._ledger.replay(replace(operation, subject=device_subject(operation.device)))

    def _remember(self, ask: Intent, verdict: Verified | RefusedCard) -> None:
        if isinstance(verdict, Verified) and verdict.card.key is not None and ask.presentation.card is not None:
            self._known.remember(ask.presentation.card, verdict.card)


def operation_of(ask: Intent) -> Operation:
    """Bind the operation id to what is intended, never to the body's bytes (DESIGN §5, step 0).

    The subject is read from the unverified card and serves as a look-up key alone.
    """
    return Operation(subject_of(ask.presentation, ask.caller.id), ask.caller.id, ask.operation, request_hash(ask))


def subject_of(presentation: Presentation, device: str) -> str:
    """Return the subject that an unverified card names, for a look-up alone; the device's own where it names none."""
    return _unverified_text(presentation.card, CARD, "sub") or device_subject(device)


def request_hash(ask: Intent) -> bytes:
    """Hash the intended change: who asks, service, point, for whom, what staff vouch for, card digest, proof id."""
    return digest(
        canonical(
            {
                "device": ask.caller.id,
                "service": ask.service.code,
                "point": ask.point.code,
                "beneficiary": ask.beneficiary.value,
                "id_checked": ask.id_checked,
                "not_holder": ask.not_holder,
                "card": b64u(digest((ask.presentation.card or "").encode())),
                "proof": _proof_name(ask),
                **_added(ask),
            }
        )
    )


def _added(ask: Intent) -> dict[str, object]:
    """Return what few requests say, and only then belongs to what is intended.

    A matter's kind and department do not: a device's record of a check-in whose answer was lost does not hold them.
    """
    added: dict[str, object] = {} if ask.booking is None else {"booking": ask.booking}
    if ask.companions:
        added["companions"] = ask.companions
    if ask.represented:
        added["represented"] = True
    if ask.delegation is not None:
        added["delegation"] = ask.delegation.id
    if ask.override is not None:
        added["override"] = [ask.override.reason, ask.override.note or ""]
    return added


def _proof_name(ask: Intent) -> str:
    """Return what names this showing of the card: the phone's proof, the chip's nonce, the tag's count."""
    if ask.tag is not None:
        return ask.tag.proof
    proof = ask.presentation.proof
    return _unverified_text(proof, PROOF, "jti") or _unverified_text(proof, CHIP_PROOF, "nonce") or ""


def _unverified_text(token: str | None, form: TokenForm, claim: str) -> str | None:
    """Read one text claim of an unverified token; None where it has none. For look-up keys, never for a decision."""
    if token is None:
        return None
    try:
        value = parse_unverified(token, form).claims.get(claim)
    except TokenError:
        return None
    return value if isinstance(value, str) else None


def change_of(
    ask: Intent,
    operation: Operation,
    verdict: Verified | RefusedCard,
    documents: Documents,
    at: datetime,
    *,
    bookings: tuple[Booking, ...] = (),
) -> CheckIn:
    """Say what step 10 shall do: refuse with the reason found in steps 2 to 6, or judge the wish of steps 7 to 9."""
    change = CheckIn(operation, at, keep_until=at + LATE_WINDOW, draft=_draft(ask, verdict, documents))
    if isinstance(verdict, RefusedCard):
        # Before step 4 nothing the card claims is believed: the entry lies in the device's own partition.
        subject = operation.subject if verdict.card else device_subject(ask.caller.id)
        refused = (verdict.reason,)
        return replace(change, operation=replace(operation, subject=subject), findings=refused, order=refused)
    change = replace(change, claim=claim_of(verdict, at, ask.tag, ask.call))
    return judged_by_rules(change, ask, verdict.card, documents, bookings)


def judged_by_rules(
    change: CheckIn, ask: Intent, card: CardClaims, documents: Documents, bookings: tuple[Booking, ...]
) -> CheckIn:
    """Add what speaks against the wish (steps 7 to 9) and what the use would count, for step 10 to judge.

    The use of a booking counts nothing of its own: what the booking holds is posted.
    """
    programme, service = documents.programme, ask.service
    booking = chosen_booking(ask, programme, bookings, change.at)
    sister = None if booking is None or booking.service == service.code else programme.services.get(booking.service)
    wish = Wish(
        service=ask.service,
        point=ask.point,
        tier=card.tier,
        beneficiary=ask.beneficiary,
        not_holder=ask.not_holder,
        elsewhere=documents.elsewhere(card.subject),
        booked=booking is not None and sister is None,
        misplaced=sister is not None and sister.code not in ask.point.services,
    )
    cost = cost_of(programme, service, card.tier, change.at) if booking is None else Cost()
    return replace(
        change,
        draft=replace(change.draft, marks=change.draft.marks + notes(wish)),
        findings=(*findings(wish), *refusal_of(ask.delegation, service.code, change.at)),
        order=ORDER,
        booking=None if booking is None else booking.id,
        waived=frozenset() if ask.override is None else WAIVED,
        visit=cost.visit,
        choice=cost.choice,
        charges=cost.charges,
    )


def chosen_booking(ask: Intent, programme: Programme, bookings: tuple[Booking, ...], at: datetime) -> Booking | None:
    """Step 9: return the booking that is meant: the one named, else the holder's own of this service here and now,
    else one that is used elsewhere.
    """
    if ask.service.mode is not Mode.BOOKED:
        return None
    if ask.booking is not None:
        return next((booking for booking in bookings if booking.id == ask.booking), None)
    return booking_for(bookings, ask.service, at) or misplaced(programme, bookings, ask.service, at)


def lifted(
    verdict: Verified | RefusedCard, documents: Documents, at: datetime, *, id_checked: bool
) -> Verified | RefusedCard:
    """Step 6 under a supervisor's override: a card that holds, however it was shown. What steps 2 to 5 found stays.

    Who lifts how a card is shown has compared the person's ID with it.
    """
    if isinstance(verdict, Verified) or verdict.card is None or verdict.reason not in LIFTED:
        return verdict
    card = verdict.card
    if not id_checked:
        return RefusedCard("id-check-needed", card, verdict.token_digest)
    answer = documents.trust.status.status(card.status_uri, card.status_index, at)
    return Verified(card, verdict.token_digest, Assurance.COPYABLE, None, answer.freshness, needs_id_check=False)


def with_extra(draft: Draft, **added: object) -> Draft:
    """Return a draft with more of the leaf's fields."""
    return replace(draft, extra={**draft.extra, **added})


def claim_of(verdict: Verified, at: datetime, tag: TagRead | None = None, call: str | None = None) -> ProofClaim | None:
    """Return the claim that a proof makes; kept past its own life, the late window and the leeway between clocks.

    A tag's reading is claimed like a proof, so that one device uses it once; that no older one counts is the tag
    store's to say. Where nothing of the card is used up, the device's signed call is: sent again by whoever overheard
    it, under another operation id, it is no second use.
    """
    name = _shown_once(verdict, tag)
    if name is not None:
        return ProofClaim(verdict.card.card_id, name, at + LATE_WINDOW + PROOF_MAX_AGE + PROOF_AHEAD)
    return None if call is None else ProofClaim(verdict.card.card_id, f"call:{call}", at + CALL_WINDOW)


def _shown_once(verdict: Verified, tag: TagRead | None) -> str | None:
    if verdict.proof is None:
        return None if tag is None else tag.proof
    return verdict.proof.proof_id if isinstance(verdict.proof, ProofClaims) else b64u(verdict.proof.nonce)


def _draft(ask: Intent, verdict: Verified | RefusedCard, documents: Documents) -> Draft:
    card = verdict.card
    return Draft(
        point=ask.point.code,
        department=ask.point.department,
        service=ask.service.code,
        device=ask.caller.id,
        caller=ask.caller.kind,
        programme=documents.programme.version,
        bundle=documents.bundle.version,
        operator=ask.caller.operator_id,
        beneficiary=ask.beneficiary.value,
        tier=None if card is None else card.tier,
        form=None if card is None else card.form.value,
        assurance=verdict.assurance.word if isinstance(verdict, Verified) else None,
        card=None if card is None else card.card_id,
        token=verdict.token_digest if card is None else None,
        reference=ask.reference,
        client_time=None if ask.client_time is None else ask.client_time * 1000,
        marks=(*_marks(ask), *_marks_of(verdict)),
        extra={"companions": ask.companions, **ask.matter} if ask.companions else ask.matter,
    )


def _marks(ask: Intent) -> tuple[str, ...]:
    marks = ("id-checked",) if ask.id_checked else ()
    if ask.delegation is not None or ask.represented:
        marks = (*marks, "represented", "by-code" if ask.delegation is not None else "by-letter")
    return marks if ask.override is None else (*marks, f"override:{ask.override.reason}")


def _marks_of(verdict: Verified | RefusedCard) -> tuple[str, ...]:
    return (verdict.mark,) if isinstance(verdict, RefusedCard) and verdict.mark is not None else ()


def check_companions(ask: Intent) -> None:
    """Refuse more companions than the service allows a use; nothing is written."""
    most = ask.service.companions_most
    if ask.companions > most:
        message = f"this service takes at most {most} with the holder" if most else "this service is the holder's alone"
        raise invalid("$.companions", message)


def check_reference(ask: Intent) -> None:
    """Refuse a reference that the service does not take, lacks, or has in another form; nothing is written."""
    fault = reference_fault(ask.service, ask.reference)
    if fault is not None:
        raise invalid("$.reference", fault)


RETRY_SECONDS = 2


@contextmanager
def ledger_problems() -> Iterator[None]:
    """Map the ledger's refusals to problems: never a grant, never the holder's fault (DESIGN §5, step 11)."""
    try:
        yield
    except OperationConflict:
        raise Problem("operation-conflict") from None
    except ClockSkew:
        raise Problem("clock-skew", retry_after=RETRY_SECONDS) from None
    except LedgerUnavailable:
        raise Problem("unavailable", "retry with the same operation", retry_after=RETRY_SECONDS) from None
