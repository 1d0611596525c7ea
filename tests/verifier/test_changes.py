"""Voids and check-outs: who may make them, when, only once, and what is given back."""

from datetime import timedelta

import pytest

from accounts.rights import Right
from edge.instants import rfc3339

STAFF = frozenset({Right.CHECK_IN, Right.VOID})
SUPERVISOR = STAFF | {Right.VOID_ANY}


@pytest.fixture
def gym(world):
    """A tablet whose operators may void, and supervisors void late."""
    world.operator("0417", {"gym": STAFF})
    world.operator("0900", {"gym": SUPERVISOR})
    world.operator("0901", {"gym": SUPERVISOR})
    device = world.device("gym", SUPERVISOR)
    device.sign_in("0417")
    return device


def void(device, entry, operation=None, reason="double-scan", **rest):
    """Void an entry."""
    return device.call("POST", f"/v1/check-ins/{entry}/void", {"reason": reason, **rest}, operation=operation)


def check_out(device, entry, **body):
    """Check a visit out."""
    return device.call("POST", f"/v1/check-ins/{entry}/check-out", body)


def test_a_void_gives_the_unit_back_once(world, silver, gym):
    """Within 15 minutes by staff; the second void is 409; the visit is closed, so the next scan is a new one."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    voided = void(gym, entry)
    assert (voided.status_code, voided.json["quotas"][0]["remaining"]) == (201, 2)
    assert void(gym, entry).json["code"] == "already-voided"
    assert gym.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"
    kinds = [(leaf["kind"], leaf.get("target"), leaf.get("reason")) for leaf in world.log()]
    assert kinds == [("check-in", None, None), ("void", entry, "double-scan"), ("check-in", None, None)]


def test_a_retry_of_a_void_in_time_is_answered_however_late(world, silver, gym):
    """The operation is looked at before the window."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    first = void(gym, entry, "operation-void-01")
    world.clock.advance(timedelta(minutes=30))
    again = void(gym, entry, "operation-void-01")
    assert (again.status_code, again.json["id"], again.json["replayed"]) == (201, first.json["id"], True)


def test_staff_may_void_until_exactly_15_minutes(world, silver, gym):
    """The window's end still counts, as the answer says; a second later it is too late, by the very same staff."""
    answer = gym.outcome(silver.shown(), "gym-visit")
    assert answer["void_until"] == rfc3339(world.clock.now() + timedelta(minutes=15))
    world.clock.advance(timedelta(minutes=15, seconds=1))
    assert void(gym, answer["id"]).json["code"] == "too-late-to-void"
    world.clock.advance(timedelta(seconds=-1))
    assert void(gym, answer["id"]).status_code == 201


def test_after_15_minutes_only_a_supervisor_who_did_not_grant(world, silver, gym):
    """Staff are too late; a supervisor who granted it must ask another."""
    gym.sign_in("0900")
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    world.clock.advance(timedelta(minutes=16))
    assert void(gym, entry).json["code"] == "another-must-void"
    gym.sign_in("0417")
    assert void(gym, entry).json["code"] == "too-late-to-void"
    gym.sign_in("0901")
    assert void(gym, entry).status_code == 201


def test_no_void_at_another_point(world, silver, gym):
    """Another point's device learns nothing of the entry."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    elsewhere = world.device("hosp-2", SUPERVISOR)
    assert void(elsewhere, entry).json["code"] == "not-found"
    assert void(gym, "00-999999").json["code"] == "not-found"


def test_the_smallest_right_does_not_void(world, silver):
    """A device enrolled with nothing said may check in and no more."""
    device = world.device("gym")
    entry = device.outcome(silver.shown(), "gym-visit")["id"]
    assert void(device, entry).json["code"] == "not-permitted"


def test_a_refusal_cannot_be_voided(world, silver, gym):
    """Nothing was granted, so there is nothing to take back."""
    gym.outcome(silver.shown(), "gym-visit")
    refused = gym.outcome(silver.shown(), "gym-visit")
    assert void(gym, refused["id"]).json["code"] == "not-granted"


def test_the_note_lies_beside_the_log(world, silver, gym):
    """The entry holds a commitment; the text is sealed in the erasable store."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    made = void(gym, entry, reason="other", note="刷错了人").json
    assert "刷错了人" not in str(world.log())
    assert world.verifier.store.note(made["id"]).endswith(".刷错了人")


