"""Places for which several holders compete: a room at an hour, a seat of an event. A place is taken before the ledger
holds a unit.

A holder's units lie in the holder's partition. A place belongs to everybody, so it lies here, in the erasable store,
which all verifiers share (0141). A place is taken for one operation and belongs to the booking once the ledger has
answered. An attacker who can change this store can overfill a room, but gains no unit, entry or grant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from edge.database import Database
from edge.encoding import b64u, digest, unb64u
from edge.instants import from_epoch, to_epoch
from edge.sealing import Sealer, Unsealable
from edge.strictjson import canonical
from ledger.values import Operation, OperationConflict, Outcome
from verifier.records.tables import PLACE_TURNS, PLACES

UNANSWERED: Final = timedelta(seconds=60)
"""How long a place waits for the ledger's answer. After this time, the ledger is asked for the result of the
operation.
"""
KEPT_AFTER: Final = timedelta(days=7)
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class BookedPlace:
    """What a booking takes: `units` of the `capacity` of `resource`, from one instant to another."""

    resource: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    units: int = 1


@dataclass(frozen=True, slots=True)
class _Row:
    """A taken place."""

    id: str
    starts_at: int
    ends_at: int
    units: int
    booking: str | None
    asked: bytes | None
    made_at: int


class PlaceStore:
    """Keeps the taken places. Each change is one transaction. Changes of one resource wait for one another."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Operations are sealed under the server's secret."""
        self._database = database
        self._sealer = Sealer(secret, "booking-places")

    def take(
        self,
        place: BookedPlace,
        operation: Operation,
        at: datetime,
        replay: Callable[[Operation], Outcome | None],
        instead_of: str | None = None,
    ) -> str | None:
        """Take a place for an operation. Return its name, or None if the resource is full. If the same operation has
        the place already, return it.

        `instead_of`: the booking that is changed; its own place is not counted against it. `replay` asks the ledger for
        the result of an operation without an answer.
        """
        name = operation_name(operation)
        for _ in range(_TRIES):
            taken, waiting = self._try(place, name, operation, at, instead_of)
            if taken:
                return name
            if not waiting:
                return None
            for row in waiting:
                self._resolve(row, replay)
        return None

    def _try(
        self, place: BookedPlace, name: str, operation: Operation, at: datetime, instead_of: str | None
    ) -> tuple[bool, list[_Row]]:
        """Take the place if there is room. Otherwise return the places in the way whose operation was never
        answered.
        """
        starts_at, ends_at, now = to_epoch(place.starts_at), to_epoch(place.ends_at), to_epoch(at)
        with self._database.write() as connection:
            self._turn(connection, place.resource)
            if connection.execute(sa.select(sa.literal(1)).where(PLACES.c.id == name)).first() is not None:
                return True, []
            rows = _overlapping(connection, place.resource, starts_at, ends_at)
            others = [row for row in rows if instead_of is None or row.booking != instead_of]
            if (
                peak(((row.starts_at, row.ends_at, row.units) for row in others), starts_at) + place.units
                > place.capacity
            ):
                late = now - int(UNANSWERED.total_seconds())
                return False, [row for row in others if row.booking is None and row.made_at <= late]
            connection.execute(
                PLACES.insert().values(
                    id=name,
                    resource=place.resource,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    units=place.units,
                    asked=self._sealed(name, operation),
                    made_at=now,
                )
            )
        return True, []

    def _turn(self, connection: sa.Connection, resource: str) -> None:
        """Wait for another change of the same resource: both changes write its row, so the second waits."""
        mine = PLACE_TURNS.update().where(PLACE_TURNS.c.resource == resource)
        if connection.execute(mine.values(turn=PLACE_TURNS.c.turn + 1)).rowcount:
            return
        try:
            with connection.begin_nested():
                connection.execute(PLACE_TURNS.insert().values(resource=resource, turn=1))
        except IntegrityError:  # Another process was first to name this resource: now its row exists
            connection.execute(mine.values(turn=PLACE_TURNS.c.turn + 1))

    def settle(self, name: str, booking: str) -> None:
        """Give a place to a booking, and free the booking's earlier place."""
        with self._database.write() as connection:
            found = PLACES.update().where(PLACES.c.id == name)
            if connection.execute(found.values(booking=booking, asked=None)).rowcount:
                connection.execute(PLACES.delete().where(PLACES.c.booking == booking, PLACES.c.id != name))

    def release(self, name: str) -> None:
        """Free a place whose operation had no result."""
        with self._database.write() as connection:
            connection.execute(PLACES.delete().where(PLACES.c.id == name, PLACES.c.booking.is_(None)))

    def end(self, booking: str) -> None:
        """Free a booking's place."""
        with self._database.write() as connection:
            connection.execute(PLACES.delete().where(PLACES.c.booking == booking))

    def move(self, resource: str, starts_at: datetime, ends_at: datetime) -> None:
        """Move all places of an event to the event's new time."""
        with self._database.write() as connection:
            self._turn(connection, resource)
            mine = PLACES.update().where(PLACES.c.resource == resource)
            connection.execute(mine.values(starts_at=to_epoch(starts_at), ends_at=to_epoch(ends_at)))

    def bookings(self, resource: str) -> tuple[str, ...]:
        """Return the bookings that have a place in a resource."""
        wanted = sa.select(PLACES.c.booking).where(PLACES.c.resource == resource, PLACES.c.booking.is_not(None))
        with self._database.read() as connection:
            return tuple(connection.execute(wanted.order_by(PLACES.c.made_at, PLACES.c.id)).scalars())

    def spans(self, resource: str, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime, int], ...]:
        """Return the taken spans of a resource between two instants (from, until, units), including places without an
        answer.
        """
        with self._database.read() as connection:
            rows = _overlapping(connection, resource, to_epoch(since), to_epoch(until))
        return tuple((from_epoch(row.starts_at), from_epoch(row.ends_at), row.units) for row in rows)

    def taken(self, resource: str) -> int:
        """Return how many units of an event are taken, including those without an answer."""
        wanted = sa.select(sa.func.coalesce(sa.func.sum(PLACES.c.units), 0)).where(PLACES.c.resource == resource)
        with self._database.read() as connection:
            return int(connection.execute(wanted).scalar_one())

    def resolve(self, at: datetime, replay: Callable[[Operation], Outcome | None]) -> int:
        """Settle or free every place whose operation was not answered in time. Return their number."""
        late = to_epoch(at - UNANSWERED)
        wanted = sa.select(PLACES).where(PLACES.c.booking.is_(None), PLACES.c.made_at <= late)
        with self._database.read() as connection:
            rows = [_row(row) for row in connection.execute(wanted)]
        for row in rows:
            self._resolve(row, replay)
        return len(rows)

    def _resolve(self, row: _Row, replay: Callable[[Operation], Outcome | None]) -> None:
        """Ask the ledger for the result of an operation: its booking keeps the place, or the place is free."""
        operation = self._opened(row)
        try:
            outcome = None if operation is None else replay(operation)
        except OperationConflict:
            outcome = None
        if outcome is not None and outcome.granted and outcome.booking is not None:
            self.settle(row.id, outcome.booking)
        else:
            self.release(row.id)

    def _sealed(self, name: str, operation: Operation) -> bytes:
        said = [operation.subject, operation.device, operation.id, b64u(operation.request)]
        return self._sealer.seal(json.dumps(said).encode(), name)

    def _opened(self, row: _Row) -> Operation | None:
        try:
            subject, device, name, request = json.loads(self._sealer.open(row.asked or b"", row.id))
        except Unsealable:
            return None  # After the secret was replaced: nobody waits for this place any more
        return Operation(subject, device, name, unb64u(request))


