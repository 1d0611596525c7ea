"""`/desk/missed`: holders who often missed bookings this year, and the programme's rule for this. Needs the right
`names`.
"""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from cards.programme.types import BookingRule, Point
from edge.http import request_instant
from verifier.desks.bookings import BookingDesk
from verifier.desks.missed import missed_rows
from web.department.shared import DeskPages


def add_missed(found: Blueprint, pages: DeskPages, desk: BookingDesk) -> None:
    """Add the list."""

    @found.get("/desk/missed")
    @pages.staff.needs(Right.NAMES)
    def missed_often(who: Caller) -> ResponseReturnValue:
        at = request_instant()
        rows = missed_rows(pages.verifier, who, at)
        rules = {rule.code: rule for point in desk.points(who) for rule in listing_rules(desk, point)}
        year = at.astimezone(pages.programme.zone).year
        return pages.page("missed", rows=rows, rules=rules, year=year)


def listing_rules(desk: BookingDesk, point: Point) -> tuple[BookingRule, ...]:
    """Return the rules of a point's services that list a holder with many misses."""
    rules = desk.programme.booking_rules
    codes = dict.fromkeys(one.booking or "" for one in desk.services(point))
    return tuple(rules[code] for code in codes if rules[code].missed_listed_from is not None)
