"""`/desk/receipts`: a year's receipts to the notice of check-ups, their days, and the list for the hospital."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import StringField

from accounts.rights import Caller, Right
from cards.programme.types import Point
from edge.http import request_instant
from edge.instants import InstantError, day_asked
from edge.problems import Problem
from verifier.desks.receipts import ReceiptDesk, receipt_day, receipts_csv
from web.department.shared import DeskPages, operation_sent
from web.staff.forms import Needed, StaffForm, figures, refuse


class DayForm(StaffForm):
    """The day that the organiser sets for the ticked receipts."""

    day = StringField("desk.receipt.day", [Needed()], filters=[figures])


def add_receipts(found: Blueprint, pages: DeskPages) -> None:
    """Add the list of receipts, its file, and the setting of days."""
    desk = ReceiptDesk(pages.verifier)

    @found.route("/desk/receipts", methods=["GET", "POST"])
    @pages.staff.needs(Right.BOOKINGS)
    def receipts(who: Caller) -> ResponseReturnValue:
        points = desk.points(who)
        if not points:
            return pages.staff.fault(403, "fault.not-permitted")
        point, year, form = _point(points), _year(pages), DayForm()
        rows = desk.listed(who, point, year, request_instant())
        ticked = [row.booking.id for row in rows if row.booking.id in request.form.getlist("receipt")]
        if form.validate_on_submit() and _set(pages, desk, who, form, ticked):
            return pages.staff.go(f"/desk/receipts?point={point.code}&year={year}")
        told = [(row, receipt_day(row, pages.programme.zone)) for row in rows]
        status, notices = 422 if form.errors else 200, desk.notices(point, year)
        here = {"point": point, "points": points, "year": year, "services": desk.services(point), "of_year": notices}
        return pages.page("receipts", status, rows=told, form=form, **here)

    @found.get("/desk/receipts.csv")
    @pages.staff.needs(Right.BOOKINGS)
    def receipt_file(who: Caller) -> ResponseReturnValue:
        points = desk.points(who)
        if not points:
            raise Problem("not-permitted")
        point, year = _point(points), _year(pages)
        rows = desk.listed(who, point, year, request_instant())
        return pages.file(receipts_csv(rows, pages.programme), f"receipts-{point.code}-{year}", "csv")


def _point(points: tuple[Point, ...]) -> Point:
    return next((one for one in points if one.code == request.args.get("point")), points[0])


def _year(pages: DeskPages) -> int:
    """Return the year in the address, otherwise the present year."""
    asked = request.args.get("year", "")
    today = request_instant().astimezone(pages.programme.zone).date()
    return int(asked) if asked.isascii() and asked.isdecimal() and 2000 <= int(asked[:5]) <= 2999 else today.year


def _set(pages: DeskPages, desk: ReceiptDesk, who: Caller, form: DayForm, ticked: list[str]) -> bool:
    if not ticked:
        refuse(form.day, "desk.receipt.none-ticked")
        return False
    try:
        day = day_asked(form.day.data or "")
    except InstantError:
        refuse(form.day, "desk.fault.date")
        return False
    outside = desk.outside(ticked, day)
    if outside is not None:
        refuse(form.day, "desk.receipt.outside", **{"from": outside.held_from, "until": outside.held_until})
        return False
    try:
        count = desk.set_days(who, operation_sent(), ticked, day, request_instant())
    except Problem as problem:
        pages.tell_problem(problem)
    else:
        pages.staff.tell("desk.receipt.set", count=count)
    return True
