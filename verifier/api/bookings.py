"""Bookings over HTTP for staff: made at a counter or by telephone, changed, cancelled, and listed for a point's day."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, Response, request

from accounts.rights import Caller, Right
from cards.parts import Presentation
from cards.programme.types import Point, Service
from cards.verify import RefusedCard, Verified
from edge.fields import instant_asked, invalid
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import InstantError, day_asked, rfc3339
from edge.limits import RateLimit
from edge.openapi import describe
from edge.problems import Problem
from ledger.bookings import Booking, BookingQuery, BookingState
from verifier.api.asking import Asking
from verifier.api.checkins import PRESENTED, WRITING
from verifier.counter.booking_views import booking_view
from verifier.desks.bookings import BookingAct, BookingDesk
from verifier.desks.missed import missed_rows
from verifier.desks.telephone import by_number
from verifier.records.bookings import BookingDetails
from verifier.records.store import Access
from verifier.rules.bookings import span_of_day
from verifier.service import Verifier
from verifier.services.bookings.answers import (
    BookingAnswer,
    BookingList,
    BookingPatch,
    BookingRequest,
    BookingsQuery,
    CancelQuery,
    ListedBooking,
    MissedHolder,
    MissedList,
    booking_answer,
)
from verifier.services.bookings.asked import BOOKING_PROBLEMS, TELEPHONE, Asker, BookingWish
from verifier.services.bookings.service import Booked, point_of, rule_of

_HELD = frozenset({BookingState.HELD})


def add_bookings(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add POST /v1/bookings, GET /v1/bookings and /v1/bookings/missed."""
    desk = StaffBookings(verifier, asking)

    @found.post("/v1/bookings")
    @describe(
        summary="Book for a holder, at a counter or by telephone",
        tag="bookings",
        body=BookingRequest,
        answers={201: BookingAnswer},
        problems=WRITING | PRESENTED,
        writes=True,
    )
    def book_for_holder() -> Response:
        limit.require(asking.authenticate(request).id)
        return desk.book(read_body(BookingRequest), request_instant())

    @found.get("/v1/bookings")
    @describe(
        summary="A point's bookings of a day, in the order of their expected times",
        tag="bookings",
        query=BookingsQuery,
        answers={200: BookingList},
        problems={"not-permitted", "invalid-field", "unavailable", "not-trusted"},
    )
    def list_bookings() -> Response:
        return answer(desk.listed(read_query(BookingsQuery), request_instant()))

    @found.get("/v1/bookings/missed")
    @describe(
        summary="Holders who missed bookings often this year, for the office",
        tag="bookings",
        answers={200: MissedList},
        problems={"not-permitted", "unavailable", "not-trusted"},
    )
    def list_missed() -> Response:
        return answer(desk.missed(request_instant()))


