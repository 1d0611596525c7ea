"""A step's workspace on a Redis server: a picture of one holder's state, and the commands that write the changes.

The picture need not show a single instant. Every change of a holder's state is an entry, so a commit is refused if the
end of the log moved after the picture was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger import leaf
from ledger.redis import keys
from ledger.redis.state import HolderState, packed_booking, read_booking, read_stay, stay_member
from ledger.state import BookingRow, ChoiceRow, MarkRow, StayRow, VisitRow, stored_leaf
from ledger.values import Draft, LedgerUnavailable, ProofClaim
from ledger.writing import LogEnd, of_draft

Command = tuple[Any, ...]
BatchRead = Callable[[list[Command]], list[Any]]
"""Runs reading commands in the partition."""

_SIGNS = {"granted": "g", "denied": "d"}


@dataclass(slots=True)
class RedisWorkspace:
    """Meets `steps.workspace.Workspace`. `before` is the holder's hash as it was read. `spent`: the proof to spend."""

    read: BatchRead
    holder: str
    end: LogEnd
    at: int
    state: HolderState
    before: dict[bytes, bytes]
    written: list[tuple[leaf.Leaf, bytes]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    spent: ProofClaim | None = None
    _lines: dict[tuple[str, str], list[StayRow]] = field(default_factory=dict)
    _bookings: dict[int, BookingRow] = field(default_factory=dict)

    def append(self, draft: Draft, kind: str, operation: str, **told: Any) -> leaf.Leaf:  # noqa: ANN401 - fields of the leaf
        """Put an entry at the end of the partition."""
        entry = of_draft(draft, self.end, self.at, kind, operation, **told)
        data = leaf.encode(entry)
        self.written.append((entry, data))
        self.end = LogEnd(entry.partition, entry.seq, leaf.leaf_hash(data), entry.at)
        return entry

    def entry(self, seq: int) -> leaf.Leaf:
        """Return an entry of this partition."""
        for line, _ in self.written:
            if line.seq == seq:
                return line
        (found,) = self.read([("XRANGE", keys.log(self.end.partition), f"{seq}-0", f"{seq}-0")])
        if not found:
            raise LedgerUnavailable("the ledger is damaged: it refers to an entry that the log does not hold")
        return stored_leaf(found[0][1][b"l"])

    def used(self, limit: str, period: str) -> int:
        """Return how many units of a limit the holder used in a period."""
        return self.state.counters.get((limit, period), 0)

    def add_used(self, limit: str, period: str, units: int) -> None:
        """Count units, or give them back if `units` is negative."""
        self.state.counters[limit, period] = self.used(limit, period) + units

    def choice(self, group: str, period: str) -> ChoiceRow | None:
        """Return the member to which an exclusion group is fixed, or None."""
        return self.state.choices.get((group, period))

    def write_choice(self, row: ChoiceRow) -> None:
        """Keep the member to which a group is fixed."""
        if row.uses > 0:
            self.state.choices[row.group, row.period] = row
        else:
            del self.state.choices[row.group, row.period]

    def marks(self, seq: int) -> MarkRow:
        """Return the entries that voided an entry and that ended its visit."""
        partition = self.end.partition
        voided, left = self.read([("HGET", keys.voided(partition), str(seq)), ("HGET", keys.left(partition), str(seq))])
        return MarkRow(seq, None if voided is None else int(voided), None if left is None else int(left))

    def mark_voided(self, seq: int, by: int) -> None:
        """Record that an entry was voided."""
        self.commands.append(("HSET", "voided", str(seq), str(by)))

    def mark_left(self, seq: int, by: int) -> None:
        """Record that the visit of an entry was left."""
        self.commands.append(("HSET", "left", str(seq), str(by)))

    def visit(self, service: str, point: str) -> VisitRow | None:
        """Return the last visit at a service and point, whether or not it is over, or None."""
        return self.state.visits.get((service, point))

    def write_visit(self, row: VisitRow) -> None:
        """Replace the last visit."""
        self.state.visits[row.service, row.point] = row

    def drop_visit(self, row: VisitRow) -> None:
        """Delete the last visit."""
        del self.state.visits[row.service, row.point]

    def booking(self, seq: int) -> BookingRow | None:
        """Return how a booking stands, or None."""
        if seq not in self._bookings:
            (found,) = self.read([("HGET", keys.bookings(self.end.partition), str(seq))])
            if found is None:
                return None
            self._bookings[seq] = read_booking(seq, found)
        return self._bookings[seq]

    def write_booking(self, row: BookingRow) -> None:
        """Write a booking's row and its places by time, in place of the old ones."""
        self._bookings[row.seq] = row
        place = f"{row.seq:012d}"
        self.commands.append(("HSET", "bookings", str(row.seq), packed_booking(row)))
        self.commands.append(("ZADD", "expected", str(row.expected_at), place))
        if row.state.value == "held":
            self.commands.append(("ZADD", "open", str(row.expected_at), place))
        else:
            self.commands.append(("ZREM", "open", place))

    def stay(self, service: str, point: str, place: tuple[int, int]) -> StayRow | None:
        """Return the use at a place of its visit line, or None."""
        return next((row for row in self._line(service, point) if row.place == place), None)

    def opening_stay(self, service: str, point: str, at: int) -> StayRow | None:
        """Return the use that opened the last visit at or before an instant, or None."""
        found = [row for row in self._line(service, point) if row.opens and row.at <= at]
        return found[-1] if found else None

    def stays_after(self, service: str, point: str, place: tuple[int, int]) -> Iterator[StayRow]:
        """Yield the uses after a place of their visit line."""
        return (row for row in list(self._line(service, point)) if row.place > place)

    def write_stay(self, row: StayRow) -> None:
        """Keep a use in its visit line."""
        kept = self.stay(row.service, row.point, row.place)
        if kept is not None:
            self.drop_stay(kept)
        line = self._line(row.service, row.point)
        line.append(row)
        line.sort(key=lambda one: one.place)
        self.commands.append(("ZADD", "stays", str(row.at), stay_member(row)))

    def drop_stay(self, row: StayRow) -> None:
        """Remove a use from its visit line."""
        self._line(row.service, row.point).remove(row)
        self.commands.append(("ZREM", "stays", stay_member(row)))

    def spend(self, claim: ProofClaim) -> None:
        """Record that the change's proof was used."""
        self.spent = claim

    def all_commands(self) -> list[Command]:
        """Return the commands that write the changes: command name, key by its name in keys.SCRIPT_KEYS, and words."""
        after = {name.encode(): value for name, value in self.state.fields().items()}
        kept = {name: value for name, value in self.before.items() if name != b"n"}
        fresh = [word for name, value in after.items() if kept.get(name) != value for word in (name, value)]
        gone = [name for name in kept if name not in after]
        commands = list(self.commands)
        if fresh:
            commands.append(("HSET", "holder", *fresh))
        if gone:
            commands.append(("HDEL", "holder", *gone))
        return commands

    def _line(self, service: str, point: str) -> list[StayRow]:
        """Return the line of uses at a service and point, which is read once."""
        if (service, point) not in self._lines:
            key = keys.stays(self.end.partition, self.holder, service, point)
            (found,) = self.read([("ZRANGE", key, 0, -1, "WITHSCORES")])
            line = (read_stay((self.holder, service, point), member, at) for member, at in found)
            self._lines[service, point] = sorted(line, key=lambda row: row.place)
        return self._lines[service, point]


def flat(commands: Iterable[Command]) -> tuple[list[int], list[Any]]:
    """Return the commands in the form of a script: the number of words of each, then all words. Keys are given by their
    number.
    """
    sizes, words = [], list[Any]()
    for name, key, *rest in commands:
        sizes.append(2 + len(rest))
        words += [name, keys.SCRIPT_KEYS.index(key) + 1, *rest]
    return sizes, words


def sign_of(line: leaf.Leaf) -> str:
    """Return the letter of an entry in the indexes: its outcome's letter for a use, `o` for any other entry."""
    return _SIGNS[line.outcome] if line.kind in leaf.USES and line.outcome is not None else "o"
