"""Events follow from the logs of both stores: none is lost or doubled, from the webhook's start, within its rights."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from accounts.rights import Right
from hooks import following
from hooks.events import KINDS, kinds_of
from hooks.following import SetBack, follow
from hooks.queue import ReadElsewhere
from hooks.registry import NewHook, RefusedHook
from hooks.tables import DELIVERIES
from ledger.bookings import ChangeKind
from ledger.matters import MatterStep
from tests.hooks.conftest import BY
from tests.ledger.builders import (
    FLIGHT,
    KEPT,
    START,
    a_booking_draft,
    a_change,
    a_charge,
    a_check_in,
    a_draft,
    a_hold,
    a_void,
    an_end,
    fresh_id,
)
from tests.ledger.conftest import STORES
from verifier.services.usage_events import UsageLog

SECOND = timedelta(seconds=1)


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.parts] * (name != "sqlite")) for name in ("sqlite", "redis")]
)
def ledger(request, tmp_path, clock):
    """An empty ledger of either store."""
    opened = STORES[request.param](tmp_path, clock)
    yield opened
    opened.close()


def told(place, hook=None) -> list[dict]:
    """What is queued, in the order of sending."""
    asked = sa.select(DELIVERIES.c.payload).order_by(DELIVERIES.c.id)
    asked = asked if hook is None else asked.where(DELIVERIES.c.hook == hook.id)
    with place.hooks._database.read() as connection:
        return [json.loads(text) for text in connection.execute(asked).scalars()]


def everywhere(place) -> str:
    """An integrator that may know of every use."""
    return place.integrator("All", **{"*": Right.STATEMENT})


def read_on(place, ledger) -> None:
    """What the background work does."""
    follow(place.hooks, UsageLog(ledger), place.clock.now())


def a_stage(target: str, stage: str, at, **changes) -> MatterStep:
    """A stage of a matter."""
    draft = a_draft(card=None, tier=None, form=None, assurance=None, **changes)
    return MatterStep("tablet-1", fresh_id(), b"m" * 32, at, at + KEPT, target, draft, stage)


def test_each_kind_of_event_is_told_with_its_place_and_without_a_person(place, ledger, clock):
    """Uses, voids, bookings and what became of them, requests, stages: never a refusal, a card's id or a `sub`."""
    hook, _ = place.hook("https://host.example/", *KINDS, integrator=place.integrator(
        "All", **{"*": Right.STATEMENT, "dept-media": Right.INTAKE}))  # fmt: skip
    used = ledger.check_in(a_check_in(charges=(a_charge(1),)))
    assert not ledger.check_in(a_check_in(charges=(a_charge(1),))).granted
    ledger.void(a_void(used.entry))
    booked = ledger.hold(a_hold())
    ledger.change_booking(a_change(booked.entry))
    ledger.change_booking(a_change(booked.entry, kind=ChangeKind.DELAYED))
    ledger.end_booking(an_end(booked.entry))
    other = ledger.hold(a_hold())
    asked = ledger.check_in(a_check_in(kind="request", draft=a_draft(point="dept-media", extra={"matter": "paper"})))
    ledger.follow(a_stage(asked.entry, "taken-up", clock.now(), point="dept-media"))
    ledger.void(a_void(asked.entry, draft=a_draft(point="dept-media", tier=None, form=None, assurance=None)))
    opened = ledger.check_in(a_check_in(draft=a_draft(extra={"matter": "tax"})))
    ledger.follow(a_stage(opened.entry, "complete", clock.now()))
    late = FLIGHT + timedelta(days=1)
    clock.set(late)
    ledger.end_booking(an_end(other.entry, late, missed=True, reason="not-used"))
    read_on(place, ledger)
    found = told(place)
    assert [one["type"] for one in found] == [
        "check_in.granted", "check_in.voided", "booking.made", "booking.changed", "booking.changed",
        "booking.cancelled", "booking.made", "request.made", "request.stage", "request.voided", "check_in.granted",
        "matter.stage", "booking.missed",
    ]  # fmt: skip
    data = [one["data"] for one in found]
    assert (data[0]["entry"], data[1]["target"], data[1]["reason"]) == (used.entry, used.entry, "scanned-by-mistake")
    assert (data[2]["booking"], data[3]["target"], data[4]["change"]) == (booked.entry, booked.entry, "delayed")
    assert set(data[2]["window"]) == {"scheduled_at", "expected_at", "opens_at", "closes_at"}
    assert (data[8]["stage"], data[8]["target"], data[11]["stage"]) == ("taken-up", asked.entry, "complete")
    assert [one["sequence"] for one in data] == sorted(one["sequence"] for one in data)
    assert {one["holder"]["ref"] for one in data} == {data[0]["holder"]["ref"]}
    text = json.dumps(found)
    leaf = ledger.entry(used.entry).leaf
    for secret in (leaf.holder, leaf.card, leaf.operation, a_check_in().operation.subject, "tablet-1"):
        assert secret not in text
    assert hook.id not in text


