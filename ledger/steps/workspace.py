"""What a step works on: one holder's part of a partition, which the step reads and changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ledger.leaf import Leaf
from ledger.state import BookingRow, ChoiceRow, MarkRow, StayRow, VisitRow
from ledger.values import Draft, ProofClaim
from ledger.writing import LogEnd


class Workspace(Protocol):
    """One holder's state during one change. Entries are named by `seq`. Times are in milliseconds.

    A read sees earlier writes of the step. The store makes all changes durable together, or none of them.
    """

    @property
    def holder(self) -> str:
        """The holder's name in the log, or an empty text if the change has no holder."""
        ...

    @property
    def end(self) -> LogEnd:
        """The end of the partition's log, including the entries that this step appended."""
        ...

    @property
    def at(self) -> int:
        """The instant to record."""
        ...

    def append(self, draft: Draft, kind: str, operation: str, **told: Any) -> Leaf:  # noqa: ANN401 - fields of the leaf
        """Append an entry to the partition. Raises LeafError if the fields make no entry."""
        ...

    def entry(self, seq: int) -> Leaf:
        """Return an entry of this partition. Raises LedgerUnavailable if the log lacks it."""
        ...

    def used(self, limit: str, period: str) -> int:
        """Return how many units of a limit the holder used in a period."""
        ...

    def add_used(self, limit: str, period: str, units: int) -> None:
        """Count units, or give them back if `units` is negative."""
        ...

    def choice(self, group: str, period: str) -> ChoiceRow | None:
        """Return the member to which an exclusion group is fixed, or None."""
        ...

    def write_choice(self, row: ChoiceRow) -> None:
        """Keep the member to which a group is fixed. With no uses left, the group is free again."""
        ...

    def marks(self, seq: int) -> MarkRow:
        """Return the entries that voided an entry and that ended its visit."""
        ...

    def mark_voided(self, seq: int, by: int) -> None:
        """Record that the entry `by` voided an entry."""
        ...

    def mark_left(self, seq: int, by: int) -> None:
        """Record that the entry `by` ended the visit of an entry."""
        ...

    def visit(self, service: str, point: str) -> VisitRow | None:
        """Return the last visit at a service and point, whether or not it is over, or None."""
        ...

    def write_visit(self, row: VisitRow) -> None:
        """Replace the last visit at its service and point."""
        ...

    def drop_visit(self, row: VisitRow) -> None:
        """Delete the last visit at its service and point."""
        ...

    def booking(self, seq: int) -> BookingRow | None:
        """Return the state of the booking that an entry made, for any holder, or None."""
        ...

    def write_booking(self, row: BookingRow) -> None:
        """Keep how a booking stands."""
        ...

    def stay(self, service: str, point: str, place: tuple[int, int]) -> StayRow | None:
        """Return the use at a place (instant, `seq`) of the line of uses at a service and point, or None."""
        ...

    def opening_stay(self, service: str, point: str, at: int) -> StayRow | None:
        """Return the use that opened the last visit at or before an instant, or None."""
        ...

    def stays_after(self, service: str, point: str, place: tuple[int, int]) -> Iterator[StayRow]:
        """Yield the uses after a place (instant, `seq`) of the line of uses at a service and point, in order."""
        ...

    def write_stay(self, row: StayRow) -> None:
        """Keep a use in its visit line."""
        ...

    def drop_stay(self, row: StayRow) -> None:
        """Remove a use from its visit line."""
        ...

    def spend(self, claim: ProofClaim) -> None:
        """Record that the change's device used its proof."""
        ...
