"""Reading bookings in the SQLite ledger: one by its id, or many by expected time."""

from __future__ import annotations

import sqlite3

from ledger import leaf
from ledger.bookings import Booking, BookingQuery
from ledger.millis import to_millis
from ledger.sqlite import rows
from ledger.sqlite.rows import place_of, row_of
from ledger.sqlite.tables import BOOKINGS, booking_row
from ledger.values import LedgerUnavailable

MOST = 500
_COLUMNS = ", ".join(BOOKINGS.columns)


def find(db: sqlite3.Connection, booking_id: str) -> Booking | None:
    """Return a booking by its id; None for an id that names none."""
    try:
        n = rows.row_named(booking_id)
    except leaf.LeafError:
        return None
    found = db.execute(f"SELECT {_COLUMNS} FROM bookings WHERE n = ?", (n,)).fetchone()  # noqa: S608 - a constant
    return None if found is None else _booking(db, found)


def search(db: sqlite3.Connection, query: BookingQuery) -> tuple[Booking, ...]:
    """Return the bookings that a query asks for, by expected time."""
    clauses, values = ["1"], list[object]()
    if query.subject is not None:
        holder = rows.find_holder(db, query.subject)
        clauses.append("holder = ?")
        values.append("" if holder is None else holder.name)
    for clause, value in (
        ("point = ?", query.point),
        ("expected_at >= ?", None if query.since is None else to_millis(query.since)),
        ("expected_at < ?", None if query.until is None else to_millis(query.until)),
        ("closes_at < ?", None if query.over_at is None else to_millis(query.over_at)),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if query.states is not None:
        # Literals, not parameters: the index of those held is used only where the statement itself says so.
        clauses.append("(" + (" OR ".join(f"state = '{state.value}'" for state in sorted(query.states)) or "0") + ")")
    found = db.execute(
        f"SELECT {_COLUMNS} FROM bookings WHERE {' AND '.join(clauses)}"  # noqa: S608 - constants and a closed set
        f" ORDER BY expected_at, n LIMIT {max(1, min(query.limit, MOST))}",
        values,
    ).fetchall()
    return tuple(_booking(db, row) for row in found)


def _booking(db: sqlite3.Connection, found: tuple[int, ...]) -> Booking:
    partition, _ = place_of(found[0])
    row = booking_row(partition, found)
    made, held = (_leaf_of(db, row_of(partition, seq)) for seq in (row.seq, row.held_by))
    return row.booking(partition, made, held)


def _leaf_of(db: sqlite3.Connection, n: int) -> leaf.Leaf:
    line = rows.read_leaf(db, n)
    if line is None:
        raise LedgerUnavailable("the ledger is damaged: a booking refers to an entry that the log does not hold")
    return line
