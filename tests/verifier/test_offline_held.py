"""Records that wait for a supervisor: late ones and those of a revoked device; released once, or put aside."""

from __future__ import annotations

import pytest

from accounts.rights import Right
from tests.verifier.offline_devices import Tablet
from tests.verifier.world import BY

RIGHTS = frozenset({Right.CHECK_IN, Right.OVERRIDE})


@pytest.fixture
def supervisor(world):
    """A supervisor signed in at another tablet of the gym."""
    world.operator("chen", {"gym": RIGHTS})
    device = world.device("gym", RIGHTS, label="Desk 2")
    device.sign_in("chen")
    return device


def decide(device, record: str, *, release: bool, reason: str = "staff-confirmed", **more: str):
    """A supervisor's decision."""
    body = {"release": release, "reason": reason, **more}
    return device.call("POST", f"/v1/offline-check-ins/held/{record}/decision", body)


def october(world, card) -> int:
    """Units used of October's two."""
    counters = world.verifier.ledger.usage(card.claims.subject, world.clock.now()).counters
    return counters.get(("gym", "2026-10"), 0)


def held(device) -> list[dict]:
    """The list of records that wait."""
    response = device.call("GET", "/v1/offline-check-ins/held")
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json["records"]


def test_a_record_waits_once_the_late_window_is_over(world, silver, tablet):
    """Exactly seven days after its use it is still in time; a second later it waits."""
    tablet.record(silver, when="2026-10-31 09:10:00")
    tablet.record(silver, when="2026-10-31 12:10:00")
    world.go("2026-11-07 09:10:00")
    assert tablet.answers([tablet.queue[0]])[0]["status"] == "applied"
    world.go("2026-11-07 12:10:01")
    [late] = tablet.answers([tablet.queue[1]])
    assert (late["status"], late["why"]) == ("held", "late")
    assert october(world, silver) == 1


def test_a_supervisor_releases_a_late_record_into_its_own_period(world, silver, tablet, supervisor):
    """Seen with card and time, released once, October's; the entry names who released it."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    assert (waiting["why"], waiting["tier"], waiting["name"]) == ("late", "silver", "张*明")
    assert waiting["made_at"] == "2026-10-31T01:10:00Z"

    answer = decide(supervisor, waiting["id"], release=True).json
    assert (answer["status"], answer["outcome"]) == ("applied", "granted")
    assert answer["marks"] == ["late", "decision:staff-confirmed"]
    assert october(world, silver) == 1
    entered, leaf = world.log()
    assert (entered["outcome"], entered["reason"], leaf["linked"]) == ("denied", "late", entered["id"])
    assert leaf["approver"] == world.accounts.operators.list()[0].id
    assert held(supervisor) == []


def test_a_late_record_that_is_released_stands_in_the_statement_of_its_month(world, silver, tablet, supervisor):
    """October's use, released on 20 November, is paid in October's statement alone: in some month it must stand."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    decide(supervisor, waiting["id"], release=True)
    payer = world.device("gym", frozenset({Right.STATEMENT}), label="Desk 3")

    def paid(month: str) -> list[int]:
        answer = payer.call("GET", f"/v1/statements?point=gym&since={month}&until={month}&format=json")
        return [line["paid"] for line in answer.json["lines"] if line["paid"]]

    assert (paid("2026-10"), paid("2026-11")) == ([1], [])


def test_a_decision_is_made_once(world, silver, tablet, supervisor):
    """Released twice, or put aside after, or uploaded again: the first decision stands."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    first = decide(supervisor, waiting["id"], release=True).json
    for release in (True, False):
        again = decide(supervisor, waiting["id"], release=release).json
        assert (again["id"], again["replayed"]) == (first["id"], True)
    assert tablet.answers()[0]["id"] == first["id"]
    assert october(world, silver) == 1


def test_a_release_whose_note_was_lost_counts_once(world, silver, tablet, supervisor):
    """The process died between the ledger and the note: released again, counted once."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    store = world.verifier.store.offline
    kept, store.decide = store.decide, lambda *_args, **_named: None
    first = decide(supervisor, waiting["id"], release=True).json
    store.decide = kept
    again = decide(supervisor, waiting["id"], release=True).json
    assert (again["id"], october(world, silver)) == (first["id"], 1)


def test_a_record_put_aside_counts_nothing_and_its_text_is_gone(world, silver, tablet, supervisor):
    """Dismissed once: told so at the next upload, no card token kept."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    assert decide(supervisor, waiting["id"], release=False).json["status"] == "dismissed"
    assert tablet.answers()[0]["status"] == "dismissed"
    assert world.verifier.store.offline.find(waiting["id"])[1] is None
    assert (october(world, silver), held(supervisor)) == (0, [])
    entered, dismissed = world.log()
    assert (dismissed["linked"], dismissed["outcome"]) == (entered["id"], "denied")
    assert "dismissed" in dismissed["marks"]


def test_a_revoked_devices_record_counts_once_released(world, silver, tablet, supervisor):
    """A supervisor brought it and another word lets it count, marked."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.accounts.devices.revoke(tablet.device.id, by=BY, at=world.clock.now())
    world.go("2026-10-31 20:00")
    supervisor.sign_in("chen")
    supervisor.call("POST", "/v1/offline-check-ins", {"records": tablet.queue})
    [waiting] = held(supervisor)
    answer = decide(supervisor, waiting["id"], release=True).json
    assert answer["marks"] == ["revoked-device", "decision:staff-confirmed"]
    assert october(world, silver) == 1


def test_a_device_that_lost_its_right_waits(world, silver, supervisor):
    """A tablet without the right to check in at its point grants nothing by itself."""
    tablet = Tablet.at(world, "gym", rights=frozenset({Right.BOOKINGS}))
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    supervisor.sign_in("chen")
    assert tablet.answers()[0]["why"] == "no-right"
    assert len(held(supervisor)) == 1


def test_nobody_releases_the_own_record(world, silver, tablet, supervisor):
    """Who recorded the use does not decide on it."""
    tablet.record(silver, when="2026-10-31 09:10", operator=world.accounts.operators.list()[0].id)
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    response = decide(supervisor, waiting["id"], release=True)
    assert (response.status_code, response.json["code"]) == (403, "not-permitted")
    assert october(world, silver) == 0


@pytest.mark.parametrize("signed_in", [False, True])
def test_without_the_right_nobody_sees_or_decides(world, silver, tablet, supervisor, signed_in):
    """Staff without the right to override, or a tablet by itself, get neither list nor decision."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    supervisor.sign_in("chen")
    tablet.answers()
    [waiting] = held(supervisor)
    world.operator("wang", {"gym": frozenset({Right.CHECK_IN})})
    other = world.device("gym", RIGHTS, label="Desk 3")
    if signed_in:
        other.sign_in("wang")
    assert other.call("GET", "/v1/offline-check-ins/held").status_code == 403
    assert decide(other, waiting["id"], release=True).status_code == 403


def test_a_supervisor_of_another_point_sees_and_decides_nothing(world, silver, tablet):
    """A list is a point's own."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-20 09:00")
    tablet.answers()
    world.operator("li", {"library": RIGHTS})
    device = world.device("library", RIGHTS)
    device.sign_in("li")
    assert held(device) == []
    [waiting] = world.verifier.store.offline.held(None)
    assert decide(device, waiting.digest, release=True).status_code == 403
    assert decide(device, "A" * 43, release=True).status_code == 404
