"""Yearly notices: when receipts to a notice are taken, and when its offer is held. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from verifier.rules.bookings import BookingPlan, span_of_day

NOTICE_AWAITED: Final = "notice-awaited"
"""The reason against a receipt before its notice: there is no notice of this year yet, or its first day has not
come.
"""

_INSTANT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """A service's notice of a year, as its organiser keeps it. All days are local, and both ends are included.

    Receipts are taken from `receipts_from` to `receipts_until`. The check-ups are from `held_from` to `held_until`.
    `reference` is the number of the paper notice, if it has one.
    """

    service: str
    year: int
    receipts_from: date
    receipts_until: date
    held_from: date
    held_until: date
    reference: str | None = None

    @property
    def in_order(self) -> bool:
        """Return whether no end lies before its beginning."""
        return self.receipts_from <= self.receipts_until and self.held_from <= self.held_until


def receipts_of(notice: Notice, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the span in which a notice takes receipts; its end is excluded."""
    return span_of_day(notice.receipts_from, zone)[0], span_of_day(notice.receipts_until, zone)[1]


def within_notice(wanted: BookingPlan, notice: Notice | None, zone: ZoneInfo) -> BookingPlan:
    """Return a receipt's plan with the days of its notice: the first and the last time for the receipt."""
    if notice is None:
        return wanted
    first, ends = receipts_of(notice, zone)
    return replace(wanted, first_call=first, last_call=ends - _INSTANT)


def notice_findings(notice: Notice | None, at: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    """Return the reasons against a receipt at `at`: its notice is still awaited."""
    awaited = notice is None or at < receipts_of(notice, zone)[0]
    return (NOTICE_AWAITED,) if awaited else ()


def day_fault(notice: Notice | None, day: date) -> str | None:
    """Return why a day cannot be the day of a receipt (it lies outside the days of the notice), or None if it can."""
    if notice is None or notice.held_from <= day <= notice.held_until:
        return None
    return f"the notice of {notice.year} is for {notice.held_from} to {notice.held_until}"


def expected_about(notices: Iterable[Notice], year: int) -> date | None:
    """Return the day of `year` on which the newest earlier notice began. The year's own notice is expected about
    then.
    """
    earlier = max((one for one in notices if one.year < year), key=lambda one: one.year, default=None)
    if earlier is None:
        return None
    began = earlier.receipts_from
    shifted = began.year + year - earlier.year
    return began.replace(year=shifted, day=min(began.day, 28) if began.month == 2 else began.day)
