"""The delivered items of a checklist: given at check-out, checked against the service, kept in the entry."""

from __future__ import annotations

import pytest

from accounts.rights import Right
from tests.verifier.booking import Phone, flight, lounge

SERVICE = "airport-dom-departure"


@pytest.fixture
def used(world):
    """A booked departure checked in at the lounge; the entry's id, and the lounge."""
    card = world.card("diamond")
    Phone(world, card).booked(SERVICE, flight("2026-11-01 14:00"))
    world.go("2026-11-01 12:00")
    desk = lounge(world)
    answer = desk.outcome(card.shown(), SERVICE)
    assert answer["outcome"] == "granted"
    return desk, answer["id"]


def check_out(device, entry: str, **body):
    """Check out; the response."""
    return device.call("POST", f"/v1/check-ins/{entry}/check-out", body)


def test_the_checklist_of_a_booked_trip_is_ticked_once(world, used):
    """By the numbers that a look shows in order; the entry keeps them, the answer says them in words."""
    desk, entry = used
    answer = check_out(desk, entry, delivered=[6, 1, 1])
    assert answer.status_code == 201
    assert [one["zh"] for one in answer.json["delivered"]] == ["专员代办乘机手续", "贵宾厅专属停车场免费停车1小时"]
    leaf = world.log()[-1]
    assert (leaf["kind"], leaf["target"], leaf["delivered"]) == ("check-out", entry, ["1", "6"])
    again = check_out(desk, entry, delivered=[2])
    assert (again.status_code, again.json["code"]) == (409, "checked-out")


def test_the_same_operation_ticks_once(used):
    """A retry is answered in the same words; another list under its id is a conflict."""
    desk, entry = used
    path = f"/v1/check-ins/{entry}/check-out"
    first = desk.call("POST", path, {"delivered": [1]}, operation="the-same-operation").json
    again = desk.call("POST", path, {"delivered": [1]}, operation="the-same-operation").json
    assert (again["id"], again["replayed"], again["delivered"]) == (first["id"], True, first["delivered"])
    other = desk.call("POST", path, {"delivered": [2]}, operation="the-same-operation")
    assert other.json["code"] == "operation-conflict"


@pytest.mark.parametrize(
    ("body", "problem", "path"),
    [
        ({"delivered": [8]}, "invalid-field", "$.delivered"),
        ({"delivered": [0]}, "invalid-field", "$.delivered[0]"),
        ({"delivered": [1], "at": "2026-11-01T04:00:00Z"}, "invalid-field", "$.at"),
        ({"delivered": []}, "no-visit", None),
        ({}, "no-visit", None),
    ],
)
def test_what_is_not_on_the_checklist_is_refused(world, used, body, problem, path):
    """Seven parts, numbered from 1; nothing delivered closes nothing; nothing is written."""
    desk, entry = used
    before = len(world.log())
    response = check_out(desk, entry, **body)
    assert response.json["code"] == problem
    assert path in {None, *(one["path"] for one in response.json.get("fields", []))}
    assert len(world.log()) == before


def test_a_visit_without_a_checklist_delivers_nothing(world):
    """The gym includes no parts; its check-out is the time of leaving."""
    gym = world.device("gym", frozenset({Right.CHECK_IN}))
    entry = gym.outcome(world.card("silver").shown(), "gym-visit")["id"]
    assert check_out(gym, entry, delivered=[1]).json["fields"][0]["path"] == "$.delivered"
    assert check_out(gym, entry).status_code == 201
    assert "delivered" not in world.log()[-1]


def test_only_the_point_ticks_its_list(world, used):
    """Another point's device finds no such entry."""
    _, entry = used
    assert check_out(world.device("gym"), entry, delivered=[1]).status_code == 404
