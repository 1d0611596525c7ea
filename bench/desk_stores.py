"""Stores that are as large as a district's stores after years, for the desks: requests, and bookings with their details
and rooms.

The rows are written directly into the stores. Each booking is a copy of a booking that a desk made, under another id.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

import msgspec
from redis import Redis

from edge.encoding import b64u, digest
from edge.instants import to_epoch
from edge.sealing import Sealer
from ledger.leaf import Leaf, encode, entry_id
from ledger.millis import to_millis
from ledger.redis import keys
from ledger.redis.state import packed_booking
from ledger.sqlite.rows import index_columns, row_of
from ledger.sqlite.tables import BOOKINGS
from ledger.state import BookingRow
from tests.verifier.world import SECRET
from tests.web.desks import DeskWorld
from verifier.records.bookings import BookingDetails

PARTITIONS: Final = 256
DAYS: Final = 365
"""Over so many days, half of them gone, the bookings are spread."""
OF_HOLDER: Final = 20
"""So many bookings has the holder whose card number is looked for."""
_DAY_MS: Final = 86_400_000
_TIMES: Final = ("scheduled_at", "expected_at", "opens_at", "closes_at")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A booking that a desk made: its entry, its row in the store, its details."""

    leaf: Leaf
    row: BookingRow
    details: BookingDetails


