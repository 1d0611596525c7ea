"""What the year's notice means for a receipt: no receipt without a notice, the days of the notice, and the wanted
day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from cards.programme.types import BookingBasis, BookingRule, Service, Text
from edge.fields import invalid
from ledger.bookings import Booking
from verifier.records.notices import NoticeStore
from verifier.rules.bookings import BookingPlan, span_of_day
from verifier.rules.fields import Fields
from verifier.rules.notices import Notice, day_fault, expected_about, notice_findings, within_notice
from verifier.rules.wording import say_date


@dataclass(frozen=True, slots=True)
class Noticed:
    """The notice that a receipt of `year` answers, or None if there is no notice, and the reasons against the receipt.

    `expected`: the approximate day of the notice, by the notice before. `year` is None for a booking that is no
    receipt.
    """

    zone: ZoneInfo
    year: int | None = None
    notice: Notice | None = None
    expected: date | None = None
    findings: tuple[str, ...] = ()

    def within(self, wanted: BookingPlan) -> BookingPlan:
        """Return a plan with the days of the notice."""
        return within_notice(wanted, self.notice, self.zone)


def noticed(
    notices: NoticeStore, rule: BookingRule, service: Service, fields: Fields, *, at: datetime, zone: ZoneInfo
) -> Noticed:
    """Return what the notice means for fields. Problem invalid-field for a day outside the notice's days."""
    if rule.basis is not BookingBasis.NOTICE or fields.year is None:
        return Noticed(zone)
    kept = notices.of_service(service.code)
    notice = next((one for one in kept if one.year == fields.year), None)
    if fields.day is not None and (fault := day_fault(notice, fields.day)) is not None:
        raise invalid("$.fields.day", fault)
    expected = None if notice is not None else expected_about(kept, fields.year)
    return Noticed(zone, fields.year, notice, expected, notice_findings(notice, at, zone))


def hold_to_notice(
    notices: NoticeStore, rule: BookingRule, booking: Booking, expected: datetime, zone: ZoneInfo
) -> None:
    """Raise Problem invalid-field for a receipt's day outside the days of its notice."""
    if rule.basis is not BookingBasis.NOTICE:
        return
    notice = notices.find(booking.service, booking.window.scheduled_at.astimezone(zone).year)
    fault = day_fault(notice, expected.astimezone(zone).date())
    if fault is not None:
        raise invalid("$.delay.expected_at", fault)


def notice_values(answers: Noticed, at: datetime) -> dict[str, Text]:
    """Return the values for a sentence about a receipt's notice: its year, its first day, and its approximate day."""
    if answers.year is None:
        return {}
    days = {"notice_expected": answers.expected}
    if answers.notice is not None:
        days = {"notice_from": answers.notice.receipts_from}
    told = {name: day for name, day in days.items() if day is not None}
    said = {name: say_date(span_of_day(day, answers.zone)[0], answers.zone, at) for name, day in told.items()}
    return {"year": Text(zh=str(answers.year), en=str(answers.year))} | said
