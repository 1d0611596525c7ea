"""Scenario 7 (docs/guide-coverage.md): a domestic arrival, booked at the last moment, delayed, met after midnight."""

from datetime import timedelta

import pytest

from tests.verifier.booking import Phone, arrival, flight, lounge, patch
from tests.verifier.world import at

SERVICE = "airport-dom-arrival"


@pytest.fixture
def diamond(world):
    """A diamond phone card, two hours before an arrival at 20:30."""
    card = world.card("diamond")
    world.go("2026-10-31 18:30")
    return card


def test_booked_at_exactly_two_hours_delayed_and_met_after_midnight(world, diamond):
    """The lead is inclusive; the delay moves the window and nothing else."""
    answer = Phone(world, diamond).booked(SERVICE, arrival("2026-10-31 20:30"))
    assert (answer["outcome"], answer["quotas"][0]["used"]) == ("granted", 1)
    booking = answer["booking"]["id"]

    desk = lounge(world)
    moved = patch(desk, booking, delay={"expected_at": "2026-10-31T15:50:00Z"})
    assert moved["booking"]["opens_at"] == "2026-10-31T14:50:00Z"
    assert moved["booking"]["scheduled_at"] == "2026-10-31T12:30:00Z"

    world.go("2026-10-31 22:49")
    assert desk.outcome(diamond.shown(), SERVICE)["reason"] == "booking-too-early"
    world.go("2026-11-01 00:20")
    met = desk.outcome(diamond.shown(), SERVICE)
    assert (met["outcome"], met["quotas"][0]["period"], met["quotas"][0]["used"]) == ("granted", "2026", 1)
    assert met["booking"]["name_board"] is True


def test_a_second_later_is_too_late(world, diamond):
    """18:30:01 is inside the two hours: refused with the time and the number to call, logged, nothing held."""
    world.clock.advance(timedelta(seconds=1))
    answer = Phone(world, diamond).booked(SERVICE, arrival("2026-10-31 20:30"))
    assert (answer["outcome"], answer["reason"], "booking" in answer) == ("denied", "booking-too-late", False)
    assert "18:30" in answer["message"]["zh"]
    assert answer["call"]["phone"]
    assert [(leaf["kind"], leaf["outcome"]) for leaf in world.log()] == [("booking", "denied")]


def test_international_flights_need_three_hours(world, diamond):
    """Exactly three are in time, a second less is not."""
    world.go("2026-10-31 17:30")
    phone = Phone(world, diamond)
    assert phone.booked("airport-intl-arrival", arrival("2026-10-31 20:30"))["outcome"] == "granted"
    world.clock.advance(timedelta(seconds=1))
    assert phone.booked("airport-intl-arrival", arrival("2026-10-31 20:30"))["reason"] == "booking-too-late"


@pytest.mark.parametrize("asked", ["airport-intl-arrival", "airport-dom-arrival"])
def test_at_the_wrong_lounge_the_right_one_is_named(world, diamond, asked):
    """An international booking at the domestic lounge, whichever service the counter asks for."""
    world.go("2026-10-31 17:00")
    Phone(world, diamond).booked("airport-intl-arrival", arrival("2026-10-31 20:30"))
    desk = lounge(world)
    world.go("2026-10-31 20:40")
    answer = desk.outcome(diamond.shown(), asked)
    assert (answer["reason"], answer["go_to"]["point"]) == ("not-offered-here", "air-intl")
    assert "国际接待站" in answer["message"]["zh"]
    assert answer["booking"]["state"] == "held"


def test_past_the_window_it_is_missed_until_a_supervisor_reopens_it(world, diamond):
    """The sweeper returns the unit and says so; the supervisor's word takes it again and is logged with its note."""
    booking = Phone(world, diamond).booked(SERVICE, arrival("2026-10-31 20:30"))["booking"]["id"]
    world.go("2026-11-01 02:31")
    desk = lounge(world)
    assert desk.outcome(diamond.shown(), SERVICE)["reason"] == "booking-missed"
    assert world.verifier.upkeep.sweep(world.clock.now()).missed == 1
    missed = desk.outcome(diamond.shown(), SERVICE)
    assert (missed["reason"], missed["quotas"][0]["used"]) == ("booking-missed", 0)
    assert "02:30" in missed["message"]["zh"]

    opened = patch(desk, booking, reopen={"until": "2026-10-31T20:00:00Z", "note": "the aircraft landed late"})
    assert (opened["booking"]["state"], opened["quotas"][0]["used"]) == ("held", 1)
    assert desk.outcome(diamond.shown(), SERVICE)["outcome"] == "granted"
    kinds = [leaf["kind"] for leaf in world.log()]
    assert kinds == ["booking", "check-in", "booking-missed", "check-in", "booking-change", "check-in"]
    assert world.log()[4]["operator"]


def test_without_a_booking_nobody_is_received(world, diamond):
    """All of item 13 is booked first: no walk-in."""
    answer = lounge(world).outcome(diamond.shown(), "airport-dom-departure")
    assert (answer["reason"], answer["quotas"][0]["used"]) == ("booking-needed", 0)
    assert answer["call"]["phone"]


def test_gold_has_no_airport_service_to_book(world):
    """Refused as at the counter, and logged."""
    gold = world.card("gold")
    answer = Phone(world, gold).booked("airport-dom-departure", flight("2026-11-01 20:30"))
    assert answer["reason"] == "not-entitled"


def test_a_year_ahead_is_too_early(world, diamond):
    """Ninety days ahead at most, to the second."""
    phone = Phone(world, diamond)
    world.clock.set(at("2026-10-31 18:30"))
    assert phone.booked(SERVICE, arrival("2027-01-29 18:31"))["reason"] == "booking-too-early"
    assert phone.booked(SERVICE, arrival("2027-01-29 18:30"))["outcome"] == "granted"
