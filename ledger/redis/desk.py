"""A picture of one holder's state, what a change makes of it, and the commands that write the difference.

The picture need not be one instant's: a change of anything in it is an entry, and the commit is refused when the head
has moved since it was read first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ledger import leaf
from ledger.redis import keys, pieces
from ledger.redis.state import PACK, BookingRow, ChoiceRow, HolderState, VisitRow, read_booking, read_leaf, taken_of
from ledger.values import Draft, Figure, LedgerUnavailable, Taken

Command = tuple[Any, ...]
Ask = Callable[[list[Command]], list[Any]]
"""Runs reading commands in the partition."""

_SIGNS = {"granted": "g", "denied": "d"}


@dataclass(slots=True)
class Desk:
    """What a change works on. `hash` is that of the last leaf; `at` the instant to record."""

    ask: Ask
    partition: int
    name: str
    seq: int
    hash: bytes
    at: int
    state: HolderState
    before: dict[bytes, bytes]
    written: list[tuple[leaf.Leaf, bytes]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    def append(self, draft: Draft, kind: str, operation: str, **told: Any) -> leaf.Leaf:  # noqa: ANN401 - the leaf's own checks refuse what is not of its types
        """Put an entry at the end of the partition; LeafError when its fields make none."""
        place = (self.partition, self.seq + 1, self.hash)
        line = pieces.trial(draft, place, self.at, kind, operation, **told)
        data = leaf.encode(line)
        self.written.append((line, data))
        self.seq, self.hash = line.seq, leaf.leaf_hash(data)
        return line

    @property
    def next_id(self) -> str:
        """The id of the entry that is appended next."""
        return leaf.entry_id(self.partition, self.seq + 1)

    def entry(self, seq: int) -> leaf.Leaf:
        """Return an entry that another refers to; LedgerUnavailable when the log lacks it."""
        for line, _ in self.written:
            if line.seq == seq:
                return line
        (found,) = self.ask([("XRANGE", keys.log(self.partition), f"{seq}-0", f"{seq}-0")])
        if not found:
            raise LedgerUnavailable("the ledger is damaged: it refers to an entry that the log does not hold")
        return read_leaf(found[0][1][b"l"])

    def seq_of(self, entry_id: str) -> int:
        """Return the seq of an entry of this partition."""
        return leaf.split_id(entry_id)[1]

    def used(self, limit: str, period: str) -> int:
        """Return what is used of a limit in a period."""
        return self.state.counters.get((limit, period), 0)

    def add_used(self, limit: str, period: str, units: int) -> None:
        """Add units (or, below nought, give them back)."""
        self.state.counters[limit, period] = self.used(limit, period) + units

    def taken(self, group: str, period: str, least: int = 1) -> Taken | None:
        """Return what an exclusion group is fixed to, if by at least so many uses."""
        row = self.state.choices.get((group, period))
        return None if row is None or row.uses < least else taken_of(self.partition, group, row)

    def count(self, line: leaf.Leaf) -> None:
        """Count what an entry counts: its charges and its choice."""
        for charge in line.charges:
            self.add_used(charge.limit, charge.period, charge.units)
        self.choose(line)

    def choose(self, line: leaf.Leaf) -> None:
        """Count a use of the member that an entry chose; the first one fixes the group."""
        if line.choice is None:
            return
        key = (line.choice.group, line.choice.period)
        row = self.state.choices.get(key) or ChoiceRow(line.choice.member, 0, line.service, line.at, line.seq)
        self.state.choices[key] = msgspec.structs.replace(row, uses=row.uses + 1)

    def give_back(self, line: leaf.Leaf, *, counted: bool = True) -> tuple[Figure, ...]:
        """Return an entry's units to their periods and its choice; no units where they were not `counted`."""
        self._unchoose(line)
        figures: dict[tuple[str, str], Figure] = {}
        for charge in line.charges:
            key = (charge.limit, charge.period)
            if counted:
                self.add_used(*key, -charge.units)
            figures[key] = Figure(*key, self.used(*key), charge.maximum)
        return tuple(figures.values())

    def _unchoose(self, line: leaf.Leaf) -> None:
        if line.choice is None:
            return
        key = (line.choice.group, line.choice.period)
        row = self.state.choices.get(key)
        if row is None:
            raise LedgerUnavailable("the ledger is damaged: a use's choice is not kept")
        if row.uses == 1:
            del self.state.choices[key]
        else:
            self.state.choices[key] = msgspec.structs.replace(row, uses=row.uses - 1)

    def marks(self, seq: int) -> tuple[int | None, int | None]:
        """Return by which entries an entry was voided and left."""
        voided, left = self.ask(
            [("HGET", keys.voided(self.partition), str(seq)), ("HGET", keys.left(self.partition), str(seq))]
        )
        return (None if voided is None else int(voided)), (None if left is None else int(left))

    def mark(self, what: str, seq: int, by: int) -> None:
        """Note that an entry was `voided`, or its visit `left`."""
        self.commands.append(("HSET", what, str(seq), str(by)))

    def booking(self, seq: int) -> BookingRow | None:
        """Return how the booking made by an entry stands."""
        (found,) = self.ask([("HGET", keys.bookings(self.partition), str(seq))])
        return None if found is None else read_booking(found)

    def write_booking(self, seq: int, row: BookingRow) -> None:
        """Put a booking's row, and its places by time, where the old ones stood."""
        self.commands.append(("HSET", "bookings", str(seq), PACK(row)))
        self.commands.append(("ZADD", "expected", str(row.expected_at), f"{seq:012d}"))
        if row.state == "held":
            self.commands.append(("ZADD", "open", str(row.expected_at), f"{seq:012d}"))
        else:
            self.commands.append(("ZREM", "open", f"{seq:012d}"))

    def visit(self, service: str, point: str) -> VisitRow | None:
        """Return the last visit at a service and point, over or not."""
        return self.state.visits.get((service, point))

    def all_commands(self) -> list[Command]:
        """Return the commands that write what changed: name, key by its name in keys.SCRIPT_KEYS, words."""
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


def flat(commands: Iterable[Command]) -> tuple[list[int], list[Any]]:
    """Return the commands as a script takes them: how many words each has, and all words; keys by their number."""
    sizes, words = [], list[Any]()
    for name, key, *rest in commands:
        sizes.append(2 + len(rest))
        words += [name, keys.SCRIPT_KEYS.index(key) + 1, *rest]
    return sizes, words


def sign_of(line: leaf.Leaf) -> str:
    """Return the letter of an entry in the indexes: of a use its outcome's, of any other entry `o`."""
    return _SIGNS[line.outcome] if line.kind in leaf.USES and line.outcome is not None else "o"
