"""What a refused visitor is told first: what can never be mended, then what is easiest; and how delays bear on it."""

import pytest

from tests.verifier.booking import Phone, flight, lounge, patch
from tests.verifier.world import at
from verifier.rules.reasons import ORDER, first_in_order


@pytest.mark.parametrize(
    ("tier", "point", "service"),
    [
        ("silver", "air-dom", "airport-dom-departure"),
        ("gold", "air-intl", "airport-intl-arrival"),
        ("gold", "cadre-health", "official-checkup"),
        ("silver", "union", "union-checkup"),
        ("silver", "housing", "housing-apartment"),
    ],
)
def test_a_tier_without_the_service_is_told_so_and_sent_to_book_nothing(world, tier, point, service):
    """Nobody books, waits for an opening or looks for another place in vain: the card's tier will never do."""
    answer = world.device(point).outcome(world.card(tier).shown(), service)
    assert answer["reason"] == "not-entitled"
    assert "预约" not in answer["message"]["zh"] + answer["hint"]["zh"]


def test_gold_after_a_union_check_up_is_not_told_to_void_it(world):
    """The official check-up is not gold's, whatever was used before: nothing of the own is to be given up."""
    gold = world.card("gold")
    Phone(world, gold).booked("union-checkup", {"year": 2026})
    answer = lounge(world, "cadre-health").outcome(gold.shown(), "official-checkup")
    assert (answer["reason"], "撤销" in answer["hint"]["zh"]) == ("not-entitled", False)


def test_what_cannot_be_mended_comes_before_what_can():
    """The order of the design: tier, opening, place, beneficiary; then the booking; then what time brings back."""
    mendable = ORDER.index("booking-needed")
    for lasting in ("not-entitled", "service-not-open", "not-offered-here", "not-for-beneficiary", "not-holder"):
        assert ORDER.index(lasting) < mendable
    assert first_in_order(("quota-spent", "booking-needed", "not-entitled")) == "not-entitled"
    assert first_in_order(("refer-to-department", "excluded", "already-in")) == "already-in"


def test_a_delay_recorded_at_the_lounge_never_makes_the_passenger_too_early(world):
    """The aircraft leaves later, the passenger is here by the time on the ticket: the window only grows."""
    card = world.card("diamond")
    world.go("2026-10-31 12:00")
    booking = Phone(world, card).booked("airport-dom-departure", flight("2026-11-01 04:30"))["booking"]
    world.go("2026-11-01 00:35")
    desk = lounge(world)
    look = desk.call("POST", "/v1/verifications", {"presentation": card.shown(), "service": booking["service"]}).json
    moved = patch(desk, booking["id"], delay={"expected_at": at("2026-11-01 05:40").isoformat()})["booking"]
    assert (moved["opens_at"], moved["closes_at"]) == (booking["opens_at"], "2026-11-01T03:40:00Z")
    confirmed = desk.call("POST", "/v1/check-ins", {"look": look["id"], "service": booking["service"]}).json
    assert confirmed["outcome"] == "granted"


def test_a_delay_taken_back_leaves_the_departure_as_it_was(world):
    """A mistaken time is corrected: the window is that of the schedule again."""
    card = world.card("diamond")
    world.go("2026-10-31 12:00")
    booking = Phone(world, card).booked("airport-dom-departure", flight("2026-11-01 04:30"))["booking"]
    desk = lounge(world)
    patch(desk, booking["id"], delay={"expected_at": at("2026-11-01 09:00").isoformat()})
    again = patch(desk, booking["id"], delay={"expected_at": booking["scheduled_at"]})["booking"]
    assert (again["opens_at"], again["closes_at"]) == (booking["opens_at"], booking["closes_at"])
