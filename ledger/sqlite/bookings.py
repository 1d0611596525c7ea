"""Bookings in the SQLite ledger: their working rows, kept beside the log that they follow from."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from ledger import leaf
from ledger.bookings import Booking, BookingQuery, BookingState, Window
from ledger.millis import from_millis, to_millis
from ledger.sqlite import rows
from ledger.sqlite.schema import row_of
from ledger.values import Charge, Choice

COLUMNS = "n, holder, service, point, state, holds, held_by, used_by, scheduled_at, expected_at, opens_at, closes_at"
MOST = 500


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A booking as its row says it; entries by their rows, times in milliseconds."""

    n: int
    holder: str
    service: str
    point: str
    state: BookingState
    holds: bool
    held_by: int
    used_by: int | None
    scheduled_at: int
    expected_at: int
    opens_at: int
    closes_at: int


def window_line(window: Window) -> leaf.WindowLine:
    """Return a window as a leaf writes it."""
    return leaf.WindowLine(
        scheduled_at=to_millis(window.scheduled_at),
        expected_at=to_millis(window.expected_at),
        opens_at=to_millis(window.opens_at),
        closes_at=to_millis(window.closes_at),
    )


def add(db: sqlite3.Connection, line: leaf.Leaf) -> None:
    """Keep a booking that an entry has made."""
    n, window = row_of(line.partition, line.seq), _window_of(line)
    held = BookingState.HELD
    write(
        db,
        BookingRow(
            n=n,
            holder=line.holder or "",
            service=line.service,
            point=line.point,
            state=held,
            holds=True,
            held_by=n,
            used_by=None,
            scheduled_at=window.scheduled_at,
            expected_at=window.expected_at,
            opens_at=window.opens_at,
            closes_at=window.closes_at,
        ),
    )


def moved(row: BookingRow, line: leaf.Leaf) -> BookingRow:
    """Return a booking with the service, point and window that a change gives it."""
    window = _window_of(line)
    return replace(
        row,
        service=line.service,
        point=line.point,
        scheduled_at=window.scheduled_at,
        expected_at=window.expected_at,
        opens_at=window.opens_at,
        closes_at=window.closes_at,
    )


def write(db: sqlite3.Connection, row: BookingRow) -> None:
    """Put a booking's row in the place of what stood there."""
    db.execute(
        f"REPLACE INTO bookings ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        (
            row.n,
            row.holder,
            row.service,
            row.point,
            row.state.value,
            int(row.holds),
            row.held_by,
            row.used_by,
            row.scheduled_at,
            row.expected_at,
            row.opens_at,
            row.closes_at,
        ),
    )


def mark_used(db: sqlite3.Connection, n: int, by: int) -> None:
    """Note that a check-in used a booking."""
    db.execute("UPDATE bookings SET state = 'used', used_by = ? WHERE n = ?", (by, n))


def read(db: sqlite3.Connection, n: int) -> BookingRow | None:
    """Return the booking made by the entry in a row."""
    found = db.execute(f"SELECT {COLUMNS} FROM bookings WHERE n = ?", (n,)).fetchone()  # noqa: S608 - a constant
    return None if found is None else _row(found)


def find(db: sqlite3.Connection, booking_id: str, holder: str | None = None) -> Booking | None:
    """Return a booking by its id, if it is the holder's where one is named; None for an id that names none."""
    try:
        row = read(db, rows.row_named(booking_id))
    except leaf.LeafError:
        return None
    if row is None or (holder is not None and row.holder != holder):
        return None
    return _booking(db, row)


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
        f"SELECT {COLUMNS} FROM bookings WHERE {' AND '.join(clauses)}"  # noqa: S608 - constants and a closed set
        f" ORDER BY expected_at, n LIMIT {max(1, min(query.limit, MOST))}",
        values,
    ).fetchall()
    return tuple(_booking(db, _row(row)) for row in found)


def leaf_of(db: sqlite3.Connection, n: int) -> leaf.Leaf:
    """Return an entry that a booking refers to; DatabaseError when the log lacks it."""
    line = rows.read_leaf(db, n)
    if line is None:
        raise sqlite3.DatabaseError("a booking refers to an entry that the log does not hold")
    return line


def _row(found: tuple[object, ...]) -> BookingRow:
    row = BookingRow(*found)  # type: ignore[arg-type] # a STRICT table keeps the types
    return replace(row, state=BookingState(row.state), holds=bool(row.holds))


def _booking(db: sqlite3.Connection, row: BookingRow) -> Booking:
    held, choice = leaf_of(db, row.held_by), None
    if held.choice is not None:
        choice = Choice(held.choice.group, held.choice.period, held.choice.member)
    return Booking(
        id=rows.name_of(row.n),
        holder=row.holder,
        service=row.service,
        point=row.point,
        state=row.state,
        window=Window(*map(from_millis, (row.scheduled_at, row.expected_at, row.opens_at, row.closes_at))),
        booked_at=from_millis(leaf_of(db, row.n).at),
        charges=tuple(Charge(line.limit, line.period, line.maximum, line.units) for line in held.charges),
        choice=choice,
        holds=row.holds,
        held_by=rows.name_of(row.held_by),
        used_by=None if row.used_by is None else rows.name_of(row.used_by),
    )


def _window_of(line: leaf.Leaf) -> leaf.WindowLine:
    if line.window is None:
        raise leaf.LeafError("a booking has a window")
    return line.window