def test_references_of_two_integrators_do_not_join(place, ledger):
    """The same holder has another name for each integrator, and always the same one for one of them."""
    hooks = [place.hook("https://host.example/", integrator=everywhere(place))[0] for _ in range(2)]
    for _ in range(2):
        ledger.check_in(a_check_in())
    ledger.check_in(a_check_in(holder="YW5vdGhlcmhvbGRlcjEyMw"))
    read_on(place, ledger)
    first, second = ([one["data"]["holder"]["ref"] for one in told(place, hook)] for hook in hooks)
    assert set(first).isdisjoint(second)
    assert (len(set(first)), len(set(second))) == (2, 2)


def test_a_new_webhook_begins_now_or_where_it_is_told_to(place, ledger, clock):
    """What was before is not told; an instant in the past tells all since then, found without reading all before."""
    entries = []
    for _ in range(8):
        entries.append(ledger.check_in(a_check_in(clock.now())).entry)
        clock.advance(timedelta(minutes=10))
    who = everywhere(place)
    now, _ = place.hook("https://host.example/", integrator=who)
    past, _ = place.hook("https://host.example/", integrator=who, since=START + timedelta(minutes=50))
    whole, _ = place.hook("https://host.example/", integrator=who, since=START)
    entries.append(ledger.check_in(a_check_in(clock.now())).entry)
    read_on(place, ledger)
    seen = [[one["data"]["entry"] for one in told(place, hook)] for hook in (now, past, whole)]
    assert seen == [entries[8:], entries[5:], entries]
    assert sum(UsageLog(ledger).starts(START + timedelta(minutes=50)).values()) == 5


def test_nothing_is_lost_or_queued_twice_however_the_reading_is_interrupted(place, ledger, monkeypatch):
    """A process that dies while it queues has queued nothing; one that comes late changes nothing."""
    hook, _ = place.hook("https://host.example/", integrator=everywhere(place))
    read_on(place, ledger)
    stale = place.hooks.queue.cursor(hook.id, "usage")
    entries = [ledger.check_in(a_check_in(holder=f"{number:022d}")).entry for number in range(30)]

    def dies(*_):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("hooks.queue._known", dies)
        with pytest.raises(SystemExit):
            read_on(place, ledger)
    assert told(place) == []
    assert place.hooks.queue.cursor(hook.id, "usage") == stale
    for _ in range(3):
        read_on(place, ledger)
    assert sorted(one["data"]["entry"] for one in told(place)) == sorted(entries)
    with pytest.raises(ReadElsewhere):
        place.hooks.queue.keep(hook.id, "usage", stale, [("msg_late", "check_in.granted", "{}")], at=place.clock.now())
    assert len(told(place)) == 30


def test_a_webhook_that_waits_for_much_leaves_its_events_in_the_log(place, ledger, monkeypatch):
    """The queue does not grow without end while a receiver is away; what was left is queued later, in order."""
    monkeypatch.setattr(following, "WAITING_MOST", 10)
    monkeypatch.setattr(following, "AT_ONCE", 5)
    monkeypatch.setattr(following, "_A_PASS", 5)
    hook, _ = place.hook("https://host.example/", integrator=everywhere(place))
    entries = [ledger.check_in(a_check_in()).entry for _ in range(40)]
    read_on(place, ledger)
    assert len(told(place)) < 20
    for _ in range(40):
        while one := place.hooks.queue.claim(hook.id, place.clock.now()):
            place.hooks.queue.sent(one, place.clock.now())
        read_on(place, ledger)
    assert [one["data"]["entry"] for one in told(place)] == entries


