"""Scenario 1 (docs/guide-coverage.md): silver, the gym, from 31 October to 1 November."""

import pytest


@pytest.fixture
def gym(world):
    """A tablet at the gym's desk."""
    return world.device("gym")


def test_two_visits_a_month_and_the_third_waits_for_the_next(world, silver, gym):
    """Granted, already in, granted, refused until 1 November, granted again: each said as the counter says it."""
    first = gym.outcome(silver.shown(), "gym-visit")
    assert (first["outcome"], first["quotas"][0]["remaining"]) == ("granted", 1)
    assert first["visit"]["ends_at"] == "2026-10-31T03:00:00Z"
    assert first["holder"]["name"] == "张*明"

    world.go("2026-10-31 10:15")
    again = gym.outcome(silver.shown(), "gym-visit")
    assert (again["outcome"], again["reason"]) == ("denied", "already-in")
    assert again["message"]["zh"].startswith("09:00 已入场")
    assert again["quotas"][0]["remaining"] == 1

    world.go("2026-10-31 11:30")
    second = gym.outcome(silver.shown(), "gym-visit")
    assert (second["outcome"], second["quotas"][0]["remaining"]) == ("granted", 0)

    world.go("2026-10-31 19:00")
    third = gym.outcome(silver.shown(), "gym-visit")
    assert (third["outcome"], third["reason"]) == ("denied", "quota-spent")
    assert third["message"]["zh"] == "本月 2 次已用完，11月1日 起可再次使用。"
    assert third["quotas"][0]["resets_at"] == "2026-10-31T16:00:00Z"

    world.go("2026-11-01 09:00")
    november = gym.outcome(silver.shown(), "gym-visit")
    assert (november["outcome"], november["quotas"][0]["remaining"]) == ("granted", 1)

    outcomes = [(leaf["outcome"], leaf.get("reason")) for leaf in world.log()]
    assert outcomes == [
        ("granted", None),
        ("denied", "already-in"),
        ("granted", None),
        ("denied", "quota-spent"),
        ("granted", None),
    ]


def test_a_scan_at_exactly_the_end_is_a_new_visit(world, silver, gym):
    """11:00:00 is no longer inside the visit that began at 09:00."""
    gym.outcome(silver.shown(), "gym-visit")
    world.go("2026-10-31 11:00")
    second = gym.outcome(silver.shown(), "gym-visit")
    assert (second["outcome"], second["quotas"][0]["remaining"]) == ("granted", 0)


def test_a_visit_over_midnight_costs_november_nothing(world, silver, gym):
    """Opened 23:30, scanned again at 00:30: already in, and both of November's visits are left."""
    world.go("2026-10-31 23:30")
    gym.outcome(silver.shown(), "gym-visit")
    world.go("2026-11-01 00:30")
    inside = gym.outcome(silver.shown(), "gym-visit")
    assert inside["reason"] == "already-in"
    world.go("2026-11-01 08:00")
    assert gym.outcome(silver.shown(), "gym-visit")["quotas"][0]["used"] == 1
