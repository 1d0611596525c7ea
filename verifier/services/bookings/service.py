"""Makes, changes and cancels bookings: applies the programme's rules and changes the ledger (docs/design.md §6).

The caller has already established who asks: a counter with a shown card, the telephone, or the holder's own phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cards.claims import CardClaims
from cards.parts import Presentation
from cards.programme.types import BookingRule, Point, Programme, Service
from cards.verify import RefusedCard, Verified, verify_presentation
from edge.encoding import b64u, digest
from edge.fields import invalid, invalid_fields
from edge.instants import to_epoch
from edge.problems import Problem
from ledger.bookings import Booking, BookingChange, BookingEnd, BookingQuery, ChangeKind, Hold, Window
from ledger.interface import Ledger
from ledger.paging import every_entry
from ledger.values import CheckIn, Draft, Operation, Outcome, Query, TargetState
from verifier.counter.checking_in import LATE_WINDOW, ledger_problems, logged_subject, proof_claim, refusal
from verifier.counter.commitments import Commitment
from verifier.counter.lifting import lifted
from verifier.records.bookings import BookingDetails
from verifier.records.events import Event
from verifier.records.places import BookedPlace
from verifier.records.store import VerifierStore
from verifier.rules.bookings import (
    BookingPlan,
    booking_findings,
    cancel_until,
    change_findings,
    delayed,
    plan_booking,
    reopened,
)
from verifier.rules.entitlement import Wish, intended
from verifier.rules.fields import BadFields, Fields, read_fields
from verifier.rules.reasons import ORDER
from verifier.rules.slots import outside_hours
from verifier.services.bookings.asked import (
    TELEPHONE,
    BookingAsked,
    BookingWish,
    booking_draft,
    draft_for,
    fields_text,
    refused_said,
    said_of,
)
from verifier.services.bookings.events import place_for
from verifier.services.bookings.noticed import Noticed, hold_to_notice, noticed
from verifier.services.bookings.seats import SeatService
from verifier.trust.published import Documents

CARD_ENDED: Final = "card-ended"
"""Why a booking ended if its holder is no longer entitled. The holder is told, and it is not a miss."""


@dataclass(frozen=True, slots=True)
class Booked:
    """The outcome of a wish, the booking with its present details, and the plan if the wish was judged."""

    outcome: Outcome
    service: Service
    documents: Documents
    booking: Booking | None = None
    details: BookingDetails | None = None
    card: CardClaims | None = None
    plan: BookingPlan | None = None
    noticed: Noticed | None = None


class BookingService:
    """Makes bookings. Personal details go to the erasable store; the entry holds a commitment to them."""

    def __init__(self, documents: Callable[[datetime], Documents], ledger: Ledger, store: VerifierStore) -> None:
        """Keep what every booking needs."""
        self._documents = documents
        self._ledger = ledger
        self._store = store
        self.seats = SeatService(ledger, store)

    def declared(self, card: str, at: datetime) -> Verified | RefusedCard:
        """Verify, by steps 2 to 5, a card that a person vouches for. Nobody presented the card itself."""
        documents = self._documents(at)
        verdict = verify_presentation(Presentation(card, None), documents.trust, at, id_checked=True)
        return lifted(verdict, documents, at, id_checked=True)

    def card_of(self, booking: str, at: datetime) -> str | None:
        """Return the newest valid card of a booking's holder that is known here, otherwise the card of the booking.

        None if the booking's details are erased.
        """
        details = self._store.bookings.find(booking)
        if details is None:
            return None
        newest = self.newest_card(details, at)
        return details.card if newest is None else newest[0]

    def newest_card(self, details: BookingDetails, at: datetime) -> tuple[str, CardClaims] | None:
        """Return the valid card of a holder that was issued last, of those known here, or None if no card is valid at
        `at`.
        """
        return self._newest(details.subject, details.card, at)

    def newest_of(self, subject: str, at: datetime) -> CardClaims | None:
        """Return the valid card of a holder that was issued last, of those known here, or None if no card is valid at
        `at`.
        """
        found = self._newest(subject, None, at)
        return None if found is None else found[1]

    def standing_card(self, subject: str, card: str, at: datetime) -> str:
        """Return the newest valid card of a holder that is known here, otherwise the named card."""
        newest = self._newest(subject, card, at)
        return card if newest is None else newest[0]

    def _newest(self, subject: str, card: str | None, at: datetime) -> tuple[str, CardClaims] | None:
        tokens = {*([] if card is None else [card]), *self._store.cards_of(subject, at)}
        verdicts = [(token, self.declared(token, at)) for token in sorted(tokens)]
        standing = [(token, verdict.card) for token, verdict in verdicts if isinstance(verdict, Verified)]
        return max(standing, key=lambda found: found[1].issued_at, default=None)

    def book(self, wish: BookingWish, at: datetime) -> Booked:
        """Judge and record a booking. Problems: `invalid-field`, and those of the ledger."""
        documents, verdict, asker = self._documents(at), wish.verdict, wish.asker
        operation = Operation(
            logged_subject(wish.presentation, verdict, asker.id), asker.id, wish.operation, wish.request
        )
        if isinstance(verdict, RefusedCard):
            return self._refuse(wish, operation, verdict, documents, at)
        card, programme = verdict.card, documents.programme
        rule = rule_of(programme, wish.service)
        fields = valid(rule, wish.service, wish.fields, programme, card.name)
        check_hours(rule, wish.point, fields, programme)
        event = self.seats.event_of(wish.service, wish.point, fields)
        fields = held_at(fields, event)
        answers = noticed(self._store.notices, rule, wish.service, fields, at=at, zone=programme.zone)
        wanted = answers.within(plan_booking(rule, wish.service, fields, at, programme.zone))
        details = self._details(wish, card, fields)
        asked = Wish(
            wish.service,
            wish.point,
            card.tier,
            elsewhere=documents.benefits.get(card.subject, ()),
            booked=True,
        )
        against = answers.findings or booking_findings(wanted, at)
        judged = intended(programme, asked, wanted.period_at, against=against)
        draft = draft_for(
            documents,
            asker,
            wish.service,
            wish.point,
            **said_of(card),
            # On the telephone, nothing was shown.
            assurance=None if asker.channel == TELEPHONE else verdict.assurance.word,
            marks=judged.marks,
            extra={"details": b64u(digest(details.opened.encode()))},
        )
        place = place_for(wish.service, wish.point, fields, event)
        with ledger_problems(), self.seats.taking(place, operation, at, wanted=not judged.findings) as seat:
            change = CheckIn(
                operation,
                at,
                at + LATE_WINDOW,
                draft,
                findings=(*judged.findings, *seat.findings),
                order=ORDER,
                claim=proof_claim(verdict, at, call=wish.call),
                choice=judged.cost.choice,
                charges=judged.cost.charges,
            )
            outcome = self._ledger.hold(Hold(change, wanted.window))
            self.seats.conclude(seat, outcome)
        if outcome.booking is not None and self._store.bookings.find(outcome.booking) is None:
            self._store.bookings.keep(outcome.booking, details, wanted.window.closes_at)
        booked = self._booked(outcome, wish.service, documents)
        return replace(booked, details=details, card=card, plan=wanted, noticed=answers)

    def _refuse(
        self, wish: BookingWish, operation: Operation, verdict: RefusedCard, documents: Documents, at: datetime
    ) -> Booked:
        said = refused_said(verdict)
        draft = draft_for(documents, wish.asker, wish.service, wish.point, **said)
        with ledger_problems():
            outcome = self._ledger.hold(Hold(refusal(operation, verdict, at, draft), Window(at, at, at, at)))
        return Booked(outcome, wish.service, documents, card=verdict.card)

    def _details(self, wish: BookingWish, card: CardClaims, fields: Fields) -> BookingDetails:
        return BookingDetails(
            subject=card.subject,
            card=wish.presentation.card or "",
            tier=card.tier,
            name=card.name,
            card_issued_at=to_epoch(card.issued_at),
            channel=wish.asker.channel,
            fields=fields.values,
            opened=self._opened(wish.asker.id, wish.operation, card.subject, fields),
            party=fields.party,
        )

    def _opened(self, device: str, operation: str, subject: str, fields: Fields) -> str:
        """Return the text to which an entry commits. A repeated operation commits to the same text."""
        return f"{b64u(self._store.bookings.salt(device, operation, subject))}.{fields_text(fields.values)}"

    def change(self, asked: BookingAsked, service: Service | None, given: Mapping[str, Any], at: datetime) -> Booked:
        """Replace a held booking in one step. If the new booking is refused, the old one stays.

        Problems as in `book`.
        """
        documents, booking = self._documents(at), self._booking(asked)
        programme, details = documents.programme, self._store.bookings.find(booking.id)
        if details is None:
            raise Problem("not-found", "the booking's details are erased")
        old = service_of(programme, booking)
        new = service or old
        rule = rule_of(programme, new)
        fields = valid(rule, new, _merged(rule, new, details.fields, given), programme, details.name)
        point = point_of(programme, new, booking.point)
        check_hours(rule, point, fields, programme)
        event = self.seats.event_of(new, point, fields)
        fields = held_at(fields, event)
        answers = noticed(self._store.notices, rule, new, fields, at=at, zone=programme.zone)
        wanted = answers.within(plan_booking(rule, new, fields, at, programme.zone))
        newest = self.newest_card(details, at)
        tier = details.tier if newest is None else newest[1].tier
        opened = self._opened(asked.asker.id, asked.operation, details.subject, fields)
        draft = draft_for(documents, asked.asker, new, point, extra={"details": b64u(digest(opened.encode()))})
        wish = Wish(new, point, tier, elsewhere=documents.benefits.get(details.subject, ()), booked=True)
        against = answers.findings or change_findings(booking, rule_of(programme, old), wanted, rule, at)
        judged = intended(programme, wish, wanted.period_at, against=against)
        change = replace(
            _change(asked, draft, ChangeKind.REBOOKED, wanted.window, at),
            request=asked.request("rebook", new.code, fields_text(given)),
            findings=judged.findings,
            charges=judged.cost.charges,
            choice=judged.cost.choice,
        )
        place = place_for(new, point, fields, event)
        outcome = self._rebooked(change, details.subject, place, at)
        if outcome.granted and not outcome.replayed:
            details = replace(details, fields=fields.values, party=fields.party, opened=opened, tier=tier)
            self._store.bookings.keep(booking.id, details, wanted.window.closes_at)
        return replace(self._booked(outcome, new, documents), plan=wanted, noticed=answers)

    def _rebooked(self, change: BookingChange, subject: str, place: BookedPlace | None, at: datetime) -> Outcome:
        """Change a booking: take the new place before the change, and give back the old place after it."""
        operation = Operation(subject, change.device, change.id, change.request)
        wanted = not change.findings
        taking = self.seats.taking(place, operation, at, wanted=wanted, instead_of=change.booking)
        with ledger_problems(), booking_problems(), taking as seat:
            change = replace(change, findings=(*change.findings, *seat.findings))
            outcome = self._ledger.change_booking(change)
            self.seats.changed(seat, outcome, change.booking)
        return outcome

    def delay(self, asked: BookingAsked, expected: datetime, at: datetime) -> Booked:
        """Move the window of a held booking, because a carrier is late or an organiser has set the day.

        The counted unit stays.
        """
        documents, booking = self._documents(at), self._booking(asked)
        service = service_of(documents.programme, booking)
        if service.capacity is not None:
            raise invalid("$.delay", "a room's hour is changed, not delayed: it may be another's")
        rule = rule_of(documents.programme, service)
        hold_to_notice(self._store.notices, rule, booking, expected, documents.programme.zone)
        window = delayed(booking, rule, service, expected)
        draft = booking_draft(documents, asked.asker, booking)
        change = _change(asked, draft, ChangeKind.DELAYED, window, at)
        return self._moved(change, service, documents)

    def reopen(self, asked: BookingAsked, until: datetime, note: str, at: datetime) -> Booked:
        """Allow a booking that is over to be used until an instant, by a supervisor's decision. Count its unit
        again.
        """
        documents, booking = self._documents(at), self._booking(asked)
        service, commitment = service_of(documents.programme, booking), Commitment.of(note)
        draft = booking_draft(
            documents, asked.asker, booking, **({} if commitment is None else {"note": commitment.text})
        )
        change = _change(asked, draft, ChangeKind.REOPENED, reopened(booking, until, at), at, note)
        booked = self._moved(change, service, documents)
        if commitment is not None and not booked.outcome.replayed:
            self._store.keep_note(booked.outcome.entry, commitment.opened, at)
        return booked

    def _moved(self, change: BookingChange, service: Service, documents: Documents) -> Booked:
        outcome = self._changed(change)
        if outcome.granted and not outcome.replayed:
            self._store.bookings.erase_after(change.booking, change.window.closes_at)
        return self._booked(outcome, service, documents)

    def cancel(self, asked: BookingAsked, reason: str, at: datetime) -> Booked:
        """Cancel a held booking. A holder may cancel until the rule's time; staff of the point may cancel at any
        time.
        """
        documents, booking = self._documents(at), self._booking(asked)
        service = service_of(documents.programme, booking)
        latest = cancel_until(booking, rule_of(documents.programme, service), documents.programme.zone)
        refusal = "too-late-to-cancel" if asked.asker.subject is not None and at > latest else None
        outcome = self.end(asked, booking, reason, documents, at, refusal=refusal)
        return self._booked(outcome, service, documents)

    def end(
        self,
        asked: BookingAsked,
        booking: Booking,
        reason: str,
        documents: Documents,
        at: datetime,
        *,
        refusal: str | None = None,
        missed: bool = False,
    ) -> Outcome:
        """Record the end of a booking: cancelled for a reason, or missed by the programme's rule."""
        service = documents.programme.services.get(booking.service)
        rule = None if service is None else documents.programme.booking_rules.get(service.booking or "")
        end = BookingEnd(
            device=asked.asker.id,
            id=asked.operation,
            request=asked.request("end", reason),
            at=at,
            keep_until=at + LATE_WINDOW,
            booking=booking.id,
            draft=booking_draft(documents, asked.asker, booking),
            reason=reason,
            missed=missed,
            consume=rule is not None and rule.missed == "consume",
            subject=asked.asker.subject,
            refusal=refusal,
        )
        with ledger_problems(), booking_problems():
            outcome = self._ledger.end_booking(end)
        if not outcome.replayed:
            self._store.bookings.end(booking.id, CARD_ENDED if reason == CARD_ENDED else None, at)
        if not missed:
            self._store.places.end(booking.id)
        return outcome

    def find(self, query: BookingQuery) -> tuple[tuple[Booking, BookingDetails | None], ...]:
        """Return bookings, with their details unless they are erased."""
        with ledger_problems():
            found = self._ledger.bookings(query)
        return tuple((booking, self._store.bookings.find(booking.id)) for booking in found)

    def erase_details(self, subject: str) -> int:
        """Erase the personal data of a holder's bookings, requests and matters, before the ledger deletes the
        holder.
        """
        found = [booking.id for booking in self._ledger.bookings(BookingQuery(subject=subject))]
        found += self._matters_of(subject)
        for entry in found:
            self._store.bookings.erase(entry)
        return len(found)

    def _matters_of(self, subject: str) -> list[str]:
        """Return the holder's requests, and check-ins that opened a matter. The list of matters has both."""
        name = self._ledger.pseudonym(subject)
        if name is None:
            return []
        entries = (
            entry
            for kind in ("request", "check-in")
            for entry in every_entry(self._ledger, Query(holder=name, kind=kind, limit=200))
        )
        return [entry.id for entry in entries if entry.leaf.kind == "request" or entry.leaf.matter is not None]

    def booking(self, booking_id: str) -> Booking | None:
        """Return one booking."""
        with ledger_problems():
            return self._ledger.booking(booking_id)

    def _booking(self, asked: BookingAsked) -> Booking:
        """Return the booking that a call names. A holder gets only own bookings, in whatever state."""
        booking, subject = self.booking(asked.booking), asked.asker.subject
        if booking is None:
            raise Problem("not-found")
        if subject is not None:
            with ledger_problems():
                if self._ledger.pseudonym(subject) != booking.holder:
                    raise Problem("not-found")
        return booking

    def _changed(self, change: BookingChange) -> Outcome:
        with ledger_problems(), booking_problems():
            return self._ledger.change_booking(change)

    def _booked(self, outcome: Outcome, service: Service, documents: Documents) -> Booked:
        if outcome.booking is None:
            return Booked(outcome, service, documents)
        booking = self.booking(outcome.booking)
        return Booked(outcome, service, documents, booking, self._store.bookings.find(outcome.booking))


