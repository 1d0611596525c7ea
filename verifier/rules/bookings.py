"""When a booking may be made, changed, used and cancelled: the programme's rules as pure functions of one instant.

Every bound is included: exactly two hours before take-off is in time (docs/guide-coverage.md, Read right 5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cards.programme.types import BookingBasis, BookingRule, Programme, Service, UseWindow
from ledger.bookings import Booking, BookingState, Window
from verifier.rules.fields import NAME_BOARD, Fields

TOO_LATE, TOO_EARLY, MISSED = "booking-too-late", "booking-too-early", "booking-missed"

_INSTANT = timedelta(milliseconds=1)  # A window includes its last bound: a day ends before the next begins
_LONGEST_DAY = timedelta(days=30)  # A day plus the time that a rule opens before and after it: two days at most
_STALE = timedelta(days=2)  # How long after its window a booking still explains to a visitor why there is none left
TOLD = timedelta(days=7)
"""Bookings expected longer ago than this are not looked up: no window, even a reopened one, reaches so far."""


@dataclass(frozen=True, slots=True)
class BookingPlan:
    """A possible booking: its window, and the instant that fixes its period (docs/design.md §6).

    `first_call` and `last_call`: the first and the last instant at which it may be made.
    """

    window: Window
    period_at: datetime
    first_call: datetime
    last_call: datetime


def plan_booking(rule: BookingRule, service: Service, fields: Fields, at: datetime, zone: ZoneInfo) -> BookingPlan:
    """Return the booking that the fields ask for at `at`. `fields` come from read_fields, so they hold what the basis
    needs.
    """
    if rule.basis is BookingBasis.NOTICE and fields.year is not None:
        return _receipt_plan(rule, fields.year, fields.day, zone)
    if fields.starts_at is None:
        return _open_plan(rule, at)
    scheduled = fields.starts_at
    return BookingPlan(
        window=window_around(rule, service, scheduled, scheduled),
        period_at=scheduled,
        first_call=scheduled - rule.ahead,
        last_call=scheduled - rule.lead,
    )


def window_around(rule: BookingRule, service: Service, scheduled: datetime, expected: datetime) -> Window:
    """Return when a booking expected at an instant can be used: by the service's own window, otherwise by the
    rule's.
    """
    own = service.use_window or UseWindow(rule.opens_before, rule.closes_after)
    return Window(scheduled, expected, expected - own.opens_before, expected + own.closes_after)


def _receipt_plan(rule: BookingRule, year: int, day: date | None, zone: ZoneInfo) -> BookingPlan:
    """Return the plan of a receipt to a year's notice. The organiser sets the day; until then the whole year is
    open.
    """
    starts, ends = _midnight(date(year, 1, 1), zone), _midnight(date(year + 1, 1, 1), zone) - _INSTANT
    window = Window(starts, ends, starts, ends)
    if day is not None:
        window = day_window(rule, day, zone, scheduled_at=starts)
    return BookingPlan(window, period_at=starts, first_call=starts - rule.ahead, last_call=window.closes_at)


def has_day(window: Window) -> bool:
    """Return whether the organiser has set the day of a receipt. Until then its window is the notice's whole year."""
    return window.closes_at - window.opens_at < _LONGEST_DAY


def awaits_day(programme: Programme, service: Service, booking: Booking, at: datetime) -> bool:
    """Return whether a booking is a receipt, held at `at`, whose day the organiser has not set yet."""
    rule = programme.booking_rules.get(service.booking or "")
    held = booking.state is BookingState.HELD and at <= booking.window.closes_at
    return held and rule is not None and rule.basis is BookingBasis.NOTICE and not has_day(booking.window)


def day_window(rule: BookingRule, day: date, zone: ZoneInfo, *, scheduled_at: datetime) -> Window:
    """Return the window of a booking for a whole local day."""
    begins = _midnight(day, zone)
    return Window(scheduled_at, begins, begins - rule.opens_before, begins + rule.closes_after - _INSTANT)


def _open_plan(rule: BookingRule, at: datetime) -> BookingPlan:
    """Return the plan of an event. The programme does not know its day, so the plan stands until the organiser moves
    it.
    """
    ends = at + rule.ahead
    return BookingPlan(Window(at, ends, at - rule.opens_before, ends), period_at=at, first_call=at, last_call=ends)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def booking_findings(wanted: BookingPlan, at: datetime) -> tuple[str, ...]:
    """Return the reasons against a booking at `at`: too late for the lead time, or too far ahead."""
    if at > wanted.last_call:
        return (TOO_LATE,)
    return (TOO_EARLY,) if at < wanted.first_call else ()


