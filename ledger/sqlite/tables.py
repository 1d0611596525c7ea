"""The tables that follow from the log, each with its kind of row (ledger/state.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Generic

from ledger.bookings import BookingState
from ledger.sqlite.rows import partition_and_seq, row_of
from ledger.state import BookingRow, ChoiceRow, CounterRow, KeptRow, MarkRow, RowT, StayRow, VisitRow


@dataclass(frozen=True, slots=True)
class RowTable(Generic[RowT]):
    """A table and the kind of its rows. `columns` stand in the order of the kind's fields.

    Columns in `entries` hold an entry by its row number, which tells partition and `seq`; columns in `truths` hold 0 or
    1. `has_partition`: the table's first column is the partition.
    """

    name: str
    kind: type[RowT]
    columns: tuple[str, ...]
    entries: frozenset[str] = frozenset()
    truths: frozenset[str] = frozenset()
    has_partition: bool = True

    def values(self, partition: int, row: KeptRow) -> tuple[object, ...]:
        """Return a row's values in the order of the table's columns."""
        fields = attrgetter(*self.kind.__dataclass_fields__)(row)
        values = tuple(
            row_of(partition, value) if column in self.entries and value is not None else value
            for column, value in zip(self.columns, fields, strict=True)
        )
        return (partition, *values) if self.has_partition else values

    def row(self, partition: int, values: Iterable[object]) -> RowT:
        """Return the row from the values of a table's columns."""
        fields: list[Any] = [
            _seq(partition, value) if column in self.entries else bool(value) if column in self.truths else value
            for column, value in zip(self.columns, values, strict=True)
        ]
        return self.kind(*fields)

    @property
    def listed(self) -> str:
        """Return the columns as SQL lists them, with the partition's column if the table has it."""
        return ", ".join(("partition", *self.columns) if self.has_partition else self.columns)

    def bounds(self, partition: int) -> tuple[str, tuple[object, ...]]:
        """Return the condition that finds a partition's rows, and its values."""
        if self.has_partition:
            return "partition = ?", (partition,)
        return "n >= ? AND n < ?", (row_of(partition, 0), row_of(partition + 1, 0))


_HELD_WINDOW = "scheduled_at expected_at opens_at closes_at"
COUNTERS = RowTable("counters", CounterRow, ("holder", "quota", "period", "used"))
CHOICES = RowTable(
    "choices",
    ChoiceRow,
    ("holder", "family", "period", "member", "uses", "service", "at", "entry"),
    frozenset({"entry"}),
)
VISITS = RowTable(
    "visits",
    VisitRow,
    ("holder", "service", "point", "entry", "started_at", "ends_at", "re_entries", "left_at", "inside", "inside_at"),
    frozenset({"entry", "inside"}),
)
STAYS = RowTable(
    "stays",
    StayRow,
    ("holder", "service", "point", "at", "n", "ends_at", "opens"),
    frozenset({"n"}),
    frozenset({"opens"}),
)
STATES = RowTable(
    "states",
    MarkRow,
    ("n", "voided_by", "left_by"),
    frozenset({"n", "voided_by", "left_by"}),
    has_partition=False,
)
BOOKINGS = RowTable(
    "bookings",
    BookingRow,
    tuple(f"n holder service point state holds held_by used_by {_HELD_WINDOW}".split()),
    frozenset({"n", "held_by", "used_by"}),
    frozenset({"holds"}),
    has_partition=False,
)
FOLLOWING: tuple[RowTable[Any], ...] = (COUNTERS, CHOICES, VISITS, STAYS, STATES, BOOKINGS)
"""Every table whose rows follow from the log."""


def read(db: sqlite3.Connection, table: RowTable[RowT], partition: int, holder: str | None = None) -> Iterator[RowT]:
    """Yield a partition's rows of a table, or only one holder's rows if a holder is named."""
    condition, values = table.bounds(partition)
    if holder is not None:
        condition, values = f"{condition} AND holder = ?", (*values, holder)
    found = db.execute(f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE {condition}", values)  # noqa: S608 - constants alone
    return (table.row(partition, row) for row in found)


def insert(db: sqlite3.Connection, table: RowTable[RowT], partition: int, rows: Iterable[RowT]) -> None:
    """Put a partition's rows into a table."""
    marks = ", ".join("?" * (len(table.columns) + table.has_partition))
    statement = f"INSERT INTO {table.name} ({table.listed}) VALUES ({marks})"  # noqa: S608 - constants alone
    db.executemany(statement, (table.values(partition, row) for row in rows))


def booking_row(partition: int, values: Iterable[object]) -> BookingRow:
    """Return the row of a booking. Raises ValueError for an unknown state."""
    row: BookingRow = BOOKINGS.row(partition, values)
    return replace(row, state=BookingState(row.state))


def _seq(partition: int, value: object) -> object:
    """Return the `seq` in a row number. A number of another partition is returned unchanged, so that it equals no
    `seq`.
    """
    if not isinstance(value, int):
        return value
    found, seq = partition_and_seq(value)
    return seq if found == partition else value
