"""Leads, windows and changes of bookings, to the second, as pure functions of one instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cards.programme.load import load_programme
from ledger.bookings import Booking, BookingState
from tests.verifier.booking import arrival, flight
from tests.verifier.world import PROGRAMMES
from tests.verifier.world import at as local
from verifier.rules.bookings import (
    booking_findings,
    booking_for,
    cancel_until,
    change_findings,
    delayed,
    misplaced,
    plan_booking,
    reopened,
    span_of_day,
)
from verifier.rules.fields import read_fields

BAIYUN = load_programme(PROGRAMMES / "baiyun.toml")
ZONE = BAIYUN.zone
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
TAKE_OFF = local("2026-11-05 14:00")


def rule_of(service: str):
    """The rule by which a service is booked."""
    return BAIYUN.booking_rules[BAIYUN.services[service].booking]


def planned(service: str, fields: dict, at: datetime):
    """The plan of a booking."""
    asked = BAIYUN.services[service]
    read = read_fields(rule_of(service), asked, fields, ZONE, "张*明")
    return plan_booking(rule_of(service), asked, read, at, ZONE)


def booking(service: str = "airport-dom-departure", when: datetime = TAKE_OFF, **changes) -> Booking:
    """A held booking around a time."""
    wanted = planned(service, flight(when.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")), when)
    point = BAIYUN.services[service].points[0]
    made = Booking(
        "7f-000001", "h", service, point, BookingState.HELD, wanted.window, when, (), None, True, "7f-000001"
    )
    return replace(made, **changes)


@pytest.mark.parametrize(("service", "hours"), [("airport-dom-departure", 2), ("airport-intl-departure", 3)])
def test_the_lead_is_inclusive(service, hours):
    """Exactly so many hours before take-off is in time, a second later is not."""
    last = TAKE_OFF - hours * HOUR
    wanted = planned(service, flight("2026-11-05 14:00"), last)
    assert wanted.last_call == last
    assert booking_findings(wanted, last) == ()
    assert booking_findings(wanted, last + SECOND) == ("booking-too-late",)


def test_ninety_days_ahead_and_not_a_second_more():
    """The bound belongs to what may be booked."""
    wanted = planned("airport-dom-departure", flight("2026-11-05 14:00"), TAKE_OFF)
    assert booking_findings(wanted, TAKE_OFF - 90 * DAY) == ()
    assert booking_findings(wanted, TAKE_OFF - 90 * DAY - SECOND) == ("booking-too-early",)


def test_departures_open_four_hours_before_and_arrivals_one():
    """Arrivals have a window of their own; both end six hours after."""
    departure = planned("airport-dom-departure", flight("2026-11-05 14:00"), TAKE_OFF).window
    landing = planned("airport-dom-arrival", arrival("2026-11-05 14:00"), TAKE_OFF).window
    assert (departure.opens_at, departure.closes_at) == (TAKE_OFF - 4 * HOUR, TAKE_OFF + 6 * HOUR)
    assert (landing.opens_at, landing.closes_at) == (TAKE_OFF - HOUR, TAKE_OFF + 6 * HOUR)


def test_a_room_is_missed_after_half_an_hour():
    """Booked a day ahead at least; fifteen minutes early, thirty late."""
    wanted = planned("library-room", {"slot": "2026-11-05T06:00:00Z", "people": 4}, TAKE_OFF - DAY)
    assert booking_findings(wanted, TAKE_OFF - DAY) == ()
    assert booking_findings(wanted, TAKE_OFF - DAY + SECOND) == ("booking-too-late",)
    assert booking_findings(wanted, TAKE_OFF - 30 * DAY - SECOND) == ("booking-too-early",)
    assert wanted.window.closes_at - wanted.window.expected_at == timedelta(minutes=30)


def test_a_receipt_is_open_for_its_year_until_the_day_is_set():
    """Its period is the notice's, whenever it is sent; with a day only that day serves."""
    wanted = planned("union-checkup", {"year": 2027}, local("2026-12-31 12:00"))
    assert wanted.period_at == wanted.window.opens_at == local("2027-01-01 00:00")
    assert wanted.window.closes_at == local("2028-01-01 00:00") - timedelta(milliseconds=1)
    assert booking_findings(wanted, local("2026-12-31 12:00")) == ()
    assert booking_findings(wanted, local("2028-01-01 00:00")) == ("booking-too-late",)
    day = planned("union-checkup", {"year": 2027, "day": "2027-03-01"}, TAKE_OFF).window
    assert (day.opens_at, day.closes_at) == (
        local("2027-03-01 00:00"),
        local("2027-03-02 00:00") - timedelta(milliseconds=1),
    )


def test_a_sign_up_stands_until_the_organiser_moves_it():
    """An event's day is not in the programme."""
    wanted = planned("steward-training", {"event": "EVT-01"}, TAKE_OFF)
    assert wanted.window.opens_at <= TAKE_OFF < wanted.window.closes_at
    assert booking_findings(wanted, TAKE_OFF) == ()


