"""`/desk/bookings/<id>`: one booking: changed, delayed, cancelled, reopened, recorded as missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args
from zoneinfo import ZoneInfo

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.fields import Field

from accounts.rights import Caller, Right
from cards.programme.types import BookingField
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.bookings import BookingAct, BookingDesk, DeskBooking
from verifier.services.bookings.answers import CancelReason, booking_answer
from verifier.services.bookings.service import Booked
from web.department.shared import ActForm, DeskPages, choices_of, operation_sent
from web.desk.fields import (
    ChangeForm,
    control_attributes,
    desk_fields,
    form_of,
    given,
    put_faults,
    shown,
    with_travel_date,
)
from web.pages import page_language
from web.staff.forms import Longest, Needed, StaffForm, figures, refuse, stripped

CANCELS: Final = tuple(one for one in get_args(CancelReason) if one != "card-ended")
"""Why a desk cancels. Only the system itself gives the reason that a card ended."""


class DelayForm(ActForm):
    """The new time of the carrier or the organiser."""

    expected = StringField("desk.expected", [Needed()], filters=[figures])


class CancelForm(ActForm):
    """Why a booking is cancelled. The form asks for a tick, because another holder may take the hour at once."""

    reason = SelectField("desk.reason", [Needed()], choices=[])
    sure = BooleanField("desk.cancel-sure", [Needed("desk.tick-first")])


class ReopenForm(ActForm):
    """Until when a supervisor reopens a booking, and why."""

    until = StringField("desk.until-when", [Needed()], filters=[figures])
    note = TextAreaField("desk.why", [Needed(), Longest(500)], filters=[stripped])


FORMS: Final[Mapping[str, type[ActForm]]] = {"delay": DelayForm, "cancel": CancelForm, "reopen": ReopenForm}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A booking on its page: its form of fields, and the forms of its acts."""

    row: DeskBooking
    fields: Sequence[BookingField]
    change: StaffForm | None
    forms: Mapping[str, ActForm]


def add_booking(found: Blueprint, pages: DeskPages, desk: BookingDesk) -> None:
    """Add the page of one booking and its acts."""

    @found.get("/desk/bookings/<booking>")
    @pages.staff.needs(Right.BOOKINGS)
    def one_booking(who: Caller, booking: str) -> ResponseReturnValue:
        return _page(pages, desk, who, _opened(pages, desk, who, booking))

    @found.post("/desk/bookings/<booking>/change")
    @pages.staff.needs(Right.BOOKINGS)
    def change_booking(who: Caller, booking: str) -> ResponseReturnValue:
        told = _opened(pages, desk, who, booking)
        form = told.change
        if form is None:
            return pages.staff.fault(403, "fault.not-permitted")
        if not form.validate_on_submit():
            return _page(pages, desk, who, told, 422)
        return _changed(pages, desk, who, told, form)

    @found.post("/desk/bookings/<booking>/<any('delay', 'cancel', 'reopen'):act>")
    @pages.staff.needs(Right.BOOKINGS)
    def act_on_booking(who: Caller, booking: str, act: str) -> ResponseReturnValue:
        told = _opened(pages, desk, who, booking)
        form = told.forms[act]
        do = _done(pages, desk, who, booking, form) if form.validate_on_submit() else None
        if do is None:
            return _page(pages, desk, who, told, 422)
        return _acted(pages, booking, act, do)

    @found.post("/desk/bookings/<booking>/missed")
    @pages.staff.needs(Right.BOOKINGS)
    def missed_booking(who: Caller, booking: str) -> ResponseReturnValue:
        change, at = BookingAct(operation_sent(), booking), request_instant()
        return pages.act(f"/desk/bookings/{booking}", "desk.done.missed", lambda: desk.miss(who, change, at))


