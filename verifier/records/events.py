"""Events in the store: code, day, seats, version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from cards.programme.types import Text
from edge.database import Database
from edge.instants import from_epoch, to_epoch
from edge.problems import Problem, ProblemKind, register_problem
from verifier.records.tables import EVENTS

for _kind in (
    ProblemKind(
        "event-exists",
        409,
        "活动编号已存在",
        "An event with this code exists already",
        "Change this event, or use another code.",
    ),
    ProblemKind("event-cancelled", 409, "活动已取消", "The event is cancelled", "Make a new event."),
):
    register_problem(_kind)


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its place, time and number of seats. `version` rises with every change."""

    code: str
    service: str
    point: str
    name: Text
    starts_at: datetime
    ends_at: datetime
    capacity: int
    version: int = 1
    cancelled_at: datetime | None = None


class EventStore:
    """Keeps events. Each change is one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def add(self, event: Event) -> Event:
        """Keep a new event. The same event again changes nothing. Problem `event-exists` for another event with its
        code.
        """
        try:
            with self._database.write() as connection:
                connection.execute(EVENTS.insert().values(_row(event)))
        except IntegrityError:
            if self.find(event.code) != event:
                raise Problem("event-exists") from None
        return event

    def change(self, event: Event) -> Event:
        """Replace the event with the same code. The version rises by one if the event differs."""
        with self._database.write() as connection:
            rows = self._read(connection.execute(sa.select(EVENTS).where(EVENTS.c.code == event.code)))
            if not rows:
                raise Problem("not-found")
            kept = rows[0]
            if kept.cancelled_at is not None and event.cancelled_at is None:
                raise Problem("event-cancelled")
            if replace(event, version=kept.version) == kept:
                return kept
            changed = replace(event, version=kept.version + 1)
            connection.execute(EVENTS.update().where(EVENTS.c.code == event.code).values(_row(changed)))
        return changed

    def find(self, code: str) -> Event | None:
        """Return an event."""
        with self._database.read() as connection:
            found = self._read(connection.execute(sa.select(EVENTS).where(EVENTS.c.code == code)))
        return found[0] if found else None

    def listed(
        self, *, point: str | None = None, service: str | None = None, after: datetime | None = None
    ) -> list[Event]:
        """Return events by their beginning: those of a point, of a service, or those that end after an instant."""
        wanted = sa.select(EVENTS).order_by(EVENTS.c.starts_at, EVENTS.c.code).limit(500)
        for column, value in ((EVENTS.c.point, point), (EVENTS.c.service, service)):
            wanted = wanted if value is None else wanted.where(column == value)
        if after is not None:
            wanted = wanted.where(EVENTS.c.ends_at > to_epoch(after))
        with self._database.read() as connection:
            return self._read(connection.execute(wanted))

    def _read(self, rows: Iterable[sa.Row[Any]]) -> list[Event]:
        return [
            Event(
                code=row.code,
                service=row.service,
                point=row.point,
                name=Text(zh=row.name_zh, en=row.name_en),
                starts_at=from_epoch(row.starts_at),
                ends_at=from_epoch(row.ends_at),
                capacity=row.capacity,
                version=row.version,
                cancelled_at=None if row.cancelled_at is None else from_epoch(row.cancelled_at),
            )
            for row in rows
        ]


def _row(event: Event) -> dict[str, object]:
    return {
        "code": event.code,
        "service": event.service,
        "point": event.point,
        "name_zh": event.name.zh or event.name.en,
        "name_en": event.name.en or event.name.zh,
        "starts_at": to_epoch(event.starts_at),
        "ends_at": to_epoch(event.ends_at),
        "capacity": event.capacity,
        "version": event.version,
        "cancelled_at": None if event.cancelled_at is None else to_epoch(event.cancelled_at),
    }
