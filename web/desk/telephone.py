"""`/desk/new`: a booking by telephone. The page first shows the reasons for or against the booking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from cards.programme.types import Point, Service
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.bookings import BookingDesk, TelephoneBooking
from verifier.desks.foretelling import foretell
from verifier.services.bookings.answers import booking_answer
from verifier.services.bookings.service import Booked
from web.department.shared import DeskPages, operation_sent
from web.desk.booking import tell
from web.desk.calling_back import asks_for_number, calling
from web.desk.fields import (
    FieldsForm,
    control_attributes,
    desk_fields,
    form_of,
    given,
    put_at,
    put_faults,
    with_travel_date,
)
from web.pages import page_language
from web.staff.forms import StaffForm


def add_telephone_bookings(found: Blueprint, pages: DeskPages, desk: BookingDesk) -> None:
    """Add the form of a booking by telephone."""

    @found.route("/desk/new/<point>/<service>", methods=["GET", "POST"])
    @pages.staff.needs(Right.BOOKINGS)
    def new_booking(who: Caller, point: str, service: str) -> ResponseReturnValue:
        place = desk.point(who, point)
        offered = next((one for one in desk.services(place) if one.code == service and one.closed is None), None)
        if offered is None or not who.may(Right.BOOKINGS, point, service):
            raise Problem("not-found")
        return _Telephone(pages, desk, who, place, offered).answer()


class _Telephone:
    """One form of a booking by telephone while it is filled in."""

    def __init__(self, pages: DeskPages, desk: BookingDesk, who: Caller, point: Point, service: Service) -> None:
        self._pages, self._desk, self._who = pages, desk, who
        self._point, self._service = point, service
        self._rule = pages.programme.booking_rules[service.booking or ""]
        self._fields = desk_fields(self._rule.fields, service)
        self._form = form_of(FieldsForm, self._fields, slots=self._rule.slot_most is not None)

    def answer(self) -> ResponseReturnValue:
        """Draw the form, check what it asks for, or make the booking."""
        form, asks = self._form, request.form.get("do", "")
        if request.method == "POST" and asks == "typing":
            return self._typing()
        if asks_for_number():
            told = calling(self._pages, self._who, self._point.code, form, self._fields)
            return self._page(422 if told.faulty else 200, call=told)
        if not form.validate_on_submit():
            return self._page(422 if form.errors else 200)
        asked, at = self._asked(form), request_instant()
        if asks == "check":
            foretold = foretell(self._pages.verifier, self._who, asked, at)
            placed = put_at(form, foretold.faults, self._fields)
            return self._page(422 if placed else 200, foretold=foretold)
        try:
            booked = self._desk.book(self._who, asked, at)
        except Problem as problem:
            if not put_faults(form, problem, self._fields):
                return self._pages.again("new", problem, **self._values())
            return self._page(422)
        return self._told(booked)

    def _typing(self) -> ResponseReturnValue:
        """Show the faults of what has been typed so far. A missing value is not a fault yet."""
        foretold = foretell(self._pages.verifier, self._who, self._asked(self._form), request_instant())
        put_at(self._form, foretold.faults, self._fields)
        return self._page(200, foretold=foretold)

    def _asked(self, form: StaffForm) -> TelephoneBooking:
        typed = given(form, self._fields, self._pages.programme.zone)
        return TelephoneBooking(
            operation_sent(),
            self._service,
            self._point,
            form["card_number"].data or "",
            with_travel_date(typed, self._rule.fields, form),
            called_back=bool(form["called_back"].data),
        )

    def _told(self, booked: Booked) -> ResponseReturnValue:
        if booked.outcome.granted:
            tell(self._pages, booked, "booked")
            return self._pages.staff.go(f"/desk/bookings/{booked.outcome.booking}")
        at, language = request_instant(), page_language()
        said = booking_answer(self._pages.verifier.answering, booked, "booked", at, names=False)
        return self._page(409, refused=f"{getattr(said.message, language)} {getattr(said.hint, language)}".strip())

    def _page(self, status: int, **more: Any) -> ResponseReturnValue:  # noqa: ANN401 - a template's values
        return self._pages.page("new", status, **{**self._values(), **more})

    def _values(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = {"form": self._form, "fields": self._fields, "attributes": control_attributes}
        call = calling(self._pages, self._who, self._point.code, self._form)
        return {"point": self._point, "service": self._service, "call": call, **told}
