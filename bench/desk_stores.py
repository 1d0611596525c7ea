"""Stores as large as a district's after years, for the desks: requests, and bookings with their details and rooms.

The rows are written behind the stores' backs. Each booking is a copy of one that a desk made, under another id.
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

from edge.encoding import b64u, digest
from edge.instants import to_epoch
from edge.sealing import Sealer
from ledger.leaf import Leaf, decode, encode, entry_id
from ledger.sqlite.rows import index_columns, row_named, row_of
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
    """A booking that a desk made: its entry, the row beside the entry, its details."""

    leaf: Leaf
    row: dict[str, object]
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


def fill_bookings(world: DeskWorld, made: Iterable[str], count: int) -> None:
    """Copy bookings that a desk made, in turn, over the days around the world's, with details and places."""
    patterns = [_pattern(world, one) for one in made]
    copies = [_copy(patterns[number % len(patterns)], number) for number in range(count)]
    with closing(sqlite3.connect(world.folder / "ledger.db", isolation_level=None)) as database:
        database.execute("BEGIN")
        database.executemany(
            f"INSERT INTO entries VALUES ({','.join('?' * 10)})",
            ((row_of(one.leaf.partition, one.leaf.seq), *index_columns(one.leaf), encode(one.leaf)) for one in copies),
        )
        database.executemany(
            f"INSERT INTO bookings VALUES ({','.join('?' * 12)})", (tuple(one.row.values()) for one in copies)
        )
        database.execute("COMMIT")
    _keep(world, ((one.leaf.id, one.details) for one in copies))
    _fill_rooms(world, copies)


def _pattern(world: DeskWorld, booking: str) -> _Pattern:
    details = world.verifier.store.bookings.find(booking)
    with closing(sqlite3.connect(world.folder / "ledger.db")) as database:
        database.row_factory = sqlite3.Row
        n = row_named(booking)
        row = dict(database.execute("SELECT * FROM bookings WHERE n = ?", (n,)).fetchone())
        (leaf,) = database.execute("SELECT leaf FROM entries WHERE n = ?", (n,)).fetchone()
    if details is None:
        raise LookupError(f"the details of {booking} are gone")
    return _Pattern(decode(leaf), row, details)


def _copy(pattern: _Pattern, number: int) -> _Pattern:
    """Another holder's, of another day; each two hundredth or so is the same holder's, until there are twenty."""
    partition, seq = number % PARTITIONS, 1_000_000 + number // PARTITIONS
    moved = (number % DAYS - DAYS // 2) * _DAY_MS + number // DAYS % 12 * 3_600_000
    own = number % 199 == 0 and number // 199 < OF_HOLDER
    holder = pattern.leaf.holder if own else b64u(digest(f"holder {number % 5_000}".encode()))
    leaf = msgspec.structs.replace(
        pattern.leaf, id=entry_id(partition, seq), partition=partition, seq=seq, holder=holder, booking=None
    )
    n = row_of(partition, seq)
    row = {**pattern.row, "n": n, "holder": holder, "held_by": n}
    row |= {name: int(str(row[name])) + moved for name in _TIMES}
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
            f"room:{one.row['service']}@{one.row['point']}",
            int(str(one.row["scheduled_at"])) // 1000,
            int(str(one.row["scheduled_at"])) // 1000 + 3600,
            1,
            one.leaf.id,
            0,
        )
        for one in copies
        if world.programme.services[str(one.row["service"])].capacity is not None
    )
    with closing(sqlite3.connect(world.folder / "verifier.db")) as database, database:
        database.executemany(
            "insert into places (id, resource, starts_at, ends_at, units, booking, made_at) values (?,?,?,?,?,?,?)",
            rows,
        )
