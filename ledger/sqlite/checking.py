"""Reads the whole log of a SQLite ledger again: chain, missing numbers, form, and that all data beside the log follows
from it.

Partitions are read one by one, each in one snapshot, and their entries are streamed. One partition's working state
bounds the memory.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.encoding import b64u
from edge.structs import UNREADABLE
from ledger import answers, leaf
from ledger.following import differences, of_kind, rows_of
from ledger.holders import keyed
from ledger.replaying import Replay
from ledger.sqlite import rows
from ledger.sqlite.reads import Readers
from ledger.sqlite.rows import partition_and_seq, row_of
from ledger.sqlite.tables import COUNTERS, FOLLOWING, read
from ledger.values import PARTITIONS, Fault, LedgerUnavailable, partition_of
from ledger.writing import LogEnd

_PROGRESS = 1000  # entries between two reports


def check_ledger(readers: Readers) -> Iterator[Fault | int]:
    """Yield faults. Also yield the number of entries read so far, from time to time and at the end."""
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
    """The findings of the check of one partition."""

    faults: list[Fault] = field(default_factory=list)
    entries: int = 0


def _snapshot(db: sqlite3.Connection, partition: int) -> _Found:
    db.execute("BEGIN")
    try:
        return _Partition(db, partition).check()
    finally:
        db.execute("COMMIT")


class _Partition:
    """The check of one partition: its entries in order, then table by table."""

    def __init__(self, db: sqlite3.Connection, partition: int) -> None:
        self._db = db
        self._partition = partition
        self._found = _Found()
        self._end = LogEnd(partition)
        self._replay = Replay(self._find)

    def check(self) -> _Found:
        """Read the entries, then compare the tables beside them."""
        for row in self._entries():
            self._found.entries += 1
            self._entry(row)
        if self._end != rows.read_end(self._db, self._partition):
            self._fault("head", "the head kept is not the end of the log")
        self._holders()
        self._following()
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
        expected = leaf.entry_id(self._partition, self._end.seq + 1)
        if place != expected:
            self._fault(place, f"entry {expected} was expected here")
        data = data if isinstance(data, bytes) else b""
        at = self._end.at
        try:
            line = leaf.decode(data)
        except leaf.LeafError as error:
            self._fault(place, f"the leaf is damaged: {error}")
        else:
            self._line(place, line, row)
            at = line.at
        self._end = LogEnd(
            self._partition, partition_and_seq(number)[1] if isinstance(number, int) else 0, leaf.leaf_hash(data), at
        )

    def _line(self, place: str, line: leaf.Leaf, row: tuple[object, ...]) -> None:
        if line.id != place:
            self._fault(place, "the leaf names another place in the log")
        if line.prev != b64u(self._end.hash):
            self._fault(place, "the chain of hashes is broken before this entry")
        if line.at < self._end.at:
            self._fault(place, "the instant goes back")
        if row[2:] != rows.index_columns(line):
            self._fault(place, "what stands beside the leaf differs from it")
        if wrong := self._replay.add(line):
            self._fault(place, wrong)

    def _holders(self) -> None:
        for sub, salt, name in self._rows("sub, salt, holder", "holders"):
            subject = str(sub)
            if not isinstance(salt, bytes) or not hmac.compare_digest(keyed(salt, subject), str(name)):
                self._fault("holders", "a holder's name does not follow from the salt")
            if partition_of(subject) != self._partition:
                self._fault("holders", "a holder is kept in another's partition")

    def _following(self) -> None:
        """Compare every table that follows from the log with what the log says."""
        said = list(rows_of(self._replay))
        for table in FOLLOWING:
            kept = read(self._db, table, self._partition)
            if table is COUNTERS:
                kept = (row for row in kept if row.used != 0)
            for key, message in differences(kept, of_kind(said, table.kind)):
                self._fault(f"{table.name} {key}", message)

    def _operations(self) -> None:
        for row in self._rows("id, answer", "operations"):
            operation, answer = row
            try:
                kept = answers.read(answer if isinstance(answer, bytes) else b"")
                number = rows.row_named(kept.entry)
                found = self._db.execute("SELECT leaf FROM entries WHERE n = ?", (number,)).fetchone()
            except (*UNREADABLE, leaf.LeafError):
                self._fault(f"operation {operation}", "the kept answer is damaged")
                continue
            if found is None or leaf.leaf_hash(found[0]) != kept.leaf_hash:
                self._fault(f"operation {operation}", "the kept answer tells of an entry that the log does not hold")


def _strays(db: sqlite3.Connection) -> list[Fault]:
    """Return a fault for each row outside every partition, which no other check would meet."""
    outside = f"partition < 0 OR partition >= {PARTITIONS}"
    beyond = f"n < 0 OR n >= {row_of(PARTITIONS, 0)}"
    conditions = {"entries": beyond} | dict.fromkeys(("heads", "holders", "operations", "proofs"), outside)
    conditions |= {table.name: outside if table.has_partition else beyond for table in FOLLOWING}
    return [
        Fault(table, "a row outside every partition")
        for table, condition in conditions.items()
        if db.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone()  # noqa: S608 - constants alone
    ]