def add_booking_changes(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add PATCH and DELETE /v1/bookings/<id>."""
    desk = StaffBookings(verifier, asking)

    @found.patch("/v1/bookings/<booking>")
    @describe(
        summary="Change a booking, move it by its carrier's delay, or reopen it",
        tag="bookings",
        body=BookingPatch,
        answers={200: BookingAnswer},
        problems=WRITING | BOOKING_PROBLEMS,
        writes=True,
    )
    def change_booking(booking: str) -> Response:
        limit.require(asking.authenticate(request).id)
        return desk.change(booking, read_body(BookingPatch), request_instant())

    @found.delete("/v1/bookings/<booking>")
    @describe(
        summary="Cancel a booking: its unit is given back",
        tag="bookings",
        query=CancelQuery,
        answers={200: BookingAnswer},
        problems=WRITING | BOOKING_PROBLEMS,
        writes=True,
    )
    def cancel_booking(booking: str) -> Response:
        limit.require(asking.authenticate(request).id)
        return desk.cancel(booking, read_query(CancelQuery).reason, request_instant())


class StaffBookings:
    """Reads and answers the calls of staff."""

    def __init__(self, verifier: Verifier, asking: Asking) -> None:
        """Ask `asking` for the caller."""
        self._verifier = verifier
        self._asking = asking
        self._desk = BookingDesk(verifier)

    def book(self, body: BookingRequest, at: datetime) -> Response:
        """Make a booking for a card that was shown, or for a card number given on the telephone."""
        caller = self._asking.authenticate(request)
        service = self._asking.service(body.service)
        rule_of(self._verifier.programme, service)
        point = self._point(caller, service, body.point)
        number = body.card_number
        if (number is None) is (body.presentation is None):
            raise invalid("$.presentation", "give either a presentation or a card number")
        if number is None:
            presentation, verdict = self._shown(caller, service, body, at)
        else:
            presentation, verdict = by_number(self._verifier, number, called_back=body.called_back, at=at)
        asker = Asker.staff(caller, "counter" if number is None else TELEPHONE)
        key = idempotency_key()
        wish = BookingWish(key, asker, service, point, body.fields, presentation, verdict, caller.call)
        return self._answer(self._verifier.bookings.book(wish, at), "booked", caller, point, at, status=201)

    def _shown(
        self, caller: Caller, service: Service, body: BookingRequest, at: datetime
    ) -> tuple[Presentation, Verified | RefusedCard]:
        shown = self._asking.shown(body.presentation or "", at)
        if shown.delegation is not None:
            raise invalid("$.presentation", "a delegation code books nothing")
        return self._asking.verified(shown, caller, service, at, vouched=body.id_checked)

    def change(self, booking_id: str, body: BookingPatch, at: datetime) -> Response:
        """Change a booking in one of the three ways."""
        caller = self._asking.authenticate(request)
        change, delay, reopen = body.change, body.delay, body.reopen
        if [change, delay, reopen].count(None) != 2:
            raise invalid("$", "give one of change, delay, reopen")
        point, asked, desk = self._point_of(booking_id), BookingAct(idempotency_key(), booking_id), self._desk
        if reopen is not None:
            until = instant_asked("$.reopen.until", reopen.until)
            booked, done = desk.reopen(caller, asked, until, reopen.note, at), "reopened"
        elif delay is not None:
            expected = instant_asked("$.delay.expected_at", delay.expected_at)
            booked, done = desk.delay(caller, asked, expected, at), "delayed"
        else:
            booked, done = self._rebooked(caller, asked, body, at), "changed"
        return self._answer(booked, done, caller, point, at)

    def _rebooked(self, caller: Caller, asked: BookingAct, body: BookingPatch, at: datetime) -> Booked:
        change = body.change
        if change is None:
            raise invalid("$.change", "say what changes")
        service = None if change.service is None else self._asking.service(change.service)
        return self._desk.change(caller, asked, service, change.fields, at)

    def cancel(self, booking_id: str, reason: str, at: datetime) -> Response:
        """Cancel a booking for its holder."""
        caller, point = self._asking.authenticate(request), self._point_of(booking_id)
        booked = self._desk.cancel(caller, BookingAct(idempotency_key(), booking_id), reason, at)
        return self._answer(booked, "cancelled", caller, point, at)

    def listed(self, asked: BookingsQuery, at: datetime) -> BookingList:
        """List a point's bookings. The reading is recorded in the access log."""
        caller = self._asking.authenticate(request)
        point = self._asking.point(caller, Right.BOOKINGS, asked.point)
        if asked.on is None:
            query = BookingQuery(point=point.code, states=_HELD)
        else:
            since, until = span_of_day(_day(asked.on), self._verifier.programme.zone)
            query = BookingQuery(point=point.code, since=since, until=until)
        names = caller.may(Right.NAMES, point.code)
        found = self._verifier.bookings.find(query)
        found = tuple(pair for pair in found if caller.may(Right.BOOKINGS, point.code, pair[0].service))
        reading = Access("bookings", caller.id, asked.on or "held", caller.operator_id, point.code)
        self._verifier.store.record(reading, at)
        listed = tuple(self._listed(point, booking, details, names=names) for booking, details in found)
        return BookingList(point=point.code, bookings=listed, server_time=rfc3339(at))

    def _listed(self, point: Point, booking: Booking, details: BookingDetails | None, *, names: bool) -> ListedBooking:
        view = booking_view(self._verifier.programme, booking, details, names=names)
        if details is None:
            return ListedBooking(booking=view)
        reference = self._verifier.answering.reference(point.department, details.subject)
        return ListedBooking(booking=view, holder_ref=reference, holder_name=details.name)

    def missed(self, at: datetime) -> MissedList:
        """List the holders who often missed bookings, at the points where the caller makes bookings."""
        caller = self._asking.authenticate(request)
        rows = missed_rows(self._verifier, caller, at)
        told = (
            MissedHolder(
                rule=row.code, missed=row.missed, last=row.last, holder_ref=row.holder_ref, holder_name=row.name
            )
            for row in rows
        )
        return MissedList(tuple(told), rfc3339(at))

    def _point(self, caller: Caller, service: Service, named: str | None) -> Point:
        """Return the point of a booking: the named point, the caller's own, or the first point. The caller needs the
        right there.
        """
        point = point_of(self._verifier.programme, service, named or caller.point or "")
        if named is not None and point.code != named:
            raise invalid("$.point", "this service is not offered there")
        caller.require(Right.BOOKINGS, point.code, service.code)
        return point

    def _point_of(self, booking_id: str) -> Point:
        """Return the point of a booking. Problem not-found if there is no such booking."""
        booking = self._verifier.bookings.booking(booking_id)
        point = None if booking is None else self._verifier.programme.points.get(booking.point)
        if point is None:
            raise Problem("not-found")
        return point

    def _answer(
        self, booked: Booked, done: str, caller: Caller, point: Point, at: datetime, *, status: int = 200
    ) -> Response:
        names = caller.may(Right.NAMES, point.code)
        said = booking_answer(self._verifier.answering, booked, done, at, names=names)
        return answer(said, status)


def _day(text: str) -> date:
    try:
        return day_asked(text)
    except InstantError:
        raise invalid("$.on", "a date such as 2026-10-31 is expected") from None
