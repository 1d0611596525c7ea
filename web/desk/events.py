"""`/desk/events`: the events of a point: added, moved and cancelled, and the people who come."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField

from accounts.rights import Caller, Right
from cards.programme.types import Text
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.bookings import BookingDesk
from verifier.desks.events import EventChange, EventDesk, EventSeen
from verifier.records.events import Event
from web.department.shared import ActForm, DeskPages
from web.desk.booking import instant_typed
from web.desk.fields import local_text
from web.staff.forms import Longest, Needed, StaffForm, figures, option, refuse, stripped

_CODE: Final = re.compile(r"[A-Z0-9-]{3,20}")
_SEATS_MOST: Final = 10_000
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


class EventForm(StaffForm):
    """A new event, or the changes of an existing event."""

    name_zh = StringField("desk.event.name-zh", [Needed(), Longest(100)], filters=[stripped])
    name_en = StringField("desk.event.name-en", [Needed(), Longest(100)], filters=[stripped])
    starts_at = StringField("desk.event.starts", [Needed()], filters=[figures])
    ends_at = StringField("desk.event.ends", [Needed()], filters=[figures])
    capacity = StringField("desk.event.seats", [Needed()], filters=[figures])


class NewEventForm(EventForm):
    """A new event. Holders sign up with its code, so the code never changes."""

    place = SelectField("desk.event.place", [Needed()], choices=[])
    code = StringField("desk.event.code", [Needed()], filters=[figures])


class CancelEventForm(ActForm):
    """Cancels an event with every sign-up."""

    sure = BooleanField("desk.event.cancel-sure", [Needed("desk.tick-first")])


def add_events(found: Blueprint, pages: DeskPages, bookings: BookingDesk) -> None:
    """Add the list of events, the form of a new event, and the page of an event."""
    desk = EventDesk(pages.verifier)

    @found.route("/desk/events", methods=["GET", "POST"])
    @pages.staff.needs(Right.BOOKINGS)
    def event_list(who: Caller) -> ResponseReturnValue:
        offered = desk.services(who)
        if not offered:
            return pages.staff.fault(403, "fault.not-permitted")
        form = NewEventForm()
        form.place.choices = [
            option(f"{service.code}@{point.code}", f"{pages.say(service.name)} · {pages.say(point.name)}")
            for service, point in offered
        ]
        if form.validate_on_submit() and (event := _new(pages, form)) is not None and _kept(desk, who, form, event):
            pages.staff.tell("desk.event.kept")
            return pages.staff.go(f"/desk/events/{event.code}")
        points = dict.fromkeys(point for _, point in offered)
        rows = [seen for point in points for seen in desk.listed(who, point)]
        return pages.page("events", 422 if form.errors else 200, form=form, rows=rows)

    @found.route("/desk/events/<code>", methods=["GET", "POST"])
    @pages.staff.needs(Right.BOOKINGS)
    def one_event(who: Caller, code: str) -> ResponseReturnValue:
        seen = desk.seen(desk.find(who, code))
        form = _form_of(pages, seen)
        if form.validate_on_submit() and (asked := _asked(pages, form)) is not None:
            path, at = f"/desk/events/{code}", request_instant()
            return pages.act(path, "desk.event.changed", lambda: desk.change(who, code, asked, at))
        rows = [bookings.opened(who, one, request_instant()) for one in desk.bookings(code)]
        rows = [row for row in rows if row.look != "cancelled"]
        cancel = CancelEventForm(None, prefix="cancel-")
        return pages.page("event", 422 if form.errors else 200, form=form, seen=seen, rows=rows, cancel=cancel)

    @found.post("/desk/events/<code>/cancel")
    @pages.staff.needs(Right.BOOKINGS)
    def cancel_event(who: Caller, code: str) -> ResponseReturnValue:
        desk.find(who, code)
        if not CancelEventForm(request.form, prefix="cancel-").validate():
            pages.staff.tell("desk.tick-first", "no")
            return pages.staff.go(f"/desk/events/{code}")
        at = request_instant()
        return pages.act(f"/desk/events/{code}", "desk.event.cancelled", lambda: desk.cancel(who, code, at))


def _form_of(pages: DeskPages, seen: EventSeen) -> EventForm:
    event, zone = seen.event, pages.programme.zone
    return EventForm(
        data={
            "name_zh": event.name.in_language("zh"),
            "name_en": event.name.in_language("en"),
            "starts_at": local_text(event.starts_at.isoformat(), zone),
            "ends_at": local_text(event.ends_at.isoformat(), zone),
            "capacity": str(event.capacity),
        }
    )


def _asked(pages: DeskPages, form: EventForm) -> EventChange | None:
    """Return the changes in the form. Return None, with a fault at the field, for an unreadable value."""
    zone = pages.programme.zone
    starts_at, ends_at = instant_typed(form.starts_at, zone), instant_typed(form.ends_at, zone)
    seats = form.capacity.data or ""
    count = int(seats) if seats.isascii() and seats.isdecimal() and len(seats) < 6 else 0
    if not 1 <= count <= _SEATS_MOST:
        refuse(form.capacity, "desk.fault.number")
    for name in (form.name_zh, form.name_en):
        if not _NAME.fullmatch(name.data or ""):
            refuse(name, "form.unreadable")
    if starts_at is not None and ends_at is not None and not starts_at < ends_at:
        refuse(form.ends_at, "desk.event.order")
    if form.errors or starts_at is None or ends_at is None:
        return None
    return EventChange(Text(zh=form.name_zh.data or "", en=form.name_en.data or ""), starts_at, ends_at, count)


def _new(pages: DeskPages, form: NewEventForm) -> Event | None:
    asked, code = _asked(pages, form), (form.code.data or "").upper()
    if not _CODE.fullmatch(code):
        refuse(form.code, "desk.event.code-wrong")
        return None
    if asked is None or asked.name is None or asked.starts_at is None or asked.ends_at is None:
        return None
    service, _, point = str(form.place.data).partition("@")
    return Event(code, service, point, asked.name, asked.starts_at, asked.ends_at, asked.capacity or 0)


def _kept(desk: EventDesk, who: Caller, form: NewEventForm, event: Event) -> bool:
    try:
        desk.keep(who, event)
    except Problem as problem:
        if problem.code != "event-exists":
            raise
        refuse(form.code, "desk.event.exists")
        return False
    return True
