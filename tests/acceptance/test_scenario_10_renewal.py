"""Scenario 10 (docs/guide-coverage.md): a booking held while the card is renewed, refused or brought down."""

from datetime import timedelta

import pytest

from cards.marks import Mark, MarkKind
from cards.status import Status
from tests.verifier.booking import CLERK, Phone, flight, lounge
from tests.verifier.world import at

SERVICE = "airport-dom-departure"


@pytest.fixture
def old(world):
    """A diamond phone card that ends on 10 November, and a departure booked on it for the 20th."""
    return world.card("diamond", expires_at=at("2026-11-10 00:00"))


@pytest.fixture
def booked(world, old):
    """The answer to the booking."""
    return Phone(world, old).booked(SERVICE, flight("2026-11-20 14:00"))


def test_booked_on_the_old_card_with_a_warning_granted_on_the_new_one_unit(world, old, booked):
    """The booking is the person's: the renewed card uses it, and one unit is counted."""
    assert (booked["outcome"], booked["warnings"][0]["code"]) == ("granted", "card-expires-before-use")
    world.go("2026-11-12 09:00")
    new = world.card("diamond", subject=old.claims.subject)
    world.go("2026-11-20 12:00")
    desk = lounge(world)
    assert desk.outcome(old.shown(), SERVICE)["reason"] == "expired"
    granted = desk.outcome(new.shown(), SERVICE)
    assert (granted["outcome"], granted["quotas"][0]["used"]) == ("granted", 1)
    assert granted["booking"]["id"] == booked["booking"]["id"]


def test_a_card_that_lives_long_enough_brings_no_warning(world, old):
    """Nothing to say for a flight before its end."""
    answer = Phone(world, old).booked(SERVICE, flight("2026-11-05 14:00"))
    assert "warnings" not in answer


def test_brought_down_to_gold_the_booking_is_released_and_its_holder_told(world, old, booked):
    """The new phone card carries no airport service: the unit goes back, and the wallet says why."""
    world.set_status(old, Status.REVOKED)
    world.go("2026-11-12 09:00")
    gold = world.card("gold", subject=old.claims.subject)
    (own,) = Phone(world, gold).own()
    assert (own["id"], own["state"], own["told"]) == (booked["booking"]["id"], "cancelled", "card-ended")
    usage = world.verifier.ledger.usage(old.claims.subject, world.clock.now())
    assert usage.counters == {}
    assert world.log()[-1]["kind"] == "booking-cancel"
    assert world.log()[-1]["reason"] == "card-ended"


def test_a_new_card_registered_releases_what_it_no_longer_carries(world, old, booked):
    """At the first sight of the new card, before anybody asks for a booking."""
    world.go("2026-11-12 09:00")
    gold = world.card("gold", subject=old.claims.subject)
    registered = world.client.post("/v1/cards", json={"presentation": gold.shown()})
    assert registered.status_code == 200
    assert world.verifier.bookings.booking(booked["booking"]["id"]).state == "cancelled"


def test_renewal_refused_by_the_issuer_releases_the_booking_and_its_holder_is_told(world, old, booked):
    """The issuer's mark, published: the next sweep gives the unit back; the old phone, expired, reads why."""
    world.go("2026-11-12 09:00")
    world.marks.append(Mark(old.claims.subject, MarkKind.ENDED, "2026-11-12"))
    world.publish()
    assert world.verifier.upkeep.sweep(world.clock.now()).released == 1
    assert world.verifier.upkeep.sweep(world.clock.now()).released == 0
    assert world.verifier.ledger.usage(old.claims.subject, world.clock.now()).counters == {}
    (own,) = Phone(world, old).own()
    assert (own["state"], own["told"]) == ("cancelled", "card-ended")


def test_what_is_booked_after_a_later_grant_stands(world, old, booked):
    """Granted again a day later, and booked on the new card: the mark is of the day before."""
    world.marks.append(Mark(old.claims.subject, MarkKind.ENDED, "2026-11-12"))
    world.go("2026-11-13 09:00")
    assert world.verifier.upkeep.sweep(world.clock.now()).released == 1
    new = Phone(world, world.card("diamond", subject=old.claims.subject))
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    assert new.booked(SERVICE, flight("2026-11-20 14:00"))["outcome"] == "granted"
    assert world.verifier.upkeep.sweep(world.clock.now()).released == 0


def test_renewal_refused_the_office_releases_the_booking_and_its_holder_is_told(world, old, booked):
    """The office's call with the reason; the old phone, expired, still reads its own list."""
    desk = world.device("air-dom", CLERK)
    world.go("2026-11-12 09:00")
    answer = desk.call("DELETE", f"/v1/bookings/{booked['booking']['id']}?reason=card-ended").json
    assert (answer["outcome"], answer["quotas"][0]["used"]) == ("granted", 0)
    (own,) = Phone(world, old).own()
    assert (own["state"], own["told"]) == ("cancelled", "card-ended")


def test_nobody_is_said_to_have_missed_what_no_card_was_left_for(world, old, booked):
    """At the end of its window the sweeper releases it as a card's end, not as a miss."""
    world.go("2026-11-20 20:01")
    swept = world.verifier.upkeep.sweep(world.clock.now())
    assert (swept.missed, swept.released) == (0, 1)
    assert world.log()[-1]["reason"] == "card-ended"
    assert world.verifier.upkeep.missed_often(world.clock.now()) == ()


def test_an_expired_card_books_nothing(world, old):
    """Refused and logged like any card that does not hold."""
    world.go("2026-11-12 09:00")
    answer = Phone(world, old).booked(SERVICE, flight("2026-11-20 14:00"))
    assert answer["reason"] == "expired"
