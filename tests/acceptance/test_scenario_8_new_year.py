"""Scenario 8 (docs/guide-coverage.md): flights around New Year are charged to the year of their scheduled local
date.
"""

import pytest

from tests.verifier.booking import CLERK, Phone, flight, patch
from tests.verifier.world import at

SERVICE = "airport-dom-departure"


def use(world, card, desk, when: str) -> dict:
    """Book a departure two hours and a half ahead and use it at once."""
    world.go(when)
    local = world.clock.now().astimezone(world.programme.zone)
    scheduled = local.replace(hour=local.hour + 3).strftime("%Y-%m-%d %H:%M")
    Phone(world, card).booked(SERVICE, flight(scheduled))
    return desk.outcome(card.shown(), SERVICE)


@pytest.fixture
def desk(world):
    """The domestic lounge."""
    return world.device("air-dom", CLERK)


@pytest.fixture
def diamond(world, desk):
    """A diamond card whose two trips of 2026 are used."""
    world.go("2026-12-20 09:00")
    card = world.card("diamond")
    for when in ("2026-12-20 09:00", "2026-12-21 09:00"):
        assert use(world, card, desk, when)["outcome"] == "granted"
    return card


def test_a_flight_of_january_reported_to_in_december_is_januarys(world, desk, diamond):
    """Two of 2026 are used; the flight at 00:40 on the 1st, scanned at 21:50 on the 31st, is 2027's first."""
    phone = Phone(world, diamond)
    assert phone.booked(SERVICE, flight("2026-12-31 23:50"))["reason"] == "quota-spent"
    assert phone.booked(SERVICE, flight("2027-01-01 00:40"))["outcome"] == "granted"
    world.go("2026-12-31 21:50")
    answer = desk.outcome(diamond.shown(), SERVICE)
    assert (answer["outcome"], answer["quotas"][0]["period"], answer["quotas"][0]["used"]) == ("granted", "2027", 1)


def test_a_flight_of_december_delayed_past_midnight_stays_decembers(world, desk):
    """The window moves into January, the unit stays where the schedule put it."""
    world.go("2026-12-31 12:00")
    card = world.card("diamond")
    booking = Phone(world, card).booked(SERVICE, flight("2026-12-31 22:00"))["booking"]["id"]
    patch(desk, booking, delay={"expected_at": "2026-12-31T17:30:00Z"})
    world.go("2027-01-01 00:10")
    answer = desk.outcome(card.shown(), SERVICE)
    assert (answer["outcome"], answer["quotas"][0]["period"], answer["quotas"][0]["used"]) == ("granted", "2026", 1)
    usage = world.verifier.ledger.usage(card.claims.subject, world.clock.now())
    assert usage.counters == {("airport", "2026"): 1}


def test_rebooked_to_january_the_unit_moves(world):
    """In one step: 2026 gets it back, 2027 takes it."""
    world.go("2026-12-31 12:00")
    card = world.card("diamond")
    phone = Phone(world, card)
    booking = phone.booked(SERVICE, flight("2026-12-31 22:00"))["booking"]["id"]
    moved = phone.change(booking, {"scheduled_at": "2026-12-31T16:40:00Z", "travel_date": "2027-01-01"})
    assert (moved["outcome"], moved["quotas"][0]["period"], moved["quotas"][0]["used"]) == ("granted", "2027", 1)
    usage = world.verifier.ledger.usage(card.claims.subject, world.clock.now())
    assert usage.counters == {("airport", "2027"): 1}


def test_rebooked_to_a_full_year_it_is_refused_and_the_old_booking_kept(world, desk):
    """Both units of 2027 are held: the booking of 31 December stays as it was."""
    world.go("2026-12-31 12:00")
    card = world.card("diamond")
    phone = Phone(world, card)
    for day in ("2027-01-05 20:00", "2027-01-06 20:00"):
        assert phone.booked(SERVICE, flight(day))["outcome"] == "granted"
    booking = phone.booked(SERVICE, flight("2026-12-31 22:00"))["booking"]["id"]
    refused = phone.change(booking, {"scheduled_at": "2026-12-31T16:40:00Z", "travel_date": "2027-01-01"})
    assert (refused["outcome"], refused["reason"]) == ("denied", "quota-spent")
    assert refused["booking"]["expected_at"] == "2026-12-31T14:00:00Z"
    world.go("2026-12-31 20:00")
    assert desk.outcome(card.shown(), SERVICE)["outcome"] == "granted"


def test_earlier_needs_the_lead_anew_and_later_does_not(world):
    """An hour before a booked flight: earlier is too late, later is not; from domestic to international is."""
    world.go("2026-12-30 12:00")
    card = world.card("diamond")
    phone = Phone(world, card)
    booking = phone.booked(SERVICE, flight("2026-12-30 20:00"))["booking"]["id"]
    world.clock.set(at("2026-12-30 18:30"))
    assert phone.change(booking, {"scheduled_at": "2026-12-30T11:30:00Z"})["reason"] == "booking-too-late"
    abroad = phone.change(booking, {"scheduled_at": "2026-12-30T12:30:00Z"}, service="airport-intl-departure")
    assert abroad["reason"] == "booking-too-late"
    later = phone.change(booking, {"scheduled_at": "2026-12-30T12:30:00Z"})
    assert (later["outcome"], later["quotas"][0]["used"]) == ("granted", 1)
    assert later["booking"]["expected_at"] == "2026-12-30T12:30:00Z"
