"""Reading the ledger: each thread has a connection. Pages of the log come in short reads, so that no reader holds up
writers.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeVar
from weakref import WeakSet

import msgspec

from ledger import leaf
from ledger.millis import to_millis
from ledger.sqlite import rows
from ledger.sqlite.files import Handle, Limits, open_reader
from ledger.sqlite.forking import opening
from ledger.sqlite.rows import row_of
from ledger.sqlite.schema import APPLICATION_ID
from ledger.sqlite.tables import CHOICES, COUNTERS, VISITS, read
from ledger.values import MAX_PAGE, Entry, EntryPage, LedgerUnavailable, Query, Usage, partition_of

T = TypeVar("T")

_SLICE = 1000  # Rows looked through in one read if a search has no index of its own
_SECONDS = 0.12  # For one page, on a machine that is busy with other work
_MOST_LOOKED = 30_000  # Rows looked through for one page, so that a page comes soon however rare its entries are
_COLUMNS = frozenset({"kind", "point", "service", "device", "outcome", "reason", "holder"})


_Row = tuple[int, int, str, str | None, int, bytes | None]  # n, at, kind, outcome, whether its columns match, its leaf


class _Slice(NamedTuple):
    """The result of one read: the number of rows, the matching rows, and the place of the last row."""

    looked: int
    wanted: list[_Row]
    last: tuple[int, int] | None


class Readers:
    """One read-only connection for each thread. `make` makes the tables in a file without tables."""

    def __init__(self, path: Path, limits: Limits, make: Callable[[], object]) -> None:
        """Open no file yet."""
        self._path = path
        self._limits = limits
        self._make = make
        self._own = threading.local()
        self._open: WeakSet[Handle] = WeakSet()

    def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read on this thread's connection. Raises LedgerUnavailable if the store fails."""
        try:
            db = self._connection()
            with db.in_use:
                return read(db)
        except (sqlite3.Error, OSError, leaf.LeafError) as error:
            self._forget()
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def close(self) -> None:
        """Close every thread's connection, each after its read ends."""
        for db in list(self._open):
            with db.in_use:
                db.close()
        self._open.clear()
        self._own = threading.local()

    @property
    def is_open(self) -> bool:
        """Whether any thread has a connection."""
        return bool(self._open)

    def _connection(self) -> Handle:
        db: Handle | None = getattr(self._own, "db", None)
        if db is None:
            with opening():
                db = open_reader(self._path, self._limits)
                self._open.add(db)
            with db.in_use:
                foreign = db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID
            if foreign:
                self._make()
            self._own.db = db
        return db

    def _forget(self) -> None:
        db: Handle | None = getattr(self._own, "db", None)
        if db is not None:
            self._own.db = None
            self._open.discard(db)
            db.close()


def read_usage(db: sqlite3.Connection, subject: str, at: int) -> Usage:
    """Return what a holder has used, in one snapshot."""
    db.execute("BEGIN")
    try:
        holder = rows.find_holder_name(db, subject)
        if holder is None:
            return Usage({}, {}, {})
        partition = partition_of(subject)
        counters = read(db, COUNTERS, partition, holder.name)
        choices = read(db, CHOICES, partition, holder.name)
        visits = read(db, VISITS, partition, holder.name)
        return Usage(
            counters={(row.limit, row.period): row.used for row in counters if row.used},
            choices={(row.group, row.period): row.taken(partition) for row in choices},
            visits={(row.service, row.point): row.state(partition) for row in visits if row.ends_at > at},
        )
    finally:
        db.execute("COMMIT")


def read_entry(db: sqlite3.Connection, entry_id: str) -> Entry | None:
    """Return one entry, or None if the id is malformed or names no entry."""
    try:
        row = rows.row_named(entry_id)
    except leaf.LeafError:
        return None
    return next(_entries(db, [row]), None)


def read_heads(db: sqlite3.Connection) -> dict[int, int]:
    """Return the last `seq` of every partition that has an entry."""
    return dict(db.execute("SELECT partition, seq FROM heads WHERE seq > 0"))


