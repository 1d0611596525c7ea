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
    awaits_day,
    booking_findings,
    booking_for,
    cancel_until,
    change_findings,
    delayed,
    departs,
    has_day,
    misplaced,
    plan_booking,
    reopened,
    span_of_day,
    tells_of,
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


def receipt(fields: dict) -> Booking:
    """A receipt to the notice of 2026."""
    window = planned("union-checkup", {"year": 2026, **fields}, TAKE_OFF).window
    return replace(booking(), service="union-checkup", window=window)


def test_a_receipt_waits_for_its_day_to_the_end_of_its_year():
    """Held and without a day, to the last thousandth of a second; with a day, used, or a flight: it waits for none."""
    service, open_receipt = BAIYUN.services["union-checkup"], receipt({})
    ends = open_receipt.window.closes_at
    assert not has_day(open_receipt.window)
    assert awaits_day(BAIYUN, service, open_receipt, ends)
    assert not awaits_day(BAIYUN, service, open_receipt, ends + timedelta(milliseconds=1))
    assert not awaits_day(BAIYUN, service, replace(open_receipt, state=BookingState.USED), TAKE_OFF)
    dated = receipt({"day": "2026-12-01"})
    assert has_day(dated.window)
    assert not awaits_day(BAIYUN, service, dated, TAKE_OFF)
    year_long = replace(booking(), window=open_receipt.window)
    assert not awaits_day(BAIYUN, BAIYUN.services["airport-dom-departure"], year_long, TAKE_OFF)
    assert not awaits_day(BAIYUN, BAIYUN.services["gym-visit"], year_long, TAKE_OFF)


def test_a_receipt_may_be_sent_so_far_ahead_of_its_year_and_no_further():
    """366 days before the year begins, inclusive; with a day to the end of that day."""
    starts = local("2027-01-01 00:00")
    wanted = planned("union-checkup", {"year": 2027}, TAKE_OFF)
    assert booking_findings(wanted, starts - 366 * DAY) == ()
    assert booking_findings(wanted, starts - 366 * DAY - SECOND) == ("booking-too-early",)
    dated = planned("union-checkup", {"year": 2027, "day": "2027-03-01"}, TAKE_OFF)
    assert booking_findings(dated, local("2027-03-02 00:00") - timedelta(milliseconds=1)) == ()
    assert booking_findings(dated, local("2027-03-02 00:00")) == ("booking-too-late",)
    assert (dated.window.scheduled_at, dated.window.expected_at) == (starts, local("2027-03-01 00:00"))


def test_a_sign_up_is_open_from_an_hour_before_it_was_made():
    """The rule opens an hour before and reaches 366 days: the exact window of an event without a day."""
    wanted = planned("steward-training", {"event": "EVT-01"}, TAKE_OFF)
    assert (wanted.window.scheduled_at, wanted.window.opens_at) == (TAKE_OFF, TAKE_OFF - HOUR)
    assert wanted.window.expected_at == wanted.window.closes_at == wanted.last_call == TAKE_OFF + 366 * DAY
    assert (wanted.period_at, wanted.first_call) == (TAKE_OFF, TAKE_OFF)


def test_a_change_is_not_made_too_far_ahead_and_not_to_a_time_that_is_over():
    """The horizon holds for changes; a later time without a new lead is refused once its own window is over."""
    assert change(TAKE_OFF + 90 * DAY, TAKE_OFF) == ()
    assert change(TAKE_OFF + 90 * DAY + timedelta(minutes=1), TAKE_OFF) == ("booking-too-early",)
    over = booking(window=replace(booking().window, closes_at=TAKE_OFF + 9 * HOUR))
    rule = rule_of("airport-dom-departure")
    wanted = planned("airport-dom-departure", flight("2026-11-05 14:00"), TAKE_OFF)
    assert change_findings(over, rule, wanted, rule, TAKE_OFF + 6 * HOUR) == ()
    assert change_findings(over, rule, wanted, rule, TAKE_OFF + 6 * HOUR + SECOND) == ("booking-too-late",)