def operation_name(operation: Operation) -> str:
    """Return the name of the place that an operation takes. Another request under the same id takes another place."""
    said = [operation.subject, operation.device, operation.id, b64u(operation.request)]
    return b64u(digest(canonical({"place": said})))


def peak(taken: Iterable[tuple[int, int, int]], since: int) -> int:
    """Return the most units that are taken at the same time by spans (from, until, units) that end after `since`.

    A span does not include its end: a span that begins there does not overlap it.
    """
    steps = sorted(
        step for begins, ends, units in taken for step in ((max(begins, since), 1, units), (ends, 0, -units))
    )
    most = now = 0
    for _, _, units in steps:
        now += units
        most = max(most, now)
    return most


def is_full(place: BookedPlace, taken: Iterable[tuple[datetime, datetime, int]]) -> bool:
    """Return whether the taken units of a place's resource leave no room for the place."""
    spans = ((to_epoch(begins), to_epoch(ends), units) for begins, ends, units in taken)
    return peak(spans, to_epoch(place.starts_at)) + place.units > place.capacity


def _overlapping(connection: sa.Connection, resource: str, starts_at: int, ends_at: int) -> list[_Row]:
    wanted = sa.select(PLACES).where(
        PLACES.c.resource == resource, PLACES.c.starts_at < ends_at, PLACES.c.ends_at > starts_at
    )
    return [_row(row) for row in connection.execute(wanted)]


def _row(row: sa.Row[Any]) -> _Row:
    return _Row(row.id, row.starts_at, row.ends_at, row.units, row.booking, row.asked, row.made_at)


def room_of(service: str, point: str) -> str:
    """Return the resource of a service that is booked by slots at a point."""
    return f"room:{service}@{point}"


def seats_of(event: str) -> str:
    """Return the resource of an event."""
    return f"event:{event}"
