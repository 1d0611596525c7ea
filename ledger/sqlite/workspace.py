"""A step's workspace on the SQLite tables. Each read and each change is a statement in the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from ledger import leaf
from ledger.millis import to_millis
from ledger.sqlite import rows, tables
from ledger.sqlite.rows import row_of
from ledger.state import BookingRow, ChoiceRow, MarkRow, RowT, StayRow, VisitRow, stored_leaf
from ledger.values import Draft, LedgerUnavailable, ProofClaim
from ledger.writing import LogEnd, of_draft

_HOLDER = "partition = ? AND holder = ?"
_LINE = f"{_HOLDER} AND service = ? AND point = ?"
_STAY = ", ".join(tables.STAYS.columns)
_ONE_CHOICE = f"{_HOLDER} AND family = ? AND period = ?"
_READ_CHOICE = f"SELECT {', '.join(tables.CHOICES.columns)} FROM choices WHERE {_ONE_CHOICE}"  # noqa: S608 - constants alone
_READ_VISIT = f"SELECT {', '.join(tables.VISITS.columns)} FROM visits WHERE {_LINE}"  # noqa: S608 - likewise
_READ_BOOKING = f"SELECT {', '.join(tables.BOOKINGS.columns)} FROM bookings WHERE n = ?"  # noqa: S608 - likewise
_READ_STAY = f"SELECT {_STAY} FROM stays WHERE {_LINE} AND at = ? AND n = ?"  # noqa: S608 - likewise
_READ_OPENING = f"SELECT {_STAY} FROM stays WHERE {_LINE} AND opens = 1 AND at <= ? ORDER BY at DESC, n DESC LIMIT 1"  # noqa: S608 - likewise
_READ_AFTER = f"SELECT {_STAY} FROM stays WHERE {_LINE} AND (at, n) > (?, ?) ORDER BY at, n"  # noqa: S608 - likewise


def _replacing(table: tables.RowTable[RowT]) -> str:
    marks = ", ".join("?" * (len(table.columns) + table.has_partition))
    return f"REPLACE INTO {table.name} ({table.listed}) VALUES ({marks})"  # noqa: S608 - constants alone


_WRITE_CHOICE, _WRITE_VISIT = _replacing(tables.CHOICES), _replacing(tables.VISITS)
_WRITE_STAY, _WRITE_BOOKING = _replacing(tables.STAYS), _replacing(tables.BOOKINGS)


class SqliteWorkspace:
    """Meets `steps.workspace.Workspace`. `device` and `proof`: the device that makes the change, and the proof (card's
    name, id).
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        end: LogEnd,
        at: int,
        *,
        holder: str = "",
        device: str = "",
        proof: tuple[str, str] | None = None,
    ) -> None:
        """Work after `end`, the end of the partition's log. Entries are recorded at the instant `at`."""
        self._db = db
        self._partition = end.partition
        self._device = device
        self._proof = proof
        self.holder = holder
        self.end = end
        self.at = at

    def append(self, draft: Draft, kind: str, operation: str, **told: Any) -> leaf.Leaf:  # noqa: ANN401 - fields of the leaf
        """Put an entry at the end of the partition."""
        entry = of_draft(draft, self.end, self.at, kind, operation, **told)
        self.end = rows.append(self._db, entry)
        return entry

    def entry(self, seq: int) -> leaf.Leaf:
        """Return an entry of this partition."""
        row = row_of(self._partition, seq)
        found = self._db.execute("SELECT leaf FROM entries WHERE n = ?", (row,)).fetchone()
        if found is None:
            raise LedgerUnavailable("the ledger is damaged: it refers to an entry that the log does not hold")
        return stored_leaf(found[0])

    def used(self, limit: str, period: str) -> int:
        """Return how many units of a limit the holder used in a period."""
        found = self._db.execute(
            "SELECT used FROM counters WHERE partition = ? AND holder = ? AND quota = ? AND period = ?",
            (self._partition, self.holder, limit, period),
        ).fetchone()
        return 0 if found is None else int(found[0])

    def add_used(self, limit: str, period: str, units: int) -> None:
        """Count units, or give them back if `units` is negative."""
        self._db.execute(
            "INSERT INTO counters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used = used + excluded.used",
            (self._partition, self.holder, limit, period, units),
        )

    def choice(self, group: str, period: str) -> ChoiceRow | None:
        """Return the member to which an exclusion group is fixed, or None."""
        return self._one(tables.CHOICES, _READ_CHOICE, group, period)

    def write_choice(self, row: ChoiceRow) -> None:
        """Keep the member to which a group is fixed."""
        if row.uses > 0:
            self._db.execute(_WRITE_CHOICE, tables.CHOICES.values(self._partition, row))
        else:
            key = (self._partition, self.holder, row.group, row.period)
            self._db.execute(f"DELETE FROM choices WHERE {_ONE_CHOICE}", key)  # noqa: S608 - a constant

    def marks(self, seq: int) -> MarkRow:
        """Return the entries that voided an entry and that ended its visit."""
        query = "SELECT n, voided_by, left_by FROM states WHERE n = ?"
        found = self._db.execute(query, (row_of(self._partition, seq),)).fetchone()
        return MarkRow(seq) if found is None else tables.STATES.row(self._partition, found)

    def mark_voided(self, seq: int, by: int) -> None:
        """Record that an entry was voided."""
        self._db.execute(
            "INSERT INTO states VALUES (?, ?, NULL) ON CONFLICT (n) DO UPDATE SET voided_by = excluded.voided_by",
            (row_of(self._partition, seq), row_of(self._partition, by)),
        )

    def mark_left(self, seq: int, by: int) -> None:
        """Record that the visit of an entry was left."""
        self._db.execute(
            "INSERT INTO states VALUES (?, NULL, ?) ON CONFLICT (n) DO UPDATE SET left_by = excluded.left_by",
            (row_of(self._partition, seq), row_of(self._partition, by)),
        )

    def visit(self, service: str, point: str) -> VisitRow | None:
        """Return the last visit at a service and point, whether or not it is over, or None."""
        return self._one(tables.VISITS, _READ_VISIT, service, point)

    def write_visit(self, row: VisitRow) -> None:
        """Replace the last visit."""
        self._db.execute(_WRITE_VISIT, tables.VISITS.values(self._partition, row))

    def drop_visit(self, row: VisitRow) -> None:
        """Delete the last visit."""
        key = (self._partition, self.holder, row.service, row.point)
        self._db.execute(f"DELETE FROM visits WHERE {_LINE}", key)  # noqa: S608 - a constant

    def booking(self, seq: int) -> BookingRow | None:
        """Return how a booking stands, or None."""
        found = self._db.execute(_READ_BOOKING, (row_of(self._partition, seq),)).fetchone()
        return None if found is None else tables.booking_row(self._partition, found)

    def write_booking(self, row: BookingRow) -> None:
        """Keep how a booking stands."""
        self._db.execute(_WRITE_BOOKING, tables.BOOKINGS.values(self._partition, row))

    def stay(self, service: str, point: str, place: tuple[int, int]) -> StayRow | None:
        """Return the use at a place of its visit line, or None."""
        return self._one(tables.STAYS, _READ_STAY, service, point, place[0], row_of(self._partition, place[1]))

    def opening_stay(self, service: str, point: str, at: int) -> StayRow | None:
        """Return the use that opened the last visit at or before an instant, or None."""
        return self._one(tables.STAYS, _READ_OPENING, service, point, at)

    def stays_after(self, service: str, point: str, place: tuple[int, int]) -> Iterator[StayRow]:
        """Yield the uses after a place of their visit line."""
        values = (self._partition, self.holder, service, point, place[0], row_of(self._partition, place[1]))
        return (tables.STAYS.row(self._partition, row) for row in self._db.execute(_READ_AFTER, values))

    def write_stay(self, row: StayRow) -> None:
        """Keep a use in its visit line."""
        self._db.execute(_WRITE_STAY, tables.STAYS.values(self._partition, row))

    def drop_stay(self, row: StayRow) -> None:
        """Remove a use from its visit line."""
        key = (self._partition, self.holder, row.service, row.point, row.at, row_of(self._partition, row.seq))
        self._db.execute(f"DELETE FROM stays WHERE {_LINE} AND at = ? AND n = ?", key)  # noqa: S608 - a constant

    def spend(self, claim: ProofClaim) -> None:
        """Record that the change's proof was used."""
        self.claim(claim, spent=True)

    def claim(self, claim: ProofClaim, *, spent: bool) -> None:
        """Claim the change's proof for its device. Spend the proof if the use was granted."""
        if self._proof is not None:
            self._db.execute(
                "INSERT INTO proofs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT"
                " DO UPDATE SET spent = max(spent, excluded.spent), keep_until = max(keep_until, excluded.keep_until)",
                (self._partition, *self._proof, self._device, int(spent), to_millis(claim.keep_until)),
            )

    @property
    def rival(self) -> str | None:
        """Return the device that has the change's proof. It is the changing device itself if this device spent the
        proof before.

        Return None while the changing device may use the proof: it is not spent, and no other device has claimed it.
        """
        if self._proof is None:
            return None
        found = self._db.execute(
            "SELECT device, spent FROM proofs WHERE partition = ? AND card = ? AND proof = ?",
            (self._partition, *self._proof),
        ).fetchone()
        return None if found is None or found == (self._device, 0) else str(found[0])

    def _one(self, table: tables.RowTable[RowT], query: str, *key: object) -> RowT | None:
        found = self._db.execute(query, (self._partition, self.holder, *key)).fetchone()
        return None if found is None else table.row(self._partition, found)
