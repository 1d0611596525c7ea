"""The booking desks' blueprint: every page of `/desk`, each with its right, and their line in the navigation."""

from __future__ import annotations

from flask import Blueprint

from accounts.rights import Right
from verifier.desks.bookings import BookingDesk
from verifier.service import Verifier
from web.department.shared import DeskPages
from web.desk.booking import add_booking
from web.desk.day import add_day
from web.desk.events import add_events
from web.desk.missed import add_missed
from web.desk.notices import add_notices
from web.desk.receipts import add_receipts
from web.desk.telephone import add_telephone_bookings
from web.staff.frame import StaffFrame


def desk_pages(staff: StaffFrame, verifier: Verifier) -> Blueprint:
    """Return the booking desks' pages."""
    found = staff.blueprint("booking-desk", keeps=True)
    staff.door("/desk", "door.desk", "calendar", Right.BOOKINGS)
    pages, desk = DeskPages(staff, verifier, "desk"), BookingDesk(verifier)
    add_day(found, pages, desk)
    add_events(found, pages, desk)
    add_receipts(found, pages)
    add_notices(found, pages)
    add_missed(found, pages, desk)
    add_booking(found, pages, desk)
    add_telephone_bookings(found, pages, desk)
    return found
