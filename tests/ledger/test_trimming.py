"""Leaves that the log holds are taken out of Redis: every reader still gets them, or gets the reason why not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge.clock import FixedClock
from ledger.bookings import BookingQuery
from ledger.redis import RedisLedger, RedisOptions, read_options
from ledger.values import LedgerError, LedgerUnavailable, Query
from tests.ledger.builders import (
    HOLDER,
    START,
    a_change,
    a_check_in,
    a_gym_visit,
    a_hold,
    a_use,
    a_void,
    a_window,
    an_end,
)
from tests.ledger.offline_builders import a_record
from tests.ledger.redis_servers import a_server
from tests.ledger.test_moving import everything, faults, fill
from tests.ledger.test_redis_guarded import Guarded, documented

pytestmark = pytest.mark.parts

LATER = timedelta(days=90)


class Tiles:
    """What the log holds, as the tiles would give it."""

    def __init__(self) -> None:
        self.leaves: dict[int, tuple[bytes, ...]] = {}
        self.asked = 0

    def keep(self, ledger) -> dict[int, int]:
        """Take in what a ledger holds; returns where each partition ends."""
        self.leaves = {one.partition: one.leaves for one in ledger.dump() if one.leaves}
        return {partition: len(leaves) for partition, leaves in self.leaves.items()}

    def __call__(self, partition: int, first: int, last: int) -> list[bytes]:
        self.asked += 1
        return list(self.leaves[partition][first - 1 : last])


@pytest.fixture
def server(tmp_path):
    """A server of its own."""
    with a_server(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def clock():
    """Stands at the morning of scenario 1 until moved."""
    return FixedClock(START)


@pytest.fixture
def tiles():
    """The log, empty."""
    return Tiles()


@pytest.fixture
def ledger(server, clock, tiles, tmp_path):
    """A ledger that lets go of leaves older than 60 days; its check must find nothing in the end."""
    opened = RedisLedger(RedisOptions(server.url, keep=timedelta(days=60), seen=tmp_path / "seen"), clock, tiles)
    yield opened
    assert faults(opened) == []
    opened.close()


def streams(server) -> int:
    """How many leaves the server itself holds."""
    with server.client() as client:
        return sum(client.xlen(key) for key in client.scan_iter("yj:*:log"))


def test_every_answer_stays_the_same(ledger, server, clock, tiles):
    """Entry by id, search, counts, bookings, usage, export: before and after, with and without filters."""
    fill(ledger, clock)
    ends = tiles.keep(ledger)
    clock.advance(LATER)

    def answers():
        pages = [ledger.entries(query) for query in (Query(), Query(holder=name), Query(point="gym", limit=3))]
        return (
            pages,
            [ledger.entry(entry.id) for entry in pages[0].entries],
            [ledger.counts(query) for query in (Query(), Query(service="gym-visit"), Query(holder=name))],
            ledger.bookings(BookingQuery()),
            ledger.usage(HOLDER, clock.now()),
            [ledger.after(partition, 0, 3) for partition in ends],
            everything(ledger),
        )

    name = ledger.pseudonym(HOLDER)
    before, whole = answers(), streams(server)
    assert ledger.trim(ends, clock.now()) == whole - streams(server) > 0
    assert answers() == before
    assert tiles.asked
    assert ledger.trim(ends, clock.now()) == 0, "nothing is taken out twice"


def test_old_entries_are_still_voided_and_corrected(ledger, server, clock, tiles):
    """A void, a record that comes late, a change and the use of an old booking: each reads what was taken out."""
    visits = [ledger.check_in(a_gym_visit(visit=None)).entry for _ in range(2)]
    far = START + timedelta(days=95)
    booked = ledger.hold(a_hold(window=a_window(far))).entry
    missed = ledger.hold(a_hold(holder="another")).entry
    for _ in range(3):
        ledger.check_in(a_check_in())
    clock.advance(LATER)
    ledger.trim(tiles.keep(ledger), clock.now())
    ledger.void(a_void(visits[0], clock.now()))
    assert ledger.check_in(a_gym_visit(clock.now(), visit=None)).granted, "the unit came back to its month"
    ledger.record_offline(a_record(START + timedelta(hours=3), clock.now()))
    ledger.end_booking(an_end(missed, clock.now()))
    ledger.change_booking(a_change(booked, clock.now(), window=a_window(clock.now())))
    assert ledger.check_in(a_use(booked, clock.now())).granted


def test_what_the_scripts_read_themselves_stays(ledger, server, clock, tiles):
    """The last entry, and from the first on that a booking still to be used counts by."""
    ledger.check_in(a_check_in())
    ledger.hold(a_hold(window=a_window(START + timedelta(days=120))))
    for _ in range(3):
        ledger.check_in(a_check_in())
    clock.advance(LATER)
    assert ledger.trim(tiles.keep(ledger), clock.now()) == 1
    assert streams(server) == 4


def test_nothing_young_and_nothing_beyond_the_log_is_taken(ledger, server, clock, tiles):
    """The setting's days, and how far the log has come."""
    for _ in range(4):
        ledger.check_in(a_check_in())
    ends = tiles.keep(ledger)
    assert ledger.trim(ends, clock.now()) == 0
    clock.advance(LATER)
    assert ledger.trim(dict.fromkeys(ends, 2), clock.now()) == 2
    assert streams(server) == 2


