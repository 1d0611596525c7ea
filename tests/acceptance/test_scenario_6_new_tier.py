"""Scenario 6 (docs/guide-coverage.md): from silver to gold in mid-month with both gym visits used. Quotas belong to
the person.
"""

from cards.status import Status
from tests.verifier.booking import Phone, flight, lounge, patch
from tests.verifier.world import at


def test_the_old_code_is_revoked_and_the_new_card_has_nothing_left(world):
    """A new tier resets nothing: the new card meets the person's spent quota."""
    silver, gym = world.card("silver"), world.device("gym")
    for hour in ("09:00", "12:00"):
        world.go(f"2026-10-31 {hour}")
        assert gym.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"

    world.set_status(silver, Status.REVOKED)
    gold = world.card("gold", subject=silver.claims.subject)
    world.go("2026-10-31 15:00")
    assert gym.outcome(silver.shown(), "gym-visit")["reason"] == "revoked"
    spent = gym.outcome(gold.shown(), "gym-visit")
    assert (spent["reason"], spent["tier"]) == ("quota-spent", "gold")
    assert spent["quotas"][0]["used"] == 2


def test_a_suspended_card_works_again_once_resumed(world):
    """Suspension is told apart from revocation and ends."""
    silver, gym = world.card("silver"), world.device("gym")
    world.set_status(silver, Status.SUSPENDED)
    assert gym.outcome(silver.shown(), "gym-visit")["reason"] == "suspended"
    world.set_status(silver, Status.VALID)
    assert gym.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"


def test_a_card_minted_unseen_is_dead(world):
    """An index that the issuer never assigned is published as revoked."""
    silver = world.card("silver", status_index=99_999)
    assert world.device("gym").outcome(silver.shown(), "gym-visit")["reason"] == "revoked"


def test_diamond_after_the_union_retreat_meets_the_choice_and_has_two_trips(world):
    """The retreat used as gold excludes the official check-up as diamond, naming the entry; airport 2 of 2."""
    gold = world.card("gold")
    booking = Phone(world, gold).booked("union-retreat", {"year": 2026})["booking"]["id"]
    patch(lounge(world, "union"), booking, delay={"expected_at": at("2026-10-31 00:00").isoformat()})
    used = lounge(world, "union").outcome(gold.shown(), "union-retreat")
    assert used["outcome"] == "granted"

    world.set_status(gold, Status.REVOKED)
    diamond = world.card("diamond", subject=gold.claims.subject)
    phone = Phone(world, diamond)
    refused = phone.booked("official-checkup", {"year": 2026})
    assert (refused["reason"], refused["excluded_by"]["service"]) == ("excluded", "union-retreat")
    assert world.verifier.ledger.entry(refused["excluded_by"]["entry"]).leaf.service == "union-retreat"
    for day in ("2026-11-05 20:00", "2026-11-06 20:00"):
        assert phone.booked("airport-dom-departure", flight(day))["outcome"] == "granted"
    assert phone.booked("airport-dom-departure", flight("2026-11-07 20:00"))["reason"] == "quota-spent"