def rule_of(programme: Programme, service: Service) -> BookingRule:
    """Return the rule by which a service is booked. Problem invalid-field for a service without bookings."""
    rule = programme.booking_rules.get(service.booking or "")
    if rule is None:
        raise invalid("$.service", "this service is not booked")
    return rule


def service_of(programme: Programme, booking: Booking) -> Service:
    """Return a booking's service. Problem not-found if the programme no longer has it."""
    service = programme.services.get(booking.service)
    if service is None:
        raise Problem("not-found", "the programme no longer has this service")
    return service


def point_of(programme: Programme, service: Service, wanted: str) -> Point:
    """Return the point where a booking is used: the wanted point if it offers the service, otherwise the service's
    first point.
    """
    places = [point for point in programme.points.values() if service.code in point.services]
    return next((point for point in places if point.code == wanted), places[0])


def valid(
    rule: BookingRule, service: Service, given: Mapping[str, Any], programme: Programme, card_name: str
) -> Fields:
    """Return the valid fields. Problem invalid-field with every fault."""
    try:
        return read_fields(rule, service, given, programme.zone, card_name)
    except BadFields as error:
        raise invalid_fields(error.faults) from None


def check_hours(rule: BookingRule, point: Point, fields: Fields, programme: Programme) -> None:
    """Raise Problem invalid-field for a slot outside the hours of its point."""
    fault = outside_hours(rule, point, fields, programme.zone)
    if fault is not None:
        code = next(one.code for one in rule.fields if one.kind == "datetime")
        raise invalid(f"$.fields.{code}", fault)


