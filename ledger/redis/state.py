"""A holder's state as the server keeps it: one hash, its fields named by kind (keys.py, lib.lua), its rows packed.

A packed row leaves out what its key tells. A list in Lua has no null, so False means absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from edge.structs import UNREADABLE
from ledger.bookings import BookingState
from ledger.state import BookingRow, ChoiceRow, CounterRow, KeptRow, StayRow, VisitRow
from ledger.values import LedgerUnavailable


class _PackedChoice(msgspec.Struct, array_like=True, frozen=True):
    """The member to which a group is fixed, its uses, and the use that fixed it."""

    member: str
    uses: int
    service: str
    at: int
    entry: int


class _PackedVisit(msgspec.Struct, array_like=True, frozen=True):
    """The last visit at a place. `left_at` False: nobody has left."""

    entry: int
    started_at: int
    ends_at: int
    re_entries: int
    left_at: int | bool
    inside: int
    inside_at: int


class PackedBooking(msgspec.Struct, array_like=True, frozen=True):
    """How a booking stands. `used_by` False: no use."""

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


PACK = msgspec.msgpack.Encoder().encode
"""Packs values in the form that the scripts unpack."""
_DAMAGED_BOOKING = "the ledger is damaged: a booking cannot be read"
_BOOKING = msgspec.msgpack.Decoder(PackedBooking).decode
_CHOICE = msgspec.msgpack.Decoder(_PackedChoice).decode
_VISIT = msgspec.msgpack.Decoder(_PackedVisit).decode


@dataclass(slots=True)
class HolderState:
    """One holder's rows: counters by (limit, period), choices by (group, period), visits by (service, point).

    `bookings`: by the entries that made them. `entries`: the number of the holder's entries.
    """

    entries: int = 0
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    choices: dict[tuple[str, str], ChoiceRow] = field(default_factory=dict)
    visits: dict[tuple[str, str], VisitRow] = field(default_factory=dict)
    bookings: set[int] = field(default_factory=set)

    def fields(self) -> dict[str, bytes]:
        """Return the hash of this state, without `n`, which the scripts count themselves."""
        spelt = {_name("c", key): str(used).encode() for key, used in self.counters.items() if used}
        spelt |= {_name("x", key): _packed_choice(row) for key, row in self.choices.items()}
        spelt |= {_name("v", key): _packed_visit(row) for key, row in self.visits.items()}
        return spelt | {f"b\0{seq}": b"" for seq in self.bookings}

    def rows(self, holder: str) -> list[KeptRow]:
        """Return a holder's counters, choices and visits as rows; a counter of zero has no row."""
        counters = [CounterRow(holder, *key, used) for key, used in self.counters.items() if used]
        return [*counters, *self.choices.values(), *self.visits.values()]


def states_of(rows: Iterable[KeptRow]) -> dict[str, HolderState]:
    """Return the states of the holders in these rows, by the holder's name, without their numbers of entries."""
    found: dict[str, HolderState] = {}
    for row in rows:
        match row:
            case CounterRow():
                found.setdefault(row.holder, HolderState()).counters[row.limit, row.period] = row.used
            case ChoiceRow():
                found.setdefault(row.holder, HolderState()).choices[row.group, row.period] = row
            case VisitRow():
                found.setdefault(row.holder, HolderState()).visits[row.service, row.point] = row
            case BookingRow():
                found.setdefault(row.holder, HolderState()).bookings.add(row.seq)
            case _:
                pass  # Not kept in a holder's hash
    return found


def packed_booking(row: BookingRow) -> bytes:
    """Return a booking as the server keeps it."""
    place = row.holder, row.service, row.point, row.state.value, row.holds, row.held_by
    used_by = False if row.used_by is None else row.used_by
    return PACK(PackedBooking(*place, used_by, row.scheduled_at, row.expected_at, row.opens_at, row.closes_at))


def read_booking(seq: int, packed: bytes) -> BookingRow:
    """Return how the booking made by an entry stands. Raises LedgerUnavailable if the row is damaged."""
    return booking_row(seq, unpacked_booking(packed))


def unpacked_booking(packed: bytes) -> PackedBooking:
    """Return a booking as the server keeps it. A search tries thousands in this form, and makes rows of what fits.

    Raises LedgerUnavailable if the row is damaged.
    """
    try:
        return _BOOKING(packed)
    except UNREADABLE as error:
        raise LedgerUnavailable(_DAMAGED_BOOKING) from error


def booking_row(seq: int, one: PackedBooking) -> BookingRow:
    """Return the row of a booking from what the server keeps. Raises LedgerUnavailable if the row is damaged."""
    try:
        used_by = None if one.used_by is False else int(one.used_by)
        bounds = one.scheduled_at, one.expected_at, one.opens_at, one.closes_at
        place = one.holder, one.service, one.point
        return BookingRow(seq, *place, BookingState(one.state), one.holds, one.held_by, used_by, *bounds)
    except ValueError as error:
        raise LedgerUnavailable(_DAMAGED_BOOKING) from error


def stay_member(row: StayRow) -> str:
    """Return a use in the form that the sorted set of its line keeps; its instant is the score."""
    return f"{row.seq:012d}:{row.ends_at}:{int(row.opens)}"


def read_stay(line: tuple[str, str, str], member: bytes, at: float) -> StayRow:
    """Return the use in a line (holder, service, point) from its member and its score. Raises LedgerUnavailable."""
    try:
        seq, ends_at, opens = member.split(b":")
        return StayRow(*line, int(at), int(seq), int(ends_at), opens == b"1")
    except ValueError as error:
        raise LedgerUnavailable("the ledger is damaged: a line of uses cannot be read") from error


def read_state(holder: str, fields: Mapping[bytes, bytes]) -> HolderState:
    """Return the state in a holder's hash. Raises LedgerUnavailable if the hash is damaged."""
    try:
        return _state(holder, fields)
    except (ValueError, *UNREADABLE) as error:
        raise LedgerUnavailable("the ledger is damaged: a holder's state cannot be read") from error


def _state(holder: str, fields: Mapping[bytes, bytes]) -> HolderState:
    state = HolderState()
    for name, value in fields.items():
        kind, *rest = name.decode().split("\0")
        match kind, rest:
            case "n", []:
                state.entries = int(value)
            case "c", [limit, period]:
                state.counters[limit, period] = int(value)
            case "x", [group, period]:
                state.choices[group, period] = ChoiceRow(
                    holder, group, period, *msgspec.structs.astuple(_CHOICE(value))
                )
            case "v", [service, point]:
                state.visits[service, point] = _visit(holder, service, point, _VISIT(value))
            case "b", [seq]:
                state.bookings.add(int(seq))
            case _:
                raise ValueError(f"a field of no known kind: {kind!r}")
    return state


def _name(kind: str, key: tuple[str, str]) -> str:
    return f"{kind}\0{key[0]}\0{key[1]}"


def _packed_choice(row: ChoiceRow) -> bytes:
    return PACK(_PackedChoice(row.member, row.uses, row.service, row.at, row.entry))


def _packed_visit(row: VisitRow) -> bytes:
    left_at = False if row.left_at is None else row.left_at
    began = row.entry, row.started_at, row.ends_at, row.re_entries
    return PACK(_PackedVisit(*began, left_at, row.inside, row.inside_at))


def _visit(holder: str, service: str, point: str, one: _PackedVisit) -> VisitRow:
    left_at = None if one.left_at is False else int(one.left_at)
    began = one.entry, one.started_at, one.ends_at, one.re_entries
    return VisitRow(holder, service, point, *began, left_at, one.inside, one.inside_at)