def read_after(db: sqlite3.Connection, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
    """Return the leaves that follow `seq` in a partition."""
    found = db.execute(
        "SELECT leaf FROM entries WHERE n > ? AND n < ? ORDER BY n LIMIT ?",
        (row_of(partition, seq), row_of(partition + 1, 0), limit),
    )
    return tuple(row[0] for row in found)


def read_page(readers: Readers, query: Query) -> EntryPage:
    """Return a page of the log, newest first, searched in slices of bounded length.

    If few entries match, the page ends after a bounded number of rows or a bounded time, with what was found. Its
    cursor goes on from there.
    """
    wanted = max(1, min(query.limit, MAX_PAGE))
    cursor = None if query.before is None else readers.run(lambda db: _place(db, query.before))
    if query.before is not None and cursor is None:
        return EntryPage((), None)
    matches: list[int] = []
    looked, end, late = 0, None, monotonic() + _SECONDS
    size = _SLICE if query.is_sifted else wanted + 1
    while True:
        found = readers.run(lambda db, cursor=cursor: _slice(db, query, cursor, size))  # type: ignore[misc] # mypy cannot see the bound cursor
        matches += [row[0] for row in found.wanted]
        if len(matches) > wanted or found.looked < size or found.last is None:
            break
        cursor = found.last
        looked += found.looked
        if looked >= _MOST_LOOKED or monotonic() > late:
            end = rows.name_of(cursor[1])
            break
    chosen = matches[:wanted]
    entries = readers.run(lambda db: tuple(_entries(db, chosen)))
    return EntryPage(entries, entries[-1].id if len(matches) > wanted else end)


def read_counts(readers: Readers, query: Query) -> dict[str, int]:
    """Return the number of matching check-ins by outcome, read in slices like a page."""
    counts = {"granted": 0, "denied": 0}
    cursor: tuple[int, int] | None = None
    while True:
        found = readers.run(lambda db, cursor=cursor: _slice(db, query, cursor, _SLICE))  # type: ignore[misc] # as above
        for _, _, kind, outcome, *_ in found.wanted:
            if kind in leaf.USES and outcome is not None:
                counts[outcome] += 1
        if found.looked < _SLICE:
            return counts
        cursor = found.last


def _place(db: sqlite3.Connection, entry_id: str | None) -> tuple[int, int] | None:
    """Return the place of an entry in the order of a search, or None."""
    try:
        row = rows.row_named(entry_id or "")
    except leaf.LeafError:
        return None
    found = db.execute("SELECT at FROM entries WHERE n = ?", (row,)).fetchone()
    return None if found is None else (found[0], row)


def _slice(db: sqlite3.Connection, query: Query, cursor: tuple[int, int] | None, size: int) -> _Slice:
    """Return the next rows, newest first, by the best index: the holder's, the point's, or the time's."""
    found: list[_Row] = db.execute(*statement(query, cursor, size)).fetchall()
    wanted = [row for row in found if row[4]]
    if needles := _needles(query):
        wants = query.matcher()
        wanted = [row for row in wanted if _says(row[5] or b"", needles, wants)]
    return _Slice(len(found), wanted, (found[-1][1], found[-1][0]) if found else None)


def statement(query: Query, cursor: tuple[int, int] | None, size: int) -> tuple[str, list[object]]:
    """Return the SQL of a slice and its values. An index gives `size` rows; each row tells whether its columns match.

    The leaf is included if the search must look at its content as well.
    """
    match, values = _columns(query)
    if _needles(query):
        match, values = f"{match}, CASE WHEN {match} THEN leaf END", [*values, *values]
    else:
        match = f"{match}, NULL"
    clauses = ["at >= ?"]
    values.append(0 if query.since is None else to_millis(query.since))
    for name in ("holder", "point"):
        if (want := query.fields().get(name)) is not None:
            clauses.append(f"{name} = ?")
            values.append(want)
            break
    if query.until is not None:
        clauses.append("at < ?")
        values.append(to_millis(query.until))
    if cursor is not None:
        clauses.append("at <= ? AND (at < ? OR n < ?)")
        values += [cursor[0], cursor[0], cursor[1]]
    found = f"SELECT n, at, kind, outcome, {match} FROM entries WHERE {' AND '.join(clauses)}"  # noqa: S608 - constants
    return f"{found} ORDER BY at DESC, n DESC LIMIT {size}", values


def _columns(query: Query) -> tuple[str, list[object]]:
    """Return the condition on a row's columns and its values."""
    tests, values = list[str](), list[object]()
    for name, want in query.fields().items():
        if name in _COLUMNS:
            tests.append(f"{name} IS ?")
            values.append(want)
    if query.points is not None:
        tests.append(f"point IN ({', '.join('?' * len(query.points))})")
        values += sorted(query.points)
    return f"({' AND '.join(tests) or '1'})", values


def _needles(query: Query) -> list[bytes]:
    """Return bytes that a matching leaf contains. A leaf is canonical: each field has one spelling."""
    said = [(name, want) for name, want in query.fields().items() if name not in _COLUMNS]
    needles = [b'"%s":%s' % (name.encode(), msgspec.json.encode(want)) for name, want in said]
    return needles if query.mark is None else [*needles, msgspec.json.encode(query.mark)]


def _says(data: bytes, needles: list[bytes], wants: Callable[[Callable[[str], object]], bool]) -> bool:
    """Return whether a leaf matches. Its bytes rule out most leaves; the other leaves are read."""
    return all(needle in data for needle in needles) and wants(msgspec.json.decode(data).get)


def _entries(db: sqlite3.Connection, wanted: list[int]) -> Iterator[Entry]:
    for row in wanted:
        found = db.execute(
            "SELECT e.leaf, s.voided_by FROM entries AS e LEFT JOIN states AS s ON s.n = e.n WHERE e.n = ?", (row,)
        ).fetchone()
        if found is not None:
            yield Entry(found[0], leaf.decode(found[0]), found[1] is not None)
