"""A holder's line of uses at one service and point, on a desk: who opens a visit, who lies in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from ledger import leaf
from ledger.millis import from_millis, to_millis
from ledger.offline import net_of
from ledger.redis import keys
from ledger.redis.desk import Desk
from ledger.redis.state import VisitRow
from ledger.timeline import Stay, Walk
from ledger.values import Charge, LedgerUnavailable


class StayRow(msgspec.Struct, frozen=True, order=True):
    """A use in its line, in the order of instants and then of the log. Times in milliseconds."""

    at: int
    seq: int
    ends_at: int
    opens: bool

    def member(self) -> str:
        """Return the use as the sorted set holds it, beside its instant."""
        return f"{self.seq:012d}:{self.ends_at}:{int(self.opens)}"


def read_row(member: bytes, at: float) -> StayRow:
    """Return the use that a member and its score spell; LedgerUnavailable when they spell none."""
    try:
        seq, ends_at, opens = member.split(b":")
        return StayRow(int(at), int(seq), int(ends_at), opens == b"1")
    except ValueError as error:
        raise LedgerUnavailable("the ledger is damaged: a line of uses cannot be read") from error


@dataclass(slots=True)
class Line:
    """The line in which a use stands, read once; what is changed in it is noted on the desk."""

    desk: Desk
    service: str
    point: str
    rows: list[StayRow] = field(init=False)

    def __post_init__(self) -> None:
        key = keys.stays(self.desk.partition, self.desk.name, self.service, self.point)
        (found,) = self.desk.ask([("ZRANGE", key, 0, -1, "WITHSCORES")])
        self.rows = sorted(read_row(member, at) for member, at in found)

    def find(self, entry: leaf.Leaf) -> Stay | None:
        """Return a use as it stands, None where it stands in no line."""
        row = self._row(entry.seq)
        return None if leaf.stays_from(entry) is None or row is None else self._stay(row)

    def add(self, entry: leaf.Leaf) -> None:
        """Put a granted use in its line, if it stands in one."""
        at = leaf.stays_from(entry)
        if at is not None and entry.visit is not None:
            self._put(StayRow(at, entry.seq, entry.visit.ends_at, entry.visit.entry is None))

    def remove(self, entry: leaf.Leaf) -> None:
        """Take a use out of its line."""
        row = self._row(entry.seq)
        if row is not None:
            self._drop(row)

    def opened_before(self, at: int) -> Stay | None:
        """Return what opened the last visit at or before an instant."""
        found = [row for row in self.rows if row.opens and row.at <= at]
        return self._stay(found[-1]) if found else None

    def after(self, at: int, seq: int | None) -> Iterator[Stay]:
        """Yield the uses after an instant; of those at that very instant the ones after entry `seq`, if given."""
        for row in list(self.rows):
            if row.at > at or (seq is not None and row.at == at and row.seq > seq):
                yield self._stay(row)

    def apply(self, walked: Walk, *, gone: int | None = None) -> None:
        """Note what a walk came to: parts, counters, the last visit. `gone`: the use that was taken back, by seq."""
        for move in walked.moved:
            row = self._row(self.desk.seq_of(move.stay.entry))
            if row is not None:
                self._drop(row)
                self._put(msgspec.structs.replace(row, opens=move.into is None))
        for (limit, period), units in net_of(walked.moved).items():
            self.desk.add_used(limit, period, units)
        place = (self.service, self.point)
        visit = self.desk.state.visits.get(place)
        if walked.last is not None and not walked.settled:
            self.desk.state.visits[place] = self._visit_of(walked.last)
        elif not walked.settled and visit is not None and visit.entry == gone:
            del self.desk.state.visits[place]

    def _visit_of(self, stay: Stay) -> VisitRow:
        seq, at = self.desk.seq_of(stay.entry), to_millis(stay.at)
        return VisitRow(seq, at, to_millis(stay.ends_at), 0, False, seq, at)  # noqa: FBT003 - Lua's way to say that nobody left

    def _row(self, seq: int) -> StayRow | None:
        return next((row for row in self.rows if row.seq == seq), None)

    def _put(self, row: StayRow) -> None:
        self.rows = sorted([*self.rows, row])
        self.desk.commands.append(("ZADD", "stays", str(row.at), row.member()))

    def _drop(self, row: StayRow) -> None:
        self.rows.remove(row)
        self.desk.commands.append(("ZREM", "stays", row.member()))

    def _stay(self, row: StayRow) -> Stay:
        line = self.desk.entry(row.seq)
        return Stay(
            leaf.entry_id(self.desk.partition, row.seq),
            from_millis(row.at),
            from_millis(row.ends_at),
            row.opens,
            tuple(Charge(charge.limit, charge.period, charge.maximum, charge.units) for charge in line.charges),
        )


def move_lines(walked: Walk) -> tuple[leaf.MoveLine, ...]:
    """Return the uses that were moved, as a leaf writes them."""
    return tuple(leaf.MoveLine(entry=move.stay.entry, into=move.into) for move in walked.moved)
