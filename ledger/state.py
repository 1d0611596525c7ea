"""What a ledger keeps of a partition beside its log, as values. All of this follows from the log (following.py).

Entries are named by their `seq` in the partition. Times are in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ledger import leaf
from ledger.answers import visit_state
from ledger.bookings import Booking, BookingState, Window
from ledger.millis import from_millis
from ledger.values import LedgerUnavailable, Taken, VisitState
from ledger.writing import charges_of, choice_of


@dataclass(frozen=True, slots=True)
class CounterRow:
    """How many units of a limit a holder used in a period."""

    holder: str
    limit: str
    period: str
    used: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What distinguishes this row from the other rows of its kind."""
        return self.holder, self.limit, self.period


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """The member to which an exclusion group is fixed, how many uses count for this choice, and the use that fixed
    it.
    """

    holder: str
    group: str
    period: str
    member: str
    uses: int
    service: str
    at: int
    entry: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What distinguishes this row from the other rows of its kind."""
        return self.holder, self.group, self.period

    def taken(self, partition: int) -> Taken:
        """Return the choice as callers see it."""
        entry = leaf.entry_id(partition, self.entry)
        return Taken(self.group, self.member, self.service, from_millis(self.at), entry)


@dataclass(frozen=True, slots=True)
class VisitRow:
    """The last visit at a service and point. `inside`: the entry by which its holder came in last, at `inside_at`."""

    holder: str
    service: str
    point: str
    entry: int
    started_at: int
    ends_at: int
    re_entries: int
    left_at: int | None
    inside: int
    inside_at: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What distinguishes this row from the other rows of its kind."""
        return self.holder, self.service, self.point

    def state(self, partition: int) -> VisitState:
        """Return the visit as callers see it."""
        opener = leaf.entry_id(partition, self.entry)
        return visit_state(opener, self.started_at, self.ends_at, self.re_entries, self.left_at)


@dataclass(frozen=True, slots=True)
class StayRow:
    """A use in the line of a holder's uses at a service and point. The use opens a visit, or lies in the visit before
    it.
    """

    holder: str
    service: str
    point: str
    at: int
    seq: int
    ends_at: int
    opens: bool

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What distinguishes this row from the other rows of its kind."""
        return self.holder, self.service, self.point, self.seq

    @property
    def place(self) -> tuple[int, int]:
        """The place in the line: the instant, then the order of the log."""
        return self.at, self.seq


@dataclass(frozen=True, slots=True)
class MarkRow:
    """The entry that voided an entry, and the entry that ended its visit."""

    seq: int
    voided_by: int | None = None
    left_by: int | None = None

    @property
    def key(self) -> tuple[int]:
        """What distinguishes this row from the other rows of its kind."""
        return (self.seq,)


@dataclass(frozen=True, slots=True)
class BookingRow:
    """How the booking made by entry `seq` stands.

    `holds`: whether its charges and choice are counted. `held_by`: the entry that counted them last. `used_by`: the
    last use of the booking.
    """

    seq: int
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

    @property
    def key(self) -> tuple[int]:
        """What distinguishes this row from the other rows of its kind."""
        return (self.seq,)

    def booking(self, partition: int, made: leaf.Leaf, held: leaf.Leaf) -> Booking:
        """Return the booking as callers see it. `made` is the entry that made the booking, `held` the entry that last
        counted its units.
        """
        return Booking(
            id=leaf.entry_id(partition, self.seq),
            holder=self.holder,
            service=self.service,
            point=self.point,
            state=self.state,
            window=Window(*map(from_millis, (self.scheduled_at, self.expected_at, self.opens_at, self.closes_at))),
            booked_at=made.recorded_at,
            charges=charges_of(held),
            choice=choice_of(held),
            holds=self.holds,
            held_by=leaf.entry_id(partition, self.held_by),
            used_by=None if self.used_by is None else leaf.entry_id(partition, self.used_by),
        )


KeptRow = CounterRow | ChoiceRow | VisitRow | StayRow | MarkRow | BookingRow
RowT = TypeVar("RowT", bound=KeptRow)


def stored_leaf(data: bytes) -> leaf.Leaf:
    """Return the entry in a store's bytes. Raises LedgerUnavailable if the bytes are damaged."""
    try:
        return leaf.decode(data)
    except leaf.LeafError as error:
        raise LedgerUnavailable(f"the ledger is damaged: {error}") from error


def seq_in(partition: int, entry_id: str) -> int | None:
    """Return the `seq` of an entry of this partition, or None if the id is malformed or names another partition."""
    try:
        found = leaf.split_id(entry_id)
    except leaf.LeafError:
        return None
    return found[1] if found[0] == partition else None
