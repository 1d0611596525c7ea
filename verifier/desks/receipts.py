"""Receipts to a yearly notice (check-ups): who answered, and the day that the organiser set for each receipt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from accounts.rights import Caller, Right
from cards.programme.types import BookingBasis, Point, Programme, Service
from edge.spreadsheets import csv_file
from ledger.bookings import Booking, BookingQuery, BookingState
from ledger.filtering import cell_of
from verifier.counter.checking_in import ledger_problems
from verifier.desks.bookings import MANY, BookingAct, BookingDesk, DeskBooking
from verifier.rules.bookings import span_of_day
from verifier.rules.notices import Notice, day_fault
from verifier.service import Verifier

DAYLESS: Final = timedelta(days=7)
"""A window longer than this is the window of a whole year: the day is not set yet."""
HEADS: Final = ("receipt", "service", "service_zh", "holder_ref", "holder_name", "tier", "day", "state")


class ReceiptDesk:
    """Lists the receipts of a year and sets their days."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's services."""
        self._verifier = verifier
        self._desk = BookingDesk(verifier)

    def services(self, point: Point) -> tuple[Service, ...]:
        """Return the services of a point that a yearly notice offers."""
        rules = self._verifier.programme.booking_rules
        return tuple(one for one in self._desk.services(point) if rules[one.booking or ""].basis is BookingBasis.NOTICE)

    def points(self, caller: Caller) -> tuple[Point, ...]:
        """Return the points whose receipts a caller handles."""
        return tuple(point for point in self._desk.points(caller) if self.services(point))

    def listed(self, caller: Caller, point: Point, year: int, at: datetime) -> tuple[DeskBooking, ...]:
        """Return a year's receipts at a point, without cancelled receipts.

        The access log of each receipt records the reading.
        """
        wanted = {one.code for one in self.services(point) if caller.may(Right.BOOKINGS, point.code, one.code)}
        found = [one for one in self._of_year(point, year) if one.service in wanted]
        return tuple(self._desk.opened(caller, one.id, at) for one in found)

    def notices(self, point: Point, year: int) -> dict[str, Notice]:
        """Return the notices of a year for the services of a point, by service."""
        found = {one.code: self._verifier.store.notices.find(one.code, year) for one in self.services(point)}
        return {code: notice for code, notice in found.items() if notice is not None}

    def outside(self, receipts: Iterable[str], day: date) -> Notice | None:
        """Return the notice, of one of these receipts, whose days do not include `day`. Return None if the day can be
        set for all receipts.
        """
        for receipt in receipts:
            booking = self._verifier.bookings.booking(receipt)
            if booking is None:
                continue
            year = booking.window.scheduled_at.astimezone(self._verifier.programme.zone).year
            notice = self._verifier.store.notices.find(booking.service, year)
            if day_fault(notice, day) is not None:
                return notice
        return None

    def set_days(self, caller: Caller, operation: str, receipts: Iterable[str], day: date, at: datetime) -> int:
        """Set the day of receipts, each receipt in its own step. If a call is interrupted, a repeated call finishes
        it.
        """
        expected = datetime.combine(day, time(), self._verifier.programme.zone).astimezone(UTC)
        return sum(self._set(caller, operation, one, expected, at) for one in receipts)

    def _set(self, caller: Caller, operation: str, receipt: str, expected: datetime, at: datetime) -> bool:
        booked = self._desk.delay(caller, BookingAct(f"{operation[:48]}-{receipt}", receipt), expected, at)
        return booked.outcome.granted

    def _of_year(self, point: Point, year: int) -> tuple[Booking, ...]:
        zone = self._verifier.programme.zone
        since, until = span_of_day(date(year, 1, 1), zone)[0], span_of_day(date(year, 12, 31), zone)[1]
        states = frozenset(BookingState) - {BookingState.CANCELLED}
        query = BookingQuery(point=point.code, since=since, until=until, states=states, limit=MANY)
        with ledger_problems():
            return self._verifier.ledger.bookings(query)


def receipt_day(row: DeskBooking, zone: ZoneInfo) -> date | None:
    """Return the local day that was set for a receipt; None while no day is set."""
    window = row.booking.window
    whole = window.closes_at - window.opens_at > DAYLESS
    return None if whole else window.expected_at.astimezone(zone).date()


def receipts_csv(rows: Iterable[DeskBooking], programme: Programme) -> str:
    """Return receipts as CSV, for the hospital: masked names, days, states."""
    told: list[tuple[object, ...]] = [HEADS]
    for row in rows:
        service, day = programme.services.get(row.booking.service), receipt_day(row, programme.zone)
        ref = "" if row.holder_ref is None else cell_of("holder", row.holder_ref)
        name = "" if service is None else service.name.in_language("zh")
        said = (row.holder_name or "", row.tier or "", "" if day is None else day.isoformat(), row.look)
        told.append((cell_of("id", row.booking.id), row.booking.service, name, ref, *said))
    return csv_file(told)
