"""The line of uses at each service with visits, in the SQLite ledger: who opens a visit, who lies in one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ledger import leaf
from ledger.millis import from_millis, to_millis
from ledger.offline import net_of
from ledger.sqlite import rows
from ledger.sqlite.schema import row_of
from ledger.timeline import Stay, Walk
from ledger.values import Charge

_PLACE = "partition = ? AND holder = ? AND service = ? AND point = ?"
_COLUMNS = "n, at, ends_at, opens"


@dataclass(frozen=True, slots=True)
class Line:
    """Whose line of uses it is, and where."""

    partition: int
    holder: str
    service: str
    point: str

    @classmethod
    def of(cls, entry: leaf.Leaf) -> Line:
        """Return the line that an entry's use stands in."""
        return cls(entry.partition, entry.holder or "", entry.service, entry.point)

    @property
    def key(self) -> tuple[int, str, str, str]:
        """The columns that name it."""
        return self.partition, self.holder, self.service, self.point


def add(db: sqlite3.Connection, entry: leaf.Leaf) -> None:
    """Put a granted use in its line, if it stands in one."""
    at = leaf.stays_from(entry)
    if at is None or entry.visit is None:
        return
    opens = entry.visit.entry is None
    n = row_of(entry.partition, entry.seq)
    place = Line.of(entry).key
    db.execute("INSERT INTO stays VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*place, at, n, entry.visit.ends_at, int(opens)))


def find(db: sqlite3.Connection, entry: leaf.Leaf) -> Stay | None:
    """Return a use as it stands in its line, None where it stands in none."""
    at = leaf.stays_from(entry)
    if at is None:
        return None
    n = row_of(entry.partition, entry.seq)
    query = f"SELECT {_COLUMNS} FROM stays WHERE {_PLACE} AND at = ? AND n = ?"  # noqa: S608 - constants alone
    return next(_stays(db, query, (*Line.of(entry).key, at, n)), None)


def remove(db: sqlite3.Connection, entry: leaf.Leaf) -> None:
    """Take a use out of its line."""
    at, n = leaf.stays_from(entry), row_of(entry.partition, entry.seq)
    db.execute(f"DELETE FROM stays WHERE {_PLACE} AND at = ? AND n = ?", (*Line.of(entry).key, at, n))  # noqa: S608 - constants alone


def opened_before(db: sqlite3.Connection, line: Line, at: int) -> Stay | None:
    """Return what opened the last visit at or before an instant."""
    query = f"SELECT {_COLUMNS} FROM stays WHERE {_PLACE} AND opens = 1 AND at <= ? ORDER BY at DESC, n DESC LIMIT 1"  # noqa: S608 - constants alone
    return next(_stays(db, query, (*line.key, at)), None)


def after(db: sqlite3.Connection, line: Line, at: int, n: int) -> Iterator[Stay]:
    """Yield the uses after an instant, those of that very instant from a later entry than row `n` too."""
    query = f"SELECT {_COLUMNS} FROM stays WHERE {_PLACE} AND (at, n) > (?, ?) ORDER BY at, n"  # noqa: S608 - constants alone
    return _stays(db, query, (*line.key, at, n))


def apply(db: sqlite3.Connection, line: Line, walked: Walk, *, gone: int | None = None) -> None:
    """Write what a walk came to: parts, counters, the last visit. `gone`: the row of the use that was taken back."""
    for move in walked.moved:
        key = (*line.key, to_millis(move.stay.at), rows.row_named(move.stay.entry))
        db.execute(f"UPDATE stays SET opens = ? WHERE {_PLACE} AND at = ? AND n = ?", (int(move.into is None), *key))  # noqa: S608 - constants alone
    for (limit, period), units in net_of(walked.moved).items():
        rows.add_used(db, (line.partition, line.holder), limit, period, units)
    place = (line.partition, line.holder), line.service, line.point
    visit = rows.read_visit(db, *place)
    if walked.last is not None and not walked.settled:
        rows.write_visit(db, *place, visit_of(walked.last))
    elif not walked.settled and visit is not None and visit.entry == gone:
        rows.delete_visit(db, *place)


def visit_of(stay: Stay) -> rows.VisitRow:
    """Return the visit that a use opened, as it stands before anybody left or came back."""
    n, at = rows.row_named(stay.entry), to_millis(stay.at)
    return rows.VisitRow(n, at, to_millis(stay.ends_at), 0, None, n, at)


def move_lines(walked: Walk) -> tuple[leaf.MoveLine, ...]:
    """Return the uses that were moved, as a leaf writes them."""
    return tuple(leaf.MoveLine(entry=move.stay.entry, into=move.into) for move in walked.moved)


def _stays(db: sqlite3.Connection, query: str, values: Iterable[object]) -> Iterator[Stay]:
    for n, at, ends_at, opens in db.execute(query, tuple(values)):
        entry = rows.read_leaf(db, n)
        charges = () if entry is None else entry.charges
        yield Stay(
            rows.name_of(n),
            from_millis(at),
            from_millis(ends_at),
            bool(opens),
            tuple(Charge(charge.limit, charge.period, charge.maximum, charge.units) for charge in charges),
        )
