"""Events that staff manage, each with its own day and number of seats. A sign-up is a booking with the event's code.

A sign-up needs an event: a code without an event gives no seat (0141).
"""

from __future__ import annotations

from typing import Final

from cards.programme.types import Point, Service
from edge.fields import invalid
from edge.problems import Problem
from verifier.records.events import Event, EventStore
from verifier.records.places import BookedPlace, room_of, seats_of
from verifier.rules.fields import Fields

EVENT_FIELD: Final = "event"
"""The field of a sign-up that names its event."""


def event_of(events: EventStore, service: Service, point: Point, fields: Fields) -> Event | None:
    """Return the event of a sign-up, or None for a booking of another kind. Problem invalid-field for a wrong code."""
    code = fields.values.get(EVENT_FIELD)
    if not isinstance(code, str):
        return None
    event = events.find(code)
    if event is None:
        raise _no_event("no event of this code is open for sign-up")
    if (event.service, event.point) != (service.code, point.code):
        raise _no_event("the event of this code is elsewhere")
    if event.cancelled_at is not None:
        raise _no_event("this event is cancelled")
    return event


def place_for(service: Service, point: Point, fields: Fields, event: Event | None) -> BookedPlace | None:
    """Return the place that a booking takes, or None if places are not counted."""
    if event is not None:
        return BookedPlace(seats_of(event.code), event.starts_at, event.ends_at, event.capacity, fields.party)
    if service.capacity is None or fields.starts_at is None or fields.ends_at is None:
        return None
    return BookedPlace(room_of(service.code, point.code), fields.starts_at, fields.ends_at, service.capacity)


def _no_event(message: str) -> Problem:
    return invalid(f"$.fields.{EVENT_FIELD}", message)
