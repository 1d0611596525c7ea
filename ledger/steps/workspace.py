"""What a step works on: one holder's part of a partition, read as the step asks and changed as the step says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ledger.leaf import Leaf
from ledger.state import BookingRow, ChoiceRow, MarkRow, StayRow, VisitRow
from ledger.values import Draft, ProofClaim
from ledger.writing import LogEnd


class Workspace(Protocol):
    """One holder's state while one change is made. Entries are named by `seq`, times are in milliseconds.

    Reads see what the step has written before. The store makes everything durable together, or nothing of it.
    """

    @property
    def holder(self) -> str:
        """The holder's name in the log; empty where the change has no holder."""
        ...

    @property
    def end(self) -> LogEnd:
        """The end of the partition's log, the entries appended by this step among them."""
        ...

    @property
    def at(self) -> int:
        """The instant to record."""
        ...

    def append(self, draft: Draft, kind: str, operation: str, **told: Any) -> Leaf:  # noqa: ANN401 - fields of the leaf
        """Put an entry at the end of the partition. Raises LeafError if the fields make none."""
        ...

    def entry(self, seq: int) -> Leaf:
        """Return an entry of this partition. Raises LedgerUnavailable if the log lacks it."""
        ...

    def used(self, limit: str, period: str) -> int:
        """Return how many units of a limit the holder used in a period."""
        ...

    def add_used(self, limit: str, period: str, units: int) -> None:
        """Count units; give them back where `units` lies below zero."""
        ...

    def choice(self, group: str, period: str) -> ChoiceRow | None:
        """Return what an exclusion group is fixed to."""
        ...

    def write_choice(self, row: ChoiceRow) -> None:
        """Keep what a group is fixed to; with no uses left the group is free again."""
        ...

    def marks(self, seq: int) -> MarkRow:
        """Return by which entries an entry was voided and left."""
        ...

    def mark_voided(self, seq: int, by: int) -> None:
        """Note that an entry was taken back by the entry `by`."""
        ...

    def mark_left(self, seq: int, by: int) -> None:
        """Note that the entry `by` closed the visit of an entry."""
        ...

    def visit(self, service: str, point: str) -> VisitRow | None:
        """Return the last visit at a service and point, over or not."""
        ...

    def write_visit(self, row: VisitRow) -> None:
        """Put a visit in the place of the last one at its service and point."""
        ...

    def drop_visit(self, row: VisitRow) -> None:
        """Forget the last visit at its service and point."""
        ...

    def booking(self, seq: int) -> BookingRow | None:
        """Return the state of the booking that an entry made, for any holder."""
        ...

    def write_booking(self, row: BookingRow) -> None:
        """Keep how a booking stands."""
        ...

    def stay(self, service: str, point: str, place: tuple[int, int]) -> StayRow | None:
        """Return the use at a place (instant, `seq`) of the line of uses at a service and point."""
        ...

    def opening_stay(self, service: str, point: str, at: int) -> StayRow | None:
        """Return the use that opened the last visit at or before an instant."""
        ...

    def stays_after(self, service: str, point: str, place: tuple[int, int]) -> Iterator[StayRow]:
        """Yield the uses that stand after a place (instant, `seq`) of the line, in order."""
        ...

    def write_stay(self, row: StayRow) -> None:
        """Keep a use in its line."""
        ...

    def drop_stay(self, row: StayRow) -> None:
        """Take a use out of its line."""
        ...

    def spend(self, claim: ProofClaim) -> None:
        """Note that the change's proof was used by its device."""
        ...
