"""Takes a place before the ledger's step, and gives it to the booking after the step (0141).

The order never changes: a booking that the ledger grants already has its place. A crash between the two steps leaves a
place without a booking. Another process that meets this place a minute later asks the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cards.programme.types import Point, Service
from ledger.bookings import BookingState
from ledger.interface import Ledger
from ledger.values import ClockSkew, Operation, OperationConflict, Outcome, TargetState
from verifier.records.events import Event
from verifier.records.places import BookedPlace, operation_name
from verifier.records.store import VerifierStore
from verifier.rules.fields import Fields
from verifier.services.bookings.events import event_of

SLOT_TAKEN: Final = "slot-taken"


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one operation.

    `name` is None if places are not counted, or if no place was free (then `full` is set).
    """

    name: str | None = None
    full: bool = False

    @property
    def findings(self) -> tuple[str, ...]:
        """The reasons against the booking."""
        return (SLOT_TAKEN,) if self.full else ()


class SeatService:
    """Takes places for bookings."""

    def __init__(self, ledger: Ledger, store: VerifierStore) -> None:
        """Take places in the store, and ask the ledger for the result of places without an answer."""
        self._ledger = ledger
        self._places = store.places
        self._events = store.events

    def event_of(self, service: Service, point: Point, fields: Fields) -> Event | None:
        """Return the event of a sign-up. Problem invalid-field for an unknown event."""
        return event_of(self._events, service, point, fields)

    @contextmanager
    def taking(
        self,
        place: BookedPlace | None,
        operation: Operation,
        at: datetime,
        *,
        wanted: bool,
        instead_of: str | None = None,
    ) -> Iterator[Seat]:
        """Take a place for the ledger's step inside the block. Give it back if the ledger wrote nothing.

        `wanted`: whether the booking would be granted apart from the place. While the ledger cannot answer
        (`unavailable`), the place is kept, because the change may have been written.
        """
        seat = self._taken(place, operation, at, instead_of) if wanted else Seat()
        try:
            yield seat
        except (OperationConflict, ClockSkew, TargetState):
            if seat.name is not None:
                self._places.release(seat.name)
            raise

    def _taken(self, place: BookedPlace | None, operation: Operation, at: datetime, instead_of: str | None) -> Seat:
        if place is None:
            return Seat()
        if self._ledger.kept(operation) is not None:
            return Seat(operation_name(operation))
        name = self._places.take(place, operation, at, self.became, instead_of)
        return Seat(name, full=name is None)

    def conclude(self, seat: Seat, outcome: Outcome) -> None:
        """Give the place to its booking after the ledger has answered."""
        if seat.name is None:
            return
        booking = outcome.booking if outcome.granted else None
        if booking is not None and not (outcome.replayed and self._is_cancelled(booking)):
            self._places.settle(seat.name, booking)
        else:
            self._places.release(seat.name)

    def changed(self, seat: Seat, outcome: Outcome, booking: str) -> None:
        """Give the place to its booking after a change. A booking that moved gives back its earlier place."""
        if outcome.granted and not outcome.replayed and seat.name is None:
            self._places.end(booking)
        self.conclude(seat, outcome)

    def became(self, operation: Operation) -> Outcome | None:
        """Return the outcome of an operation, or None if no place belongs to it."""
        outcome = self._ledger.kept(operation)
        if outcome is None or outcome.booking is None or self._is_cancelled(outcome.booking):
            return None
        return outcome

    def _is_cancelled(self, booking: str) -> bool:
        found = self._ledger.booking(booking)
        return found is None or found.state is BookingState.CANCELLED