def _changed(pages: DeskPages, desk: BookingDesk, who: Caller, told: _Shown, form: StaffForm) -> ResponseReturnValue:
    """Change a booking with the form's values. The same page shows reasons against the change, with the typed
    values.
    """
    booking, zone = told.row.booking, pages.programme.zone
    rule = pages.programme.booking_rules[desk.service_of(booking).booking or ""]
    fields = with_travel_date(given(form, told.fields, zone), rule.fields, form)
    try:
        booked = desk.change(who, BookingAct(operation_sent(), booking.id), None, fields, request_instant())
    except Problem as problem:
        if put_faults(form, problem, told.fields):
            return _page(pages, desk, who, told, 422)
        if problem.status not in {409, 503}:
            raise
        pages.tell_problem(problem)
        return _page(pages, desk, who, told, problem.status)
    tell(pages, booked, "changed")
    return pages.staff.go(f"/desk/bookings/{booking.id}")


def _opened(pages: DeskPages, desk: BookingDesk, who: Caller, booking: str) -> _Shown:
    row = desk.opened(who, booking, request_instant())
    act = request.path.rpartition("/")[2]
    forms = {name: kind(request.form if name == act else None, prefix=f"{name}-") for name, kind in FORMS.items()}
    forms["cancel"].reason.choices = choices_of(pages, {one: f"desk.cancel.{one}" for one in CANCELS})
    service = pages.programme.services.get(row.booking.service)
    rule = None if service is None else pages.programme.booking_rules.get(service.booking or "")
    if service is None or rule is None or row.fields is None or not row.names:
        return _Shown(row, (), None, forms)
    fields = desk_fields(rule.fields, service)
    data = shown(row.fields, fields, pages.programme.zone)
    change = form_of(ChangeForm, fields, slots=rule.slot_most is not None, data=data, sent=act == "change")
    return _Shown(row, fields, change, forms)


def _page(pages: DeskPages, desk: BookingDesk, who: Caller, told: _Shown, status: int = 200) -> ResponseReturnValue:
    row = told.row
    rule = pages.programme.booking_rules.get(
        getattr(pages.programme.services.get(row.booking.service), "booking", None) or ""
    )
    labels = {} if rule is None else {one.code: pages.say(one.label) for one in rule.fields}
    return pages.page(
        "booking",
        status,
        row=row,
        booking=row.booking,
        change=told.change,
        fields=told.fields,
        forms=told.forms,
        labels=labels,
        attributes=control_attributes,
        may_reopen=who.may(Right.OVERRIDE, row.booking.point, row.booking.service),
        roomy=getattr(pages.programme.services.get(row.booking.service), "capacity", None) is None,
        desk=desk,
    )


def _done(pages: DeskPages, desk: BookingDesk, who: Caller, booking: str, form: ActForm) -> Callable[[], Booked] | None:
    """Return the act that a form asks for, as a function. Return None, with a fault at the field, for unreadable
    values.
    """
    change, at, zone = BookingAct(operation_sent(), booking), request_instant(), pages.programme.zone
    if isinstance(form, CancelForm):
        return lambda: desk.cancel(who, change, form.reason.data, at)
    if isinstance(form, DelayForm):
        expected = instant_typed(form.expected, zone)
        return None if expected is None else lambda: desk.delay(who, change, expected, at)
    until = instant_typed(form.until, zone)
    return None if until is None else lambda: desk.reopen(who, change, until, form.note.data, at)


def instant_typed(field: Field, zone: ZoneInfo) -> datetime | None:
    """Return the typed local time. Return None, with a fault at the field, for a text that is no time."""
    try:
        return datetime.fromisoformat(str(field.data)).replace(tzinfo=zone)
    except (ValueError, OverflowError):
        refuse(field, "desk.fault.datetime")
        return None


def _acted(pages: DeskPages, booking: str, act: str, do: Callable[[], Booked]) -> ResponseReturnValue:
    path, done = f"/desk/bookings/{booking}", {"cancel": "cancelled", "delay": "delayed", "reopen": "reopened"}[act]
    try:
        booked = do()
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        pages.tell_problem(problem)
    else:
        tell(pages, booked, done)
    return pages.staff.go(path)


def tell(pages: DeskPages, booked: Booked, done: str) -> None:
    """Show the outcome of a booking on the next page, in the words of the answer."""
    told = booking_answer(pages.verifier.answering, booked, done, request_instant(), names=False)
    language = page_language()
    text = f"{getattr(told.message, language)} {getattr(told.hint, language)}".strip()
    pages.staff.tell(text, "ok" if booked.outcome.granted else "no")