def test_a_long_log_is_read_in_stretches(place, ledger):
    """More entries than are read at once arrive all, once each."""
    place.hook("https://host.example/", integrator=everywhere(place))
    entries = [ledger.check_in(a_check_in()).entry for _ in range(following.AT_ONCE + 3)]
    read_on(place, ledger)
    assert [one["data"]["entry"] for one in told(place)] == entries


def test_a_log_that_was_set_back_is_told(place, ledger, clock):
    """A ledger restored from an older copy ends before what was read: the job fails and says so."""
    hook, _ = place.hook("https://host.example/", integrator=everywhere(place))
    ledger.check_in(a_check_in())
    read_on(place, ledger)
    cursor = place.hooks.queue.cursor(hook.id, "usage")
    ahead = type(cursor)({key: at + 5 for key, at in cursor.places.items()}, cursor.version)
    place.hooks.queue.keep(hook.id, "usage", ahead, [], at=clock.now())
    with pytest.raises(SetBack, match="usage log ends before"):
        read_on(place, ledger)


RIGHTS = {
    "check-in at the point": ({"gym": Right.CHECK_IN}, (), ["gym", "gym"]),
    "statement everywhere": ({"*": Right.STATEMENT}, (), ["gym", "air-dom", "gym"]),
    "everywhere, one point chosen": ({"*": Right.STATEMENT}, ("air-dom",), ["air-dom"]),
    "narrowed to a service": ({"gym/gym-visit": Right.CHECK_IN}, (), ["gym", "gym"]),
    "narrowed to another service": ({"gym/pool": Right.CHECK_IN}, (), []),
    "another point": ({"air-dom": Right.AUDIT}, (), ["air-dom"]),
    "a right that reads nothing": ({"gym": Right.DOCUMENTS, "library": Right.CHECK_IN}, (), []),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_an_integrator_is_told_of_its_points_alone(place, tmp_path, clock, name):
    """By its rights at each entry's point and service, and by the points that were chosen for the webhook."""
    rights, points, wanted = RIGHTS[name]
    ledger = STORES["sqlite"](tmp_path, clock)
    hook, _ = place.hook("https://host.example/", "check_in", integrator=place.integrator("I", **rights),
                         points=frozenset(points))  # fmt: skip
    for draft in (a_draft(), a_booking_draft(), a_draft()):
        ledger.check_in(a_check_in(draft=draft))
    read_on(place, ledger)
    assert [one["data"]["point"] for one in told(place, hook)] == wanted
    ledger.close()


REFUSED = {
    "an unknown kind": (("check_in.refused",), {"gym": Right.CHECK_IN}, ()),
    "no kind": ((), {"gym": Right.CHECK_IN}, ()),
    "a point of others": (("check_in",), {"gym": Right.CHECK_IN}, ("library",)),
    "a right that reads nothing": (("booking",), {"gym": Right.DOCUMENTS}, ()),
    "applications without the right": (("application",), {"*": Right.STATEMENT}, ()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_webhook_beyond_its_integrators_rights_is_refused(place, name):
    """Each with its remedy, and nothing is registered."""
    kinds, rights, points = REFUSED[name]
    who = place.integrator("I", **rights)
    with pytest.raises(RefusedHook) as caught:
        place.hooks.registry.add(
            NewHook(who, "https://host.example/", kinds, frozenset(points)), by=BY, at=place.clock.now()
        )
    assert caught.value.hint
    assert place.hooks.registry.listed() == []


def test_groups_of_kinds_are_chosen_by_one_word():
    """`booking` stands for its four kinds, in the order of the list; the whole list has no kind twice."""
    assert kinds_of(["booking.made", "booking"]) == (
        "booking.made", "booking.changed", "booking.cancelled", "booking.missed",
    )  # fmt: skip
    assert kinds_of(KINDS) == tuple(KINDS)
