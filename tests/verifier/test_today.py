"""A point's day for its staff: what counts, what is no fault, and who is still inside after midnight."""

from __future__ import annotations

from datetime import timedelta

from accounts.rights import Right
from tests.verifier.booking import Phone, flight, lounge, patch
from tests.verifier.world import at


def today(device, point: str = "gym") -> dict:
    """The list."""
    return device.call("GET", f"/v1/points/{point}/today").json


def test_the_day_counts_uses_that_count_and_refusals_that_are_some(world):
    """A re-entry, a voided use and "already in" are shown in the list, and are neither 通过 nor 未通过."""
    silver, other, gold = world.card("silver"), world.card("silver"), world.card("gold")
    gym = world.device("gym", frozenset({Right.CHECK_IN, Right.VOID}))
    first = gym.outcome(silver.shown(), "gym-visit")
    gym.outcome(silver.shown(), "gym-visit")
    gym.call("POST", f"/v1/check-ins/{first['id']}/check-out", {})
    world.clock.advance(timedelta(minutes=1))
    gym.outcome(silver.shown(), "gym-visit")
    day = today(gym)
    assert (day["granted"], day["denied"]) == (1, 0)
    assert [entry.get("re_entry", False) for entry in day["entries"] if entry["kind"] == "check-in"] == [
        True,
        False,
        False,
    ]
    voided = gym.outcome(other.shown(), "gym-visit")
    gym.call("POST", f"/v1/check-ins/{voided['id']}/void", {"reason": "wrong-person"})
    gym.outcome(gold.shown(), "gym-visit", not_holder=True)
    day = today(gym)
    assert (day["granted"], day["denied"]) == (1, 1)


def test_after_midnight_the_list_still_knows_who_is_inside(world):
    """In at 23:30: at 00:20 still there, to be checked out; once out, gone from the list of the new day."""
    world.go("2026-10-31 23:30")
    gym = world.device("gym", frozenset({Right.CHECK_IN, Right.VOID}))
    entry = gym.outcome(world.card("silver").shown(), "gym-visit")["id"]
    world.go("2026-11-01 00:20")
    day = today(gym)
    assert (day["date"], day["granted"]) == ("2026-11-01", 0)
    assert [(one["id"], one["inside"]) for one in day["entries"]] == [(entry, True)]
    gym.call("POST", f"/v1/check-ins/{entry}/check-out", {})
    assert [one["kind"] for one in today(gym)["entries"]] == ["check-out"]


def test_what_became_of_a_booking_is_told_apart(world):
    """A delay is no check-out."""
    card = world.card("diamond")
    world.go("2026-10-31 12:00")
    booking = Phone(world, card).booked("airport-dom-departure", flight("2026-10-31 18:00"))["booking"]
    desk = lounge(world)
    patch(desk, booking["id"], delay={"expected_at": at("2026-10-31 19:00").isoformat()})
    listed = [(one["kind"], one.get("change")) for one in today(desk, "air-dom")["entries"]]
    assert listed == [("booking-change", "delayed"), ("booking", None)]


def test_a_points_services_carry_what_staff_tell(world):
    """Materials, steps, notes and numbers stand with the service: nobody at the counter looks them up elsewhere."""
    for code in world.verifier.programme.points:
        told = world.client.get(f"/v1/points/{code}").json
        for service in told.get("services", []):
            known = world.verifier.programme.services[service["code"]]
            assert len(service.get("materials", [])) == len(known.materials)
            assert len(service.get("steps", [])) == len(known.steps)
            assert len(service.get("notes", [])) == len(known.notes)
    window = world.client.get("/v1/points/gov-green").json["services"][0]
    assert window["numbers"][0]["phone"] == "86055089"
