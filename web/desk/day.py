"""`/desk`: a point's day by hour, free hours of rooms, the week, the search; a list for the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField

from accounts.rights import Caller, Right
from cards.programme.types import Point
from edge.http import request_instant
from edge.instants import InstantError, day_asked
from verifier.desks.bookings import FOUND_MOST, BookingDesk, Day, DeskBooking, days_of_week
from verifier.desks.events import EventDesk
from verifier.desks.receipts import ReceiptDesk
from web.department.shared import DeskPages
from web.desk.missed import listing_rules
from web.staff.forms import FilterForm, figures, option, stripped


class DayFilter(FilterForm):
    """Which day of which point, and the text to search for on the days around."""

    point = SelectField("desk.point", choices=[], validate_choice=False)
    day = StringField("desk.day", filters=[figures])
    sought = StringField("desk.sought", filters=[stripped])


@dataclass(frozen=True, slots=True)
class Hour:
    """The bookings of a local hour, or a run of empty hours until `ends`. `now`: the present time lies here."""

    begins: int
    ends: int
    rows: tuple[DeskBooking, ...]
    now: bool


def add_day(found: Blueprint, pages: DeskPages, desk: BookingDesk) -> None:
    """Add the day, the call that the page repeats every few seconds, and the list for the door."""

    @found.get("/desk")
    @pages.staff.needs(Right.BOOKINGS)
    def desk_day(who: Caller) -> ResponseReturnValue:
        points = desk.points(who)
        if not points:
            return pages.staff.fault(403, "fault.not-permitted")
        return _day(pages, desk, who, points)

    @found.get("/desk/state")
    @pages.staff.needs(Right.BOOKINGS)
    def desk_state(who: Caller) -> ResponseReturnValue:
        point = desk.point(who, request.args.get("point", ""))
        return jsonify(version=desk.version(who, point, asked_day(pages, request.args.get("day", ""))))

    @found.get("/desk/print")
    @pages.staff.needs(Right.BOOKINGS)
    def desk_print(who: Caller) -> ResponseReturnValue:
        point = desk.point(who, request.args.get("point", ""))
        told = desk.day(who, point, asked_day(pages, request.args.get("day", "")), request_instant())
        rows = [row for row in told.bookings if row.look not in {"cancelled", "missed"}]
        return pages.page("print", told=told, rows=rows)


def _day(pages: DeskPages, desk: BookingDesk, who: Caller, points: tuple[Point, ...]) -> ResponseReturnValue:
    form = DayFilter(request.args)
    point = next((one for one in points if one.code == form.point.data), points[0])
    day = asked_day(pages, form.day.data or "")
    form.point.choices = [option(one.code, pages.say(one.name)) for one in points]
    form.point.data, form.day.data = point.code, day.isoformat()
    names = who.may(Right.NAMES, point.code)
    form.sought.label.text = "desk.sought-names" if names else "desk.sought"
    sought = (form.sought.data or "")[:100]
    shown = _found(desk, who, point, day, sought) if sought else _of_day(pages, desk, who, point, day)
    return pages.page(
        "day",
        **shown,
        point=point,
        day=day,
        has_receipts=bool(ReceiptDesk(pages.verifier).services(point)),
        has_events=bool(EventDesk(pages.verifier).services(who)),
        form=form,
        has_rooms=any(one.capacity is not None for one in desk.services(point)),
        lists_missed=names and bool(listing_rules(desk, point)),
        found_most=FOUND_MOST,
        services=[one for one in desk.services(point) if one.closed is None],
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
    )


def _of_day(pages: DeskPages, desk: BookingDesk, who: Caller, point: Point, day: date) -> dict[str, Any]:
    """Return what the page shows of a day: its hours, its rooms' free hours, the numbers of the week."""
    told = desk.day(who, point, day, request_instant())
    return {
        "told": told, "hours": list(_hours(pages, told)), "slots": _rooms(pages, told),
        "week": desk.week(point, day),
    }  # fmt: skip


def _found(desk: BookingDesk, who: Caller, point: Point, day: date, sought: str) -> dict[str, Any]:
    """Return what the page shows of a search: what was found, in place of the day. The week leads back to the days."""
    found = desk.find(who, point, day, sought, request_instant())
    return {"told": None, "found": found, "week": [(one, None) for one in days_of_week(day)]}


def asked_day(pages: DeskPages, asked: str) -> date:
    """Return the local day in the address, or today for a text that is no day."""
    try:
        return day_asked(asked)
    except InstantError:
        return request_instant().astimezone(pages.programme.zone).date()


def _hours(pages: DeskPages, told: Day) -> Iterator[Hour]:
    """Yield the hours of a day. Consecutive empty hours are one item."""
    zone, local = pages.programme.zone, request_instant().astimezone(pages.programme.zone)
    present = local.hour if local.date() == told.day else None
    by_hour: dict[int, list[DeskBooking]] = {}
    for row in told.bookings:
        by_hour.setdefault(row.booking.window.expected_at.astimezone(zone).hour, []).append(row)
    marks = {*by_hour, *([] if present is None else [present])}
    stops = sorted({0, 24, *marks, *(hour + 1 for hour in marks)})
    for begins, ends in pairwise(stops):
        now = present is not None and begins <= present < ends
        yield Hour(begins, ends, tuple(by_hour.get(begins, ())), now)


def _rooms(pages: DeskPages, told: Day) -> list[tuple[str, list[tuple[str, int, int]]]]:
    """Return each room's hours as (local time, free, capacity)."""
    zone, found = pages.programme.zone, dict[str, list[tuple[str, int, int]]]()
    for one in told.slots:
        begins = f"{one.starts_at.astimezone(zone):%H:%M}"
        found.setdefault(one.service, []).append((begins, one.free, one.capacity))
    return list(found.items())