def fill_requests(world: DeskWorld, count: int) -> None:
    """Put requests into a department's list, a tenth of them open, with the details of those."""
    details = BookingDetails("subject", "card", "gold", "张*明", 0, "wallet", {"phone": "13800001234"}, "o", 1)
    names = "id,point,department,service,kind,opened_at,last,stage,deadline,closed_at,outcome"
    with closing(sqlite3.connect(world.folder / "verifier.db")) as database, database:
        marks = ",".join("?" * len(names.split(",")))
        database.executemany(f"insert into matters ({names}) values ({marks})", _requests(world, count))
    _keep(world, ((f"00-{number:06d}", details) for number in range(count - count // 10, count)))


def _requests(world: DeskWorld, count: int) -> Iterator[tuple[object, ...]]:
    now = to_epoch(world.clock.now())
    for number in range(count):
        closed = number < count - count // 10
        opened_at, due = now - number, now + (number % 2_000 - 1_000) * 60
        stage, ended, outcome = ("closed", now - number, "done") if closed else ("complete", None, None)
        place = ("dept-organisation", "organisation", "steward-case", "steward-case")
        yield f"00-{number:06d}", *place, opened_at, 1, stage, due, ended, outcome


def fill_bookings(world: DeskWorld, made: Iterable[str], count: int, port: int | None = None) -> None:
    """Copy bookings that a desk made, in turn, over the days around the world's, with details and places.

    `port`: of the Redis server with the ledger; None: the ledger is the world's file.
    """
    patterns = [_pattern(world, one) for one in made]
    copies = [_copy(patterns[number % len(patterns)], number) for number in range(count)]
    if port is None:
        _into_sqlite(world, copies)
    else:
        _into_redis(port, copies)
    _keep(world, ((one.leaf.id, one.details) for one in copies))
    _fill_rooms(world, copies)


def _into_sqlite(world: DeskWorld, copies: Iterable[_Pattern]) -> None:
    with closing(sqlite3.connect(world.folder / "ledger.db", isolation_level=None)) as database:
        database.execute("BEGIN")
        for one in copies:
            partition = one.leaf.partition
            entry = (row_of(partition, one.leaf.seq), *index_columns(one.leaf), encode(one.leaf))
            database.execute(f"INSERT INTO entries VALUES ({','.join('?' * 10)})", entry)
            database.execute(f"INSERT INTO bookings VALUES ({','.join('?' * 12)})", BOOKINGS.values(partition, one.row))
        database.execute("COMMIT")


def _into_redis(port: int, copies: Iterable[_Pattern]) -> None:
    """The keys of `ledger.redis.keys`. Bookings of a day in the past stay held, so that the greatest number is."""
    with Redis(port=port) as client, client.pipeline(transaction=False) as pipe:
        for number, one in enumerate(copies):
            partition, seq = one.leaf.partition, one.leaf.seq
            pipe.xadd(keys.log(partition), {"l": encode(one.leaf)}, id=f"{seq}-0")
            pipe.hset(keys.bookings(partition), str(seq), packed_booking(one.row))
            for held in (False, True):
                pipe.zadd(keys.expected(partition, held=held), {f"{seq:012d}": one.row.expected_at})
            pipe.hset(keys.holder(partition, one.row.holder), f"b\0{seq}", b"")
            if number % 1_000 == 0:
                pipe.execute()
        pipe.execute()


def _pattern(world: DeskWorld, booking: str) -> _Pattern:
    details, ledger = world.verifier.store.bookings.find(booking), world.verifier.ledger
    made, entry = ledger.booking(booking), ledger.entry(booking)
    if details is None or made is None or entry is None:
        raise LookupError(f"the booking {booking} is gone")
    window, seq = made.window, entry.leaf.seq
    times = (to_millis(at) for at in (window.scheduled_at, window.expected_at, window.opens_at, window.closes_at))
    row = BookingRow(seq, made.holder, made.service, made.point, made.state, made.holds, seq, None, *times)
    return _Pattern(entry.leaf, row, details)


def _copy(pattern: _Pattern, number: int) -> _Pattern:
    """Another holder's, of another day; each two hundredth or so is the same holder's, until there are twenty."""
    own = number % 199 == 0 and number // 199 < OF_HOLDER
    partition = pattern.leaf.partition if own else number % PARTITIONS
    seq = 1_000_000 + number
    moved = (number % DAYS - DAYS // 2) * _DAY_MS + number // DAYS % 12 * 3_600_000
    holder = pattern.row.holder if own else b64u(digest(f"holder {number % 5_000}".encode()))
    leaf = msgspec.structs.replace(
        pattern.leaf, id=entry_id(partition, seq), partition=partition, seq=seq, holder=holder, booking=None
    )
    row = replace(pattern.row, seq=seq, held_by=seq, holder=holder)
    row = replace(row, **{name: getattr(row, name) + moved for name in _TIMES})
    fields = {**pattern.details.fields, "flight": f"CZ{1000 + number % 9000}", "plates": [f"粤A{number % 100_000:05d}"]}
    return _Pattern(leaf, row, replace(pattern.details, fields=fields))


def _keep(world: DeskWorld, kept: Iterable[tuple[str, BookingDetails]]) -> None:
    """Seal and keep details, all in one transaction."""
    sealer = Sealer(SECRET, "booking-details")
    erase_at = to_epoch(world.clock.now() + timedelta(days=400))
    rows = (
        (one, sealer.seal(json.dumps(asdict(details), ensure_ascii=False).encode(), one), erase_at)
        for one, details in kept
    )
    with closing(sqlite3.connect(world.folder / "verifier.db")) as database, database:
        database.executemany("insert into booking_details (booking, details, erase_at) values (?, ?, ?)", rows)


def _fill_rooms(world: DeskWorld, copies: Iterable[_Pattern]) -> None:
    """Take the room of each booking of one, for an hour."""
    rows = (
        (
            b64u(digest(one.leaf.id.encode())),
            f"room:{one.row.service}@{one.row.point}",
            one.row.scheduled_at // 1000,
            one.row.scheduled_at // 1000 + 3600,
            1,
            one.leaf.id,
            0,
        )
        for one in copies
        if world.programme.services[one.row.service].capacity is not None
    )
    with closing(sqlite3.connect(world.folder / "verifier.db")) as database, database:
        database.executemany(
            "insert into places (id, resource, starts_at, ends_at, units, booking, made_at) values (?,?,?,?,?,?,?)",
            rows,
        )