def held_at(fields: Fields, event: Event | None) -> Fields:
    """Return the fields of a sign-up with its event's own time."""
    return fields if event is None else replace(fields, starts_at=event.starts_at, ends_at=event.ends_at)


def _merged(
    rule: BookingRule, service: Service, kept: Mapping[str, Any], given: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the fields of a booking with the given values put in.

    Values that the service does not ask for are dropped.
    """
    asked = {one.code for one in rule.fields if not one.services or service.code in one.services}
    return {code: value for code, value in kept.items() if code in asked} | dict(given)


def _change(
    asked: BookingAsked, draft: Draft, kind: ChangeKind, window: Window, at: datetime, *values: str
) -> BookingChange:
    # The end follows only from the request: a retry that meets the moved booking asks for the same end.
    return BookingChange(
        device=asked.asker.id,
        id=asked.operation,
        request=asked.request(kind.value, str(to_epoch(window.closes_at)), *values),
        at=at,
        keep_until=at + LATE_WINDOW,
        booking=asked.booking,
        draft=draft,
        kind=kind,
        window=window,
        subject=asked.asker.subject,
        order=ORDER,
    )


@contextmanager
def booking_problems() -> Iterator[None]:
    """Turn a refusal that comes from a booking's state into its problem."""
    try:
        yield
    except TargetState as error:
        raise Problem(error.code) from None