def test_a_programme_may_ask_for_the_lead_of_a_later_time_as_well():
    """The rule names the changes that need it: only those, and a time that stays is neither."""
    rule, late = rule_of("airport-dom-departure"), TAKE_OFF - HOUR
    later = planned("airport-dom-departure", flight("2026-11-05 14:30"), late)
    same = planned("airport-dom-departure", flight("2026-11-05 14:00"), late)
    strict = replace(rule, change_needs_lead=frozenset({"later"}))
    assert change_findings(booking(), rule, later, strict, late) == ("booking-too-late",)
    assert change_findings(booking(), rule, same, strict, late) == ()
    assert change_findings(booking(), rule, later, replace(rule, change_needs_lead=frozenset()), late) == ()


def test_a_delayed_departure_opens_as_early_as_it_was_known_and_an_arrival_moves_whole():
    """Passengers of a departure come at the time that they know; those who are met come with the aircraft."""
    departure, landing = BAIYUN.services["airport-dom-departure"], BAIYUN.services["airport-dom-arrival"]
    assert departs(rule_of("airport-dom-departure"), departure)
    assert not departs(rule_of("airport-dom-arrival"), landing)
    assert not departs(rule_of("library-room"), BAIYUN.services["library-room"])
    rule = rule_of(departure.code)
    of_departures = replace(rule.fields[0], services=frozenset({departure.code}))
    assert departs(replace(rule, fields=(of_departures,)), departure), "another field than the name board says nothing"
    assert delayed(booking(), rule_of(departure.code), departure, TAKE_OFF + DAY).opens_at == TAKE_OFF - 4 * HOUR
    assert delayed(booking(), rule_of(departure.code), departure, TAKE_OFF - HOUR).opens_at == TAKE_OFF - 5 * HOUR
    assert delayed(booking(), rule_of(landing.code), landing, TAKE_OFF + DAY).opens_at == TAKE_OFF + DAY - HOUR


def test_a_booking_reopened_at_its_very_end_keeps_its_time():
    """At the last instant it is not over yet."""
    closes = TAKE_OFF + 6 * HOUR
    assert reopened(booking(), closes + HOUR, closes).expected_at == TAKE_OFF
    assert reopened(booking(), closes + HOUR, closes + SECOND).expected_at == closes + SECOND


def test_a_booking_is_told_of_for_two_days_after_its_end():
    """Inclusive; a held one always. It explains to a visitor for as long why there is none left."""
    last = TAKE_OFF + 6 * HOUR + 2 * DAY
    used = booking(state=BookingState.USED)
    assert [tells_of(used, at) for at in (last, last + SECOND)] == [True, False]
    assert tells_of(booking(), last + 100 * DAY)
    service = BAIYUN.services["airport-dom-departure"]
    assert booking_for([used], service, last) == used
    assert booking_for([used], service, last + SECOND) is None
    assert booking_for([booking("airport-intl-departure")], service, TAKE_OFF) is None


def test_of_two_bookings_as_near_the_held_and_then_the_earlier_is_meant():
    """Both open now: distance says nothing."""
    service = BAIYUN.services["airport-dom-departure"]
    early, late = booking(id="e", when=TAKE_OFF - HOUR), booking(id="l", when=TAKE_OFF + HOUR)
    assert booking_for([late, early], service, TAKE_OFF).id == "e"
    assert booking_for([replace(early, state=BookingState.USED), late], service, TAKE_OFF).id == "l"


def test_a_sister_services_booking_counts_at_both_ends_of_its_window_and_only_while_it_is_held():
    """From exactly four hours before to exactly six after; a used one, and one of the same service, say nothing."""
    sister, service = booking("airport-intl-departure"), BAIYUN.services["airport-dom-departure"]
    opens, closes = TAKE_OFF - 4 * HOUR, TAKE_OFF + 6 * HOUR
    found = [misplaced(BAIYUN, [sister], service, at) for at in (opens - SECOND, opens, closes, closes + SECOND)]
    assert found == [None, sister, sister, None]
    assert misplaced(BAIYUN, [replace(sister, state=BookingState.USED)], service, TAKE_OFF) is None
    assert misplaced(BAIYUN, [booking()], service, TAKE_OFF) is None
    assert misplaced(BAIYUN, [replace(sister, service="no-longer-offered")], service, TAKE_OFF) is None
