"""Reading bookings in the SQLite ledger: one booking by its id, or many by expected time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ledger import leaf
from ledger.bookings import Booking, BookingQuery
from ledger.millis import from_millis, to_millis
from ledger.sqlite import rows
from ledger.sqlite.rows import partition_and_seq
from ledger.sqlite.tables import BOOKINGS, booking_row
from ledger.state import stored_leaf
from ledger.values import LedgerUnavailable

MOST = 10_000
_COLUMNS = ", ".join(f"bookings.{name}" for name in BOOKINGS.columns)
_WITH_LEAVES = (
    f"SELECT {_COLUMNS}, made.leaf, iif(held_by = bookings.n, NULL, held.leaf) FROM bookings"  # noqa: S608 - constants
    " LEFT JOIN entries made ON made.n = bookings.n LEFT JOIN entries held ON held.n = held_by"
)


def find(db: sqlite3.Connection, booking_id: str) -> Booking | None:
    """Return a booking by its id, or None if the id names no booking."""
    try:
        n = rows.row_named(booking_id)
    except leaf.LeafError:
        return None
    found = db.execute(f"{_WITH_LEAVES} WHERE bookings.n = ?", (n,)).fetchone()
    return None if found is None else _booking(found)


def named(db: sqlite3.Connection, booking_ids: Sequence[str]) -> tuple[Booking, ...]:
    """Return the bookings of some ids, in the order of the ids. An id that names no booking is left out."""
    found = (find(db, one) for one in booking_ids)
    return tuple(one for one in found if one is not None)


def search(db: sqlite3.Connection, query: BookingQuery) -> tuple[Booking, ...]:
    """Return the bookings that a query finds, by expected time."""
    tail, values = asked(db, query)
    return tuple(map(_booking, db.execute(_WITH_LEAVES + tail, values).fetchall()))


def times(db: sqlite3.Connection, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
    """Return the id and the expected time of each booking that a query finds, in the order of `search`."""
    tail, values = asked(db, query)
    found = db.execute(f"SELECT n, expected_at FROM bookings{tail}", values).fetchall()  # noqa: S608 - constants
    return tuple((rows.name_of(n), from_millis(expected)) for n, expected in found)


def asked(db: sqlite3.Connection, query: BookingQuery) -> tuple[str, list[object]]:
    """Return the part of a statement after the names of the tables, and its values."""
    clauses, values = ["1"], list[object]()
    point = "bookings.point = ?"
    if query.subject is not None:
        point = f"+{point}"  # A holder has few bookings, a point many: the plus keeps SQLite off the point's index
        holder = rows.find_holder_name(db, query.subject)
        clauses.append("bookings.holder = ?")
        values.append("" if holder is None else holder.name)
    for clause, value in (
        (point, query.point),
        ("expected_at >= ?", None if query.since is None else to_millis(query.since)),
        ("expected_at < ?", None if query.until is None else to_millis(query.until)),
        ("closes_at < ?", None if query.over_at is None else to_millis(query.over_at)),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if query.states is not None:
        # Literals, not parameters: SQLite uses the index of held bookings only if the statement itself names the state.
        clauses.append("(" + (" OR ".join(f"state = '{state.value}'" for state in sorted(query.states)) or "0") + ")")
    most = max(1, min(query.limit, MOST))
    return f" WHERE {' AND '.join(clauses)} ORDER BY expected_at, bookings.n LIMIT {most}", values


def _booking(found: tuple[Any, ...]) -> Booking:
    *columns, made, held = found
    partition, _ = partition_and_seq(found[0])
    row = booking_row(partition, columns)
    first = _leaf(made)
    return row.booking(partition, first, first if row.held_by == row.seq else _leaf(held))


def _leaf(data: bytes | None) -> leaf.Leaf:
    if data is None:
        raise LedgerUnavailable("the ledger is damaged: a booking refers to an entry that the log does not hold")
    return stored_leaf(data)
