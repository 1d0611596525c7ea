"""Re-reads the whole log of a SQLite ledger: chain, density, form, and that all beside it follows from it.

One partition at a time, each in one snapshot, its entries streamed: memory is bounded by one partition's working state.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ledger import answers, leaf
from ledger.replaying import Replay
from ledger.sqlite import rows
from ledger.sqlite.bookings import COLUMNS
from ledger.sqlite.reads import Readers
from ledger.sqlite.schema import place_of, row_of
from ledger.values import PARTITIONS, Fault, LedgerUnavailable, partition_of

_PROGRESS = 1000  # entries between two reports


def check_ledger(readers: Readers) -> Iterator[Fault | int]:
    """Yield faults, and the number of entries read so far now and then and at the end."""
    done = 0
    for partition in range(PARTITIONS):
        try:
            found = readers.run(lambda db, partition=partition: _snapshot(db, partition))  # type: ignore[misc] # mypy cannot see the bound partition
        except LedgerUnavailable as error:
            yield Fault(f"partition {partition:02x}", str(error))
            continue
        yield from found.faults
        before, done = done, done + found.entries
        if done // _PROGRESS > before // _PROGRESS:
            yield done
    try:
        yield from readers.run(_strays)
    except LedgerUnavailable as error:
        yield Fault("tables", str(error))
    yield done


@dataclass(slots=True)
class _Found:
    """What the check of one partition found."""

    faults: list[Fault] = field(default_factory=list)
    entries: int = 0


def _snapshot(db: sqlite3.Connection, partition: int) -> _Found:
    db.execute("BEGIN")
    try:
        return _Partition(db, partition).check()
    finally:
        db.execute("COMMIT")


class _Partition:
    """One partition's check, in the order of its entries, then table by table."""

    def __init__(self, db: sqlite3.Connection, partition: int) -> None:
        self._db = db
        self._partition = partition
        self._found = _Found()
        self._head = rows.Head(partition)
        self._replay = Replay(self._find)

    def check(self) -> _Found:
        """Read the entries, then compare what stands beside them."""
        for row in self._entries():
            self._found.entries += 1
            self._entry(row)
        if self._head != rows.read_head(self._db, self._partition):
            self._fault("head", "the head kept is not the end of the log")
        self._holders()
        self._counters()
        self._choices()
        self._visits()
        self._stays()
        self._states()
        self._bookings()
        self._operations()
        return self._found

    def _fault(self, place: str, message: str) -> None:
        self._found.faults.append(Fault(place, message))

    def _find(self, entry_id: str) -> leaf.Leaf | None:
        try:
            return rows.read_leaf(self._db, rows.row_named(entry_id))
        except leaf.LeafError:
            return None

    def _rows(self, columns: str, table: str) -> Iterator[tuple[object, ...]]:
        return self._db.execute(f"SELECT {columns} FROM {table} WHERE partition = ?", (self._partition,))  # noqa: S608 - constants alone

    def _entries(self) -> Iterator[tuple[object, ...]]:
        return self._db.execute(
            "SELECT n, leaf, at, kind, point, service, device, outcome, reason, holder FROM entries"
            " WHERE n >= ? AND n < ? ORDER BY n",
            (row_of(self._partition, 0), row_of(self._partition + 1, 0)),
        )

    def _entry(self, row: tuple[object, ...]) -> None:
        number, data = row[0], row[1]
        place = rows.name_of(number) if isinstance(number, int) else "entries"
        expected = leaf.entry_id(self._partition, self._head.seq + 1)
        if place != expected:
            self._fault(place, f"entry {expected} was expected here")
        data = data if isinstance(data, bytes) else b""
        at = self._head.last_at
        try:
            line = leaf.decode(data)
        except leaf.LeafError as error:
            self._fault(place, f"the leaf is damaged: {error}")
        else:
            self._line(place, line, row)
            at = line.at
        self._head = rows.Head(
            self._partition, place_of(number)[1] if isinstance(number, int) else 0, leaf.leaf_hash(data), at
        )

    def _line(self, place: str, line: leaf.Leaf, row: tuple[object, ...]) -> None:
        if line.id != place:
            self._fault(place, "the leaf names another place in the log")
        if line.prev != rows.prev_text(self._head):
            self._fault(place, "the chain of hashes is broken before this entry")
        if line.at < self._head.last_at:
            self._fault(place, "the instant goes back")
        if row[2:] != rows.index_columns(line):
            self._fault(place, "what stands beside the leaf differs from it")
        if wrong := self._replay.add(line):
            self._fault(place, wrong)

    def _holders(self) -> None:
        for sub, salt, name in self._rows("sub, salt, holder", "holders"):
            subject = str(sub)
            if not isinstance(salt, bytes) or not hmac.compare_digest(rows.keyed(salt, subject), str(name)):
                self._fault("holders", "a holder's name does not follow from the salt")
            if partition_of(subject) != self._partition:
                self._fault("holders", "a holder is kept in another's partition")

    def _counters(self) -> None:
        kept = {row[:3]: row[3] for row in self._rows("holder, quota, period, used", "counters") if row[3] != 0}
        self._compare("counter", kept, {key: used for key, used in self._replay.counters.items() if used != 0})

    def _choices(self) -> None:
        kept = {
            row[:3]: (*row[3:7], _name(row[7]))
            for row in self._rows("holder, family, period, member, uses, service, at, entry", "choices")
        }
        said = {
            key: (chosen.member, chosen.uses, chosen.service, chosen.at, chosen.entry)
            for key, chosen in self._replay.choices.items()
        }
        self._compare("choice", kept, said)

    def _visits(self) -> None:
        kept = {
            row[:3]: (_name(row[3]), *row[4:8], _name(row[8]), row[9])
            for row in self._rows(
                "holder, service, point, entry, started_at, ends_at, re_entries, left_at, inside, inside_at", "visits"
            )
        }
        said = {
            key: (
                visit.entry,
                visit.started_at,
                visit.ends_at,
                visit.re_entries,
                visit.left_at,
                visit.inside,
                visit.inside_at,
            )
            for key, visit in self._replay.visits.items()
        }
        self._compare("visit", kept, said)

    def _stays(self) -> None:
        kept = {
            (*row[:3], _name(row[4])): (row[3], row[5], bool(row[6]))
            for row in self._rows("holder, service, point, at, n, ends_at, opens", "stays")
        }
        said = {
            (*key, use.leaf.id): (use.at, use.ends_at, use.opens)
            for key, uses in self._replay.lines.uses.items()
            for use in uses
        }
        self._compare("stay", kept, said)

    def _states(self) -> None:
        found = self._db.execute(
            "SELECT n, voided_by, left_by FROM states WHERE n >= ? AND n < ?",
            (row_of(self._partition, 0), row_of(self._partition + 1, 0)),
        )
        kept = {(_name(row[0]),): (_name(row[1]), _name(row[2])) for row in found}
        replay = self._replay
        said = {
            (entry,): (replay.voided.get(entry), replay.left.get(entry))
            for entry in replay.voided.keys() | replay.left.keys()
        }
        self._compare("state", kept, said)

    def _bookings(self) -> None:
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM bookings WHERE n >= ? AND n < ?",  # noqa: S608 - a constant
            (row_of(self._partition, 0), row_of(self._partition + 1, 0)),
        )
        kept = {(_name(row[0]),): (*row[1:6], _name(row[6]), _name(row[7]), *row[8:]) for row in found}
        said = {
            (entry,): (
                booking.holder,
                booking.service,
                booking.point,
                booking.state,
                int(booking.holds),
                booking.held_by,
                booking.used_by,
                *booking.window,
            )
            for entry, booking in self._replay.bookings.items()
        }
        self._compare("booking", kept, said)

    def _compare(self, what: str, kept: Mapping[Any, object], said: Mapping[Any, object]) -> None:
        for key in sorted(kept.keys() | said.keys(), key=str):
            if kept.get(key) != said.get(key):
                message = f"kept is {kept.get(key, 'nothing')}, the log says {said.get(key, 'nothing')}"
                self._fault(f"{what} {' '.join(map(str, key))}", message)

    def _operations(self) -> None:
        for row in self._rows("id, answer", "operations"):
            operation, answer = row
            try:
                kept = answers.read(answer if isinstance(answer, bytes) else b"")
                number = rows.row_named(kept.entry)
                found = self._db.execute("SELECT leaf FROM entries WHERE n = ?", (number,)).fetchone()
            except (msgspec.MsgspecError, leaf.LeafError):
                self._fault(f"operation {operation}", "the kept answer is damaged")
                continue
            if found is None or leaf.leaf_hash(found[0]) != kept.leaf_hash:
                self._fault(f"operation {operation}", "the kept answer tells of an entry that the log does not hold")


def _name(row: object) -> str | None:
    return rows.name_of(row) if isinstance(row, int) else None


def _strays(db: sqlite3.Connection) -> list[Fault]:
    """Rows outside every partition, which no other check would meet."""
    outside = f"partition < 0 OR partition >= {PARTITIONS}"
    conditions = dict.fromkeys(
        ("heads", "holders", "counters", "choices", "visits", "operations", "proofs", "stays"), outside
    ) | dict.fromkeys(("entries", "states", "bookings"), f"n < 0 OR n >= {row_of(PARTITIONS, 0)}")
    return [
        Fault(table, "a row outside every partition")
        for table, condition in conditions.items()
        if db.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone()  # noqa: S608 - constants alone
    ]