def change_findings(
    old: Booking, old_rule: BookingRule, wanted: BookingPlan, new_rule: BookingRule, at: datetime
) -> tuple[str, ...]:
    """Return the reasons against changing a booking at `at`.

    An earlier time or a stricter rule needs the lead time again. A later time does not, unless the rule says so. A
    booking that is over must first be reopened.
    """
    if at > old.window.closes_at:
        return (MISSED,)
    if at < wanted.first_call:
        return (TOO_EARLY,)
    late = at > (wanted.last_call if _needs_lead(old, old_rule, wanted, new_rule) else wanted.window.closes_at)
    return (TOO_LATE,) if late else ()


def _needs_lead(old: Booking, old_rule: BookingRule, wanted: BookingPlan, new_rule: BookingRule) -> bool:
    scheduled = wanted.window.scheduled_at
    changes = {
        "earlier": scheduled < old.window.scheduled_at,
        "later": scheduled > old.window.scheduled_at,
        "stricter-rule": new_rule.lead > old_rule.lead,
    }
    return any(changes[name] for name in new_rule.change_needs_lead)


def delayed(old: Booking, rule: BookingRule, service: Service, expected: datetime) -> Window:
    """Return the window of a booking that is now expected at another time. Its period stays that of the schedule.

    A delayed departure opens no later than before, because its passengers come at the time that they know.
    """
    window = window_around(rule, service, old.window.scheduled_at, expected)
    if departs(rule, service):
        window = replace(window, opens_at=min(window.opens_at, old.window.opens_at))
    return window


def departs(rule: BookingRule, service: Service) -> bool:
    """Return whether a service is for a departure: a journey at whose end nobody is met with a name board."""
    met = any(field.code == NAME_BOARD and service.code in field.services for field in rule.fields)
    return rule.basis is BookingBasis.JOURNEY and not met


def reopened(old: Booking, until: datetime, at: datetime) -> Window:
    """Return the window of a booking that a supervisor reopens at `at`. A booking that was over is expected from this
    instant.
    """
    expected = at if at > old.window.closes_at else old.window.expected_at
    return replace(old.window, expected_at=expected, closes_at=until)


def cancel_until(booking: Booking, rule: BookingRule, zone: ZoneInfo) -> datetime:
    """Return the instant until which a holder may cancel."""
    expected = booking.window.expected_at
    if rule.cancel_until == "day-before":
        return _midnight(expected.astimezone(zone).date(), zone) - _INSTANT
    return expected


def booking_for(bookings: Iterable[Booking], service: Service, at: datetime) -> Booking | None:
    """Return the booking that a visitor means without naming it: one that is held and open now, otherwise the nearest
    one, which explains the refusal. Return None if nothing of the service was booked.
    """
    told = [one for one in bookings if one.service == service.code and one.state is not BookingState.CANCELLED]
    told = [one for one in told if at <= one.window.closes_at + _STALE]
    return min(told, key=lambda one: _distance(one, at), default=None)


def _distance(booking: Booking, at: datetime) -> tuple[timedelta, bool, datetime]:
    """Return the distance of a booking's window from `at`. Of two equally near bookings, a held one comes first, then
    the earlier one.
    """
    window = booking.window
    away = max(window.opens_at - at, at - window.closes_at, timedelta())
    held = booking.state is BookingState.HELD
    return away, not held, window.expected_at


def misplaced(programme: Programme, bookings: Iterable[Booking], service: Service, at: datetime) -> Booking | None:
    """Return a held booking of a sister service that is open now and is used elsewhere, because the visitor stands at
    the wrong lounge. Return None if there is none.
    """
    for one in bookings:
        booked = programme.services.get(one.service)
        is_sister = booked is not None and booked.item == service.item and booked.code != service.code
        if is_sister and one.state is BookingState.HELD and one.window.opens_at <= at <= one.window.closes_at:
            return one
    return None


def tells_of(booking: Booking, at: datetime) -> bool:
    """Return whether a counter or a wallet still shows a booking: while it is held, and for two days after its end."""
    return booking.state is BookingState.HELD or at <= booking.window.closes_at + _STALE


def span_of_day(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the bounds of a local day. The end is excluded."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