def test_a_machine_without_the_log_says_so(ledger, server, clock, tiles):
    """An entry that is there and cannot be read is not told to be none; one that never was still is none."""
    entries = [ledger.check_in(a_check_in()).entry for _ in range(3)]
    clock.advance(LATER)
    ledger.trim(tiles.keep(ledger), clock.now())
    elsewhere = RedisLedger(RedisOptions(server.url), clock)
    with pytest.raises(LedgerUnavailable, match="in the log's tiles alone"):
        elsewhere.entry(entries[0])
    assert elsewhere.entry(entries[2]) is not None
    assert elsewhere.entry(f"{entries[0][:3]}000009") is None
    elsewhere.close()


def test_an_idle_machine_does_not_take_it_for_a_loss(ledger, server, clock, tiles, tmp_path):
    """Its last acknowledged entry was taken out since, by another machine: no loss is reported."""
    idle = RedisLedger(RedisOptions(server.url, seen=tmp_path / "idle"), clock, tiles)
    idle.check_in(a_check_in())
    for _ in range(3):
        ledger.check_in(a_check_in())
    clock.advance(LATER)
    assert ledger.trim(tiles.keep(ledger), clock.now()) == 3
    assert idle.check_in(a_check_in(clock.now())).granted
    assert idle.open() == []
    assert idle.losses() == []
    idle.close()


@pytest.mark.parametrize("days", ["29", "-1", "many", "", "9999999"])
def test_too_few_days_are_refused(days):
    """Kept answers and late records must not lose what they refer to."""
    with pytest.raises(LedgerError, match="keep_days is a number from 30"):
        read_options(f"redis://127.0.0.1/0?keep_days={days}")


def test_the_setting_is_read():
    """Beside the others of the address."""
    assert read_options("redis://127.0.0.1/0?keep_days=60&replicas=1").keep == timedelta(days=60)


def test_the_documented_user_may_trim_and_name_the_server(tmp_path, clock, tiles):
    """The rights that docs/operations.md gives the ledger are enough, over TLS."""
    server = Guarded(tmp_path / "redis", documented())
    try:
        ledger = RedisLedger(read_options(f"{server.address()}&keep_days=60"), clock, tiles)
        entries = [ledger.check_in(a_check_in()).entry for _ in range(3)]
        clock.advance(LATER)
        assert ledger.trim(tiles.keep(ledger), clock.now()) == 2
        assert ledger.entry(entries[0]) is not None
        assert ledger.store()
        ledger.close()
    finally:
        server.stop()