def test_re_entry_after_a_check_out_costs_nothing(world, silver, gym):
    """Checked out at 09:40, back at 10:00: free, until 11:00 as before."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    world.go("2026-10-31 09:40")
    assert check_out(gym, entry).status_code == 201
    world.go("2026-10-31 10:00")
    back = gym.outcome(silver.shown(), "gym-visit")
    assert (back["outcome"], back["visit"]["re_entry"]) == ("granted", True)
    assert (back["quotas"][0]["used"], back["visit"]["ends_at"]) == (1, "2026-10-31T03:00:00Z")


def test_a_check_out_can_be_recorded_late_but_not_in_the_future(world, silver, gym):
    """A time inside the visit is taken; one before its start or after now is not."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    world.go("2026-10-31 10:00")
    assert check_out(gym, entry, at="2026-10-31T00:59:00Z").json["code"] == "out-of-range"
    assert check_out(gym, entry, at="2026-10-31T02:01:00Z").json["code"] == "out-of-range"
    assert check_out(gym, entry, at="yesterday").json["code"] == "invalid-field"
    assert check_out(gym, entry, at="2026-10-31T01:30:00Z").status_code == 201


def test_staff_cannot_void_after_a_check_out(world, silver, gym):
    """A supervisor can."""
    entry = gym.outcome(silver.shown(), "gym-visit")["id"]
    world.clock.advance(timedelta(minutes=5))
    check_out(gym, entry)
    assert void(gym, entry).json["code"] == "checked-out"
    gym.sign_in("0900")
    assert void(gym, entry).status_code == 201


def test_what_nobody_is_named_for_is_taken_back_late_by_the_department_alone(world, silver):
    """A supervisor who grants signed out and voids signed in would be both persons of a rule that asks for two."""
    desk = world.device("gym", SUPERVISOR)
    entry = desk.outcome(silver.shown(), "gym-visit")["id"]
    world.operator("chen", {"*": SUPERVISOR})
    world.clock.advance(timedelta(minutes=16))
    desk.sign_in("chen")
    refused = void(desk, entry)
    assert (refused.status_code, refused.json["code"]) == (409, "another-must-void")
    [department] = world.programme.services["gym-visit"].departments[:1]
    office = world.device(f"dept-{department}", SUPERVISOR, needs_operator=True)
    assert void(office, entry).status_code in {403, 404}
    office.sign_in("chen")
    assert void(office, entry).status_code == 201


def test_a_tablet_that_needs_an_operator_looks_and_does_nothing_more_without(world, silver):
    """Signed out there is neither check-in, void, list nor photo; a look tells what to do next."""
    desk = world.device("gym", SUPERVISOR, needs_operator=True)
    looked = desk.call("POST", "/v1/verifications", {"presentation": silver.shown(), "service": "gym-visit"})
    assert looked.status_code == 200
    for refused in (
        desk.check_in(silver.shown(), "gym-visit"),
        desk.call("POST", "/v1/check-ins", {"look": looked.json["id"], "service": "gym-visit"}),
        desk.call("GET", "/v1/points/gym/today"),
        desk.call("GET", f"/v1/looks/{looked.json['id']}/photo"),
    ):
        assert (refused.status_code, refused.json["code"]) == (403, "operator-needed")
    world.operator("wang", {"gym": frozenset({Right.CHECK_IN})})
    desk.sign_in("wang")
    entry = desk.outcome(silver.shown(), "gym-visit")["id"]
    assert void(desk, entry).json["code"] == "not-permitted"
    desk.session = None
    assert void(desk, entry).json["code"] == "operator-needed"


def test_a_device_of_one_service_serves_no_other(world):
    """Rights are narrowed to services where said: another of the same point is refused."""
    gold = world.card("gold")
    desk = world.device("library", STAFF, services=("library-facilities",))
    assert desk.outcome(gold.shown(), "library-facilities")["outcome"] == "granted"
    assert desk.check_in(gold.shown(), "library-room").json["code"] == "not-permitted"
