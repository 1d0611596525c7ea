"""Deletes expired answers and proof markers, in small bites together with other changes."""

from __future__ import annotations

import sqlite3

from edge.clock import Clock
from ledger.millis import to_millis

_BITE = 256  # Rows looked at in a bite. Each change adds fewer rows, so a round always ends

_TABLES = {
    "operations": ("partition", "scope", "device", "id"),
    "proofs": ("partition", "card", "proof"),
}


class Sweeper:
    """Walks the tables in the order of their keys, bite by bite, again and again. It needs no index on time."""

    def __init__(self, clock: Clock) -> None:
        """Start at the beginning of each table."""
        self._clock = clock
        self._places: dict[str, tuple[object, ...] | None] = dict.fromkeys(_TABLES)

    def bite(self, db: sqlite3.Connection) -> int:
        """Look at the next rows of each table and delete the expired rows. Return the number deleted."""
        now = to_millis(self._clock.now())
        return sum(self._bite(db, table, key, now) for table, key in _TABLES.items())

    def _bite(self, db: sqlite3.Connection, table: str, key: tuple[str, ...], now: int) -> int:
        columns, marks = ", ".join(key), ", ".join("?" * len(key))
        place = self._places[table]
        after = "" if place is None else f"WHERE ({columns}) > ({marks})"
        found = db.execute(
            f"SELECT keep_until, {columns} FROM {table} {after} ORDER BY {columns} LIMIT {_BITE}",  # noqa: S608 - constants alone
            place or (),
        ).fetchall()
        self._places[table] = found[-1][1:] if len(found) == _BITE else None
        over = [row[1:] for row in found if row[0] < now]
        db.executemany(f"DELETE FROM {table} WHERE ({columns}) = ({marks})", over)  # noqa: S608 - constants alone
        return len(over)
