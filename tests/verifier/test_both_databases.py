"""What several processes write together in the verifier's store, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cards.programme.types import Text
from edge.problems import Problem
from ledger.values import Operation
from tests.verifier.world import SECRET
from verifier.records.delegations import LIVE_MOST
from verifier.records.events import Event
from verifier.records.places import BookedPlace, operation_name
from verifier.records.store import VerifierStore
from verifier.records.tables import METADATA
from verifier.rules.delegations import Delegation

NOW = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(params=DATABASES)
def url(request, tmp_path, make_database):
    """The address of an empty database."""
    return f"sqlite:///{tmp_path}/verifier.db" if request.param == "sqlite" else make_database()


@pytest.fixture
def stores(url):
    """Two processes' stores on one database."""
    opened = [VerifierStore.open(url, SECRET) for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def at_once(work, times: int = 8) -> list:
    """What one piece of work came to in several threads that start together."""
    gate = Barrier(times)

    def one(number):
        gate.wait(20)
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def operation(number: int) -> Operation:
    """One holder's wish."""
    return Operation(f"holder-{number}", "wallet", f"operation-{number}", b"r" * 32)


def room(start: int, end: int, capacity: int = 1) -> BookedPlace:
    """A room from one hour to another."""
    return BookedPlace("room:library-room@library", NOW + start * HOUR, NOW + end * HOUR, capacity)


def test_the_tables_are_those_that_the_code_knows(stores):
    """No column, index or constraint differs."""
    with stores[0]._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "verifier_version"})
        found = compare_metadata(context, METADATA)
    ours = {"delegations", "events", "places", "place_turns"}
    told = [str(one) for one in found if "modify_comment" not in str(one)]  # the migrations leave comments to the code
    assert [one for one in told if any(name in one for name in ours)] == []


@pytest.mark.parametrize("capacity", [1, 3])
def test_the_last_places_of_a_resource_nobody_has_named_before_are_given_once(stores, capacity):
    """Eight holders over two stores, the very first of this room: as many as there is room for, and not one more."""

    def take(number: int):
        return stores[number % 2].places.take(room(0, 2, capacity), operation(number), NOW, lambda _: None)

    names = at_once(take)
    assert sum(name is not None for name in names) == capacity
    assert [name for name in names if name] == [operation_name(operation(n)) for n, name in enumerate(names) if name]
    again = at_once(take)
    assert again == names


def test_who_lets_go_and_who_waits_meet_in_one_order(stores):
    """A place settled, given up and taken anew, round after round, by whoever is first."""
    places = [store.places for store in stores]
    for turn in range(5):
        winners = [n for n in at_once(lambda n, t=turn: n if _took(places, n, t) else None) if n is not None]
        assert len(winners) == 1
        name, booking = operation_name(_wish(winners[0], turn)), f"00-{turn:06d}"
        places[0].settle(name, booking)
        assert places[1].bookings(room(0, 2).resource) == (booking,)
        places[1].end(booking)
    assert places[0].taken(room(0, 2).resource) == 0


def _wish(number: int, turn: int) -> Operation:
    return Operation(f"holder-{number}", "wallet", f"operation-{number}-{turn}", b"r" * 32)


def _took(places, number: int, turn: int) -> bool:
    return places[number % 2].take(room(0, 2), _wish(number, turn), NOW, lambda _: None) is not None


def test_a_delegation_is_found_by_its_code_on_every_machine(stores):
    """Made by one, used and taken back by the other; the same operation twice at once is one."""
    wanted = Delegation("", "holder-1", "a.card.token", "business-change", "公司", NOW, NOW + timedelta(days=7))
    delegation, code = stores[0].delegations.make("operation-1", wanted)
    assert stores[1].delegations.by_code(code) == delegation
    stores[1].delegations.used(delegation.id, NOW)
    assert stores[0].delegations.find(delegation.id).uses == 1
    assert stores[0].delegations.make("operation-1", wanted)[1] == code
    with pytest.raises(Problem, match="operation-conflict"):
        stores[0].delegations.make("operation-1", Delegation("", "holder-1", "x", "tax-matter", "公司", NOW, NOW))
    for number in range(LIVE_MOST - 1):
        stores[number % 2].delegations.make(f"more-{number}", wanted)
    with pytest.raises(Problem, match="too-many-delegations"):
        stores[0].delegations.make("one-too-many", wanted)
    assert stores[1].delegations.revoke(delegation.id, "holder-1", NOW).revoked_at == NOW


def test_an_event_is_kept_once_and_changed_in_turn(stores):
    """Eight times the same at once is one; two different ones under one code are refused; each change is a version."""
    event = Event("TALK-1", "steward-training", "events", Text(zh="讲座", en="Talk"), NOW, NOW + HOUR, 5)
    assert Counter(at_once(lambda n: stores[n % 2].events.add(event).code)) == {"TALK-1": 8}
    other = Event("TALK-1", "steward-training", "events", Text(zh="讲座", en="Talk"), NOW, NOW + HOUR, 6)
    with pytest.raises(Problem, match="event-exists"):
        stores[0].events.add(other)
    assert [stores[n % 2].events.change(one).version for n, one in enumerate((event, other, other, event))] == [
        1,
        2,
        2,
        3,
    ]
