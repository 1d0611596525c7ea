"""Places that several holders compete for: a room at an hour, a seat of an event. Taken before the ledger holds a unit.

A holder's units lie in the holder's partition; a place is everybody's, so that it lies here, in the erasable store, one
for all verifiers (0141). A place is taken for one operation, and is the booking's once the ledger has answered. Whoever
can change this store can overfill a room; no unit, entry or grant follows from it.
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
"""How long a place waits for the ledger's answer before the ledger is asked what became of the operation."""
KEPT_AFTER: Final = timedelta(days=7)
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class BookedPlace:
    """What a booking takes: `units` of the `capacity` that `resource` has, from one instant to another."""

    resource: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    units: int = 1


@dataclass(frozen=True, slots=True)
class _Row:
    """A place taken."""

    id: str
    starts_at: int
    ends_at: int
    units: int
    booking: str | None
    asked: bytes | None
    made_at: int


class PlaceStore:
    """Keeps places taken. Each change is one transaction; those of one resource go one after the other."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database; operations are sealed under the server's secret."""
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
        """Take a place for an operation and return its name; None if it is full. The same operation has it already.

        `instead_of`: the booking that is changed, whose own place stands in nobody's way. `replay` asks the ledger what
        became of an operation whose answer nobody heard.
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
        """Take the place if there is room; else return those in the way whose operation was never answered."""
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
        except IntegrityError:  # another was first to name this resource: now there is a row to wait for
            connection.execute(mine.values(turn=PLACE_TURNS.c.turn + 1))

    def settle(self, name: str, booking: str) -> None:
        """Give a place to a booking, and free the booking's earlier place."""
        with self._database.write() as connection:
            found = PLACES.update().where(PLACES.c.id == name)
            if connection.execute(found.values(booking=booking, asked=None)).rowcount:
                connection.execute(PLACES.delete().where(PLACES.c.booking == booking, PLACES.c.id != name))

    def release(self, name: str) -> None:
        """Let a place go whose operation came to nothing."""
        with self._database.write() as connection:
            connection.execute(PLACES.delete().where(PLACES.c.id == name, PLACES.c.booking.is_(None)))

    def end(self, booking: str) -> None:
        """Let a booking's place go."""
        with self._database.write() as connection:
            connection.execute(PLACES.delete().where(PLACES.c.booking == booking))

    def move(self, resource: str, starts_at: datetime, ends_at: datetime) -> None:
        """Move all places of an event to the event's new time."""
        with self._database.write() as connection:
            self._turn(connection, resource)
            mine = PLACES.update().where(PLACES.c.resource == resource)
            connection.execute(mine.values(starts_at=to_epoch(starts_at), ends_at=to_epoch(ends_at)))

    def bookings(self, resource: str) -> tuple[str, ...]:
        """Return the bookings that have a place of a resource."""
        wanted = sa.select(PLACES.c.booking).where(PLACES.c.resource == resource, PLACES.c.booking.is_not(None))
        with self._database.read() as connection:
            return tuple(connection.execute(wanted.order_by(PLACES.c.made_at, PLACES.c.id)).scalars())

    def spans(self, resource: str, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime, int], ...]:
        """Return the taken spans of a resource between two instants: from, until, units; unanswered places too."""
        with self._database.read() as connection:
            rows = _overlapping(connection, resource, to_epoch(since), to_epoch(until))
        return tuple((from_epoch(row.starts_at), from_epoch(row.ends_at), row.units) for row in rows)

    def taken(self, resource: str) -> int:
        """Return how many units of an event are taken, unanswered ones among them."""
        wanted = sa.select(sa.func.coalesce(sa.func.sum(PLACES.c.units), 0)).where(PLACES.c.resource == resource)
        with self._database.read() as connection:
            return int(connection.execute(wanted).scalar_one())

    def resolve(self, at: datetime, replay: Callable[[Operation], Outcome | None]) -> int:
        """Settle or release every place whose operation was not answered in time; return how many there were."""
        late = to_epoch(at - UNANSWERED)
        wanted = sa.select(PLACES).where(PLACES.c.booking.is_(None), PLACES.c.made_at <= late)
        with self._database.read() as connection:
            rows = [_row(row) for row in connection.execute(wanted)]
        for row in rows:
            self._resolve(row, replay)
        return len(rows)

    def _resolve(self, row: _Row, replay: Callable[[Operation], Outcome | None]) -> None:
        """Ask the ledger what became of an operation: its booking keeps the place, else it is free."""
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
            return None  # a replaced secret: nobody waits for this place any more
        return Operation(subject, device, name, unb64u(request))


def operation_name(operation: Operation) -> str:
    """Return the name of the place that an operation takes: another request under the same id takes another."""
    said = [operation.subject, operation.device, operation.id, b64u(operation.request)]
    return b64u(digest(canonical({"place": said})))


def peak(taken: Iterable[tuple[int, int, int]], since: int) -> int:
    """Return how many units are taken at once at most, of spans (from, until, units) that end after `since`.

    A span ends before its end: what begins then meets it no more.
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
    """Whether what is taken of a place's resource leaves no room for the place."""
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
