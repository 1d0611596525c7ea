"""Scenario 6 (PROGRAMME): from silver to gold in mid-month with both gym visits used. Quotas belong to the person."""

from cards.status import Status


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
