"""A holder's state as the server keeps it: one hash, its fields named by kind (keys.py, lib.lua)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ledger import leaf
from ledger.answers import visit_state
from ledger.millis import from_millis
from ledger.values import LedgerUnavailable, Taken, VisitState


class ChoiceRow(msgspec.Struct, array_like=True, frozen=True):
    """The member that a group is fixed to, its uses, and the use that fixed it."""

    member: str
    uses: int
    service: str
    at: int
    entry: int


class VisitRow(msgspec.Struct, array_like=True, frozen=True):
    """The last visit at a place. `left_at` False: nobody has left; entries by seq, times in milliseconds."""

    entry: int
    started_at: int
    ends_at: int
    re_entries: int
    left_at: int | bool
    inside: int
    inside_at: int

    @property
    def left(self) -> int | None:
        """When the visit was left, None while it goes on."""
        return None if self.left_at is False else int(self.left_at)

    def state(self, partition: int) -> VisitState:
        """Return the visit as callers see it."""
        opener = leaf.entry_id(partition, self.entry)
        return visit_state(opener, self.started_at, self.ends_at, self.re_entries, self.left)


class BookingRow(msgspec.Struct, array_like=True, frozen=True):
    """How a booking stands; entries by seq, times in milliseconds. `used_by` False: by none."""

    holder: str
    service: str
    point: str
    state: str
    holds: bool
    held_by: int
    used_by: int | bool
    scheduled_at: int
    expected_at: int
    opens_at: int
    closes_at: int

    @property
    def user(self) -> int | None:
        """The entry that used it last."""
        return None if self.used_by is False else int(self.used_by)


PACK = msgspec.msgpack.Encoder().encode
"""Packs a row as the scripts unpack it."""
_BOOKING = msgspec.msgpack.Decoder(BookingRow).decode
_CHOICE = msgspec.msgpack.Decoder(ChoiceRow).decode
_VISIT = msgspec.msgpack.Decoder(VisitRow).decode


@dataclass(slots=True)
class HolderState:
    """Counters by (limit, period), choices by (group, period), visits by (service, point), and how many entries."""

    entries: int = 0
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    choices: dict[tuple[str, str], ChoiceRow] = field(default_factory=dict)
    visits: dict[tuple[str, str], VisitRow] = field(default_factory=dict)
    bookings: set[int] = field(default_factory=set)

    def fields(self) -> dict[str, bytes]:
        """Return the hash that spells this state, but for `n`, which the scripts count themselves."""
        spelt = {_name("c", key): str(used).encode() for key, used in self.counters.items() if used}
        spelt |= {_name("x", key): PACK(row) for key, row in self.choices.items()}
        spelt |= {_name("v", key): PACK(visit) for key, visit in self.visits.items()}
        return spelt | {f"b\0{seq}": b"" for seq in self.bookings}


def read_leaf(data: bytes) -> leaf.Leaf:
    """Return the entry that the log holds; LedgerUnavailable when it is damaged."""
    try:
        return leaf.decode(data)
    except leaf.LeafError as error:
        raise LedgerUnavailable(f"the ledger is damaged: {error}") from error


def read_booking(packed: bytes) -> BookingRow:
    """Return how a booking stands; LedgerUnavailable when the row is damaged."""
    try:
        return _BOOKING(packed)
    except msgspec.MsgspecError as error:
        raise LedgerUnavailable("the ledger is damaged: a booking cannot be read") from error


def read_state(fields: Mapping[bytes, bytes]) -> HolderState:
    """Return the state that a holder's hash spells; LedgerUnavailable when it is damaged."""
    try:
        return _state(fields)
    except (ValueError, msgspec.MsgspecError) as error:
        raise LedgerUnavailable("the ledger is damaged: a holder's state cannot be read") from error


def _state(fields: Mapping[bytes, bytes]) -> HolderState:
    state = HolderState()
    for name, value in fields.items():
        kind, *rest = name.decode().split("\0")
        match kind, rest:
            case "n", []:
                state.entries = int(value)
            case "c", [limit, period]:
                state.counters[limit, period] = int(value)
            case "x", [group, period]:
                state.choices[group, period] = _CHOICE(value)
            case "v", [service, point]:
                state.visits[service, point] = _VISIT(value)
            case "b", [seq]:
                state.bookings.add(int(seq))
            case _:
                raise ValueError(f"a field of no known kind: {kind!r}")
    return state


def _name(kind: str, key: tuple[str, str]) -> str:
    return f"{kind}\0{key[0]}\0{key[1]}"


def taken_of(partition: int, group: str, row: ChoiceRow) -> Taken:
    """Return a choice as callers see it."""
    return Taken(group, row.member, row.service, from_millis(row.at), leaf.entry_id(partition, row.entry))
