"""Scenario 1 (docs/guide-coverage.md), its offline part: used on the 31st without a network, uploaded on the 1st."""

from ledger.values import Fault
from tests.verifier.offline_devices import Tablet


def left(answer) -> tuple[str, int, int]:
    """The period of an answer's quota, what is used of it, what remains."""
    quota = answer["quotas"][0]
    return quota["period"], quota["used"], quota["remaining"]


def test_a_use_of_the_31st_uploaded_on_the_1st_is_octobers(world, silver, tablet):
    """October's unit, as if it had been online; November is untouched."""
    tablet.record(silver, when="2026-10-31 10:00")
    world.go("2026-11-01 08:00")
    [answer] = tablet.answers()
    assert (answer["status"], answer["outcome"], answer.get("marks")) == ("applied", "granted", None)
    assert (answer["used_at"], left(answer)) == ("2026-10-31T02:00:00Z", ("2026-10", 1, 1))
    november = tablet.device.outcome(silver.shown(), "gym-visit")
    assert left(november) == ("2026-11", 1, 1)


def test_the_third_of_october_is_kept_and_overdrawn(world, silver, tablet):
    """Two online, a third granted by a desk that was offline: it happened, it counts, and it is told."""
    desk = world.device("gym", label="Desk 2")
    first = desk.outcome(silver.shown(), "gym-visit")
    world.go("2026-10-31 11:30")
    second = desk.outcome(silver.shown(), "gym-visit")
    assert (first["outcome"], second["outcome"]) == ("granted", "granted")
    tablet.record(silver, when="2026-10-31 19:00")
    world.go("2026-11-01 08:00")

    [answer] = tablet.answers()
    assert (answer["outcome"], answer["marks"], left(answer)) == ("granted", ["overdrawn"], ("2026-10", 3, 0))

    auditor = {"Authorization": f"Bearer {world.auditor()}"}
    report = world.client.get("/v1/offline-check-ins/conflicts", headers=auditor).json
    [conflict] = report["conflicts"]
    assert (conflict["kind"], conflict["used"], conflict["maximum"]) == ("overdrawn", 3, 2)
    assert conflict["devices"] == [desk.id, tablet.device.id]
    assert [use["at"] for use in conflict["uses"]] == [
        "2026-10-31T01:00:00Z",
        "2026-10-31T03:30:00Z",
        "2026-10-31T11:00:00Z",
    ]
    assert len(conflict["holder"]) == 43

    november = desk.outcome(silver.shown(), "gym-visit")
    assert left(november) == ("2026-11", 1, 1)


def test_a_visit_over_midnight_costs_november_nothing(world, silver, tablet):
    """Opened at 23:30, scanned again at 00:30, both offline and uploaded the wrong way round."""
    world.go("2026-10-31 23:00")
    tablet.hold_time()
    tablet.record(silver, when="2026-10-31 23:30")
    tablet.record(silver, when="2026-11-01 00:30")
    world.go("2026-11-01 08:00")
    later = tablet.answers([tablet.queue[1]])[0]
    assert left(later) == ("2026-11", 1, 1)
    earlier = tablet.answers([tablet.queue[0]])[0]
    assert left(earlier) == ("2026-10", 1, 1)
    november = tablet.device.outcome(silver.shown(), "gym-visit")
    assert left(november) == ("2026-11", 1, 1)


def test_a_day_offline_reads_the_same_from_its_log(world, silver, tablet):
    """Whatever was joined, overdrawn and returned: replaying the log gives the counters. Each desk granted once."""
    desks = [tablet, *(Tablet.at(world, "gym", label=f"Desk {number}") for number in range(2, 7))]
    for desk, when in zip(desks, ("09:30", "10:00", "12:00", "13:59", "16:00", "19:00"), strict=True):
        desk.record(silver, when=f"2026-10-31 {when}")
    world.go("2026-11-01 08:00")
    answers = [answer for desk in reversed(desks) for answer in desk.answers()]
    assert {answer["status"] for answer in answers} == {"applied"}
    used = world.verifier.ledger.usage(silver.claims.subject, world.clock.now()).counters
    assert used == {("gym", "2026-10"): 4}
    assert [found for found in world.verifier.ledger.check() if isinstance(found, Fault)] == []
    assert left(tablet.device.outcome(silver.shown(), "gym-visit")) == ("2026-11", 1, 1)