def change(new_time: datetime, at: datetime, service: str = "airport-dom-departure") -> tuple[str, ...]:
    """What speaks against moving the booking to a time and service."""
    fields = flight(new_time.astimezone(ZONE).strftime("%Y-%m-%d %H:%M"))
    old = "airport-dom-departure"
    return change_findings(booking(), rule_of(old), planned(service, fields, at), rule_of(service), at)


def test_earlier_needs_the_lead_anew_and_later_does_not():
    """An hour before take-off: a later flight is fine, an earlier one too late; in good time both are fine."""
    late = TAKE_OFF - HOUR
    assert change(TAKE_OFF + HOUR, late) == ()
    assert change(TAKE_OFF, late) == ()
    assert change(TAKE_OFF - timedelta(minutes=1), late) == ("booking-too-late",)
    assert change(TAKE_OFF - HOUR, TAKE_OFF - 3 * HOUR) == ()


def test_from_domestic_to_international_needs_the_stricter_lead():
    """Two hours and a half before, even for a later flight within it."""
    assert change(TAKE_OFF, TAKE_OFF - 150 * timedelta(minutes=1), "airport-intl-departure") == ("booking-too-late",)
    assert change(TAKE_OFF, TAKE_OFF - 3 * HOUR, "airport-intl-departure") == ()


def test_what_is_over_is_reopened_and_not_changed():
    """Past its window a booking can no longer be moved by its holder."""
    assert change(TAKE_OFF + DAY, TAKE_OFF + 6 * HOUR) == ()
    assert change(TAKE_OFF + DAY, TAKE_OFF + 6 * HOUR + SECOND) == ("booking-missed",)


def test_a_delay_moves_the_window_and_keeps_the_schedule():
    """Opens and closes follow the expected time."""
    moved = delayed(
        booking(), rule_of("airport-dom-departure"), BAIYUN.services["airport-dom-departure"], TAKE_OFF + DAY
    )
    assert moved.scheduled_at == TAKE_OFF
    assert (moved.expected_at, moved.closes_at) == (TAKE_OFF + DAY, TAKE_OFF + DAY + 6 * HOUR)


def test_a_reopened_booking_is_on_the_list_of_the_day_it_is_opened_on():
    """One that was over is expected from now; one that is not keeps its time."""
    opened = reopened(booking(), TAKE_OFF + 11 * DAY, TAKE_OFF + 10 * DAY)
    assert (opened.expected_at, opened.closes_at) == (TAKE_OFF + 10 * DAY, TAKE_OFF + 11 * DAY)
    assert reopened(booking(), TAKE_OFF + DAY, TAKE_OFF).expected_at == TAKE_OFF


def test_cancelled_until_the_time_or_the_day_before():
    """Flights until their expected time, receipts until the day before theirs."""
    assert cancel_until(booking(), rule_of("airport-dom-departure"), ZONE) == TAKE_OFF
    receipt = planned("union-checkup", {"year": 2026, "day": "2026-12-01"}, TAKE_OFF).window
    latest = cancel_until(booking(window=receipt), rule_of("union-checkup"), ZONE)
    assert latest == local("2026-12-01 00:00") - timedelta(milliseconds=1)


def test_the_booking_that_is_meant_is_the_one_that_is_open():
    """Held before used, open before upcoming, near before far; cancelled and long past ones are never meant."""
    service = BAIYUN.services["airport-dom-departure"]
    used = booking(id="u", state=BookingState.USED)
    later = booking(id="l", when=TAKE_OFF + 3 * DAY)
    open_now = booking(id="o")
    assert booking_for([used, later, open_now], service, TAKE_OFF).id == "o"
    assert booking_for([used, later], service, TAKE_OFF).id == "u"
    assert booking_for([later], service, TAKE_OFF).id == "l"
    assert booking_for([booking(state=BookingState.CANCELLED)], service, TAKE_OFF) is None
    assert booking_for([open_now], service, TAKE_OFF + 3 * DAY) is None


def test_a_sister_services_booking_tells_the_right_place_while_it_is_open():
    """International booked, domestic asked: only while it could be used, and never for another item."""
    sister = booking("airport-intl-departure")
    service = BAIYUN.services["airport-dom-departure"]
    assert misplaced(BAIYUN, [sister], service, TAKE_OFF) == sister
    assert misplaced(BAIYUN, [sister], service, TAKE_OFF - DAY) is None
    assert misplaced(BAIYUN, [sister], BAIYUN.services["library-room"], TAKE_OFF) is None


def test_a_local_day_has_its_own_bounds():
    """Midnight to midnight in the programme's zone."""
    assert span_of_day(date(2026, 11, 5), ZONE) == (
        datetime(2026, 11, 4, 16, tzinfo=UTC),
        datetime(2026, 11, 5, 16, tzinfo=UTC),
    )
