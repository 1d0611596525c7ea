"""Events of a point: their office makes, moves and cancels them together with their bookings, and sees who comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.rights import Caller, Right
from cards.programme.types import BookingBasis, Point, Service, Text
from edge.fields import invalid
from edge.problems import Problem
from ledger.bookings import BookingState
from verifier.records.events import Event
from verifier.records.places import seats_of
from verifier.service import Verifier
from verifier.services.bookings.asked import Asker, BookingAsked
from verifier.services.bookings.service import point_of, rule_of


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event, and how many of its seats are taken."""

    event: Event
    taken: int

    @property
    def left(self) -> int:
        """How many seats are open."""
        return max(0, self.event.capacity - self.taken)


@dataclass(frozen=True, slots=True)
class EventChange:
    """The changes of an event. None leaves a value unchanged."""

    name: Text | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    capacity: int | None = None


class EventDesk:
    """Manages events for a caller."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's services."""
        self._verifier = verifier

    def services(self, caller: Caller) -> tuple[tuple[Service, Point], ...]:
        """Return the services with events that a caller manages, each with its point."""
        programme = self._verifier.programme
        rules = programme.booking_rules
        return tuple(
            (service, point)
            for service in programme.services.values()
            if service.booking is not None and rules[service.booking].basis is BookingBasis.EVENT
            for point in programme.points.values()
            if service.code in point.services and caller.may(Right.BOOKINGS, point.code, service.code)
        )

    def keep(self, caller: Caller, event: Event) -> EventSeen:
        """Keep a new event. Problems: not-permitted, invalid-field, event-exists."""
        service = self._verifier.programme.services.get(event.service)
        if service is None or rule_of(self._verifier.programme, service).basis is not BookingBasis.EVENT:
            raise invalid("$.service", "this service has no events")
        caller.require(Right.BOOKINGS, event.point, event.service)
        _hold_span(event)
        return self.seen(self._verifier.store.events.add(event))

    def place(self, caller: Caller, service: Service, named: str | None) -> Point:
        """Return the point of a service's events: the named point, the caller's own, or the first."""
        point = point_of(self._verifier.programme, service, named or caller.point or "")
        if named is not None and point.code != named:
            raise invalid("$.point", "this service is not offered there")
        caller.require(Right.BOOKINGS, point.code, service.code)
        return point

    def listed(self, caller: Caller, point: Point) -> tuple[EventSeen, ...]:
        """Return a point's events by their beginning."""
        found = self._verifier.store.events.listed(point=point.code)
        return tuple(self.seen(one) for one in found if caller.may(Right.BOOKINGS, point.code, one.service))

    def find(self, caller: Caller, code: str) -> Event:
        """Return an event of a point where the caller has the right. Problem not-found for any other event."""
        event = self._verifier.store.events.find(code)
        if event is None or not caller.may(Right.BOOKINGS, event.point, event.service):
            raise Problem("not-found")
        return event

    def change(self, caller: Caller, code: str, asked: EventChange, at: datetime) -> tuple[EventSeen, int]:
        """Change an event, and move its bookings to its time. Return the event and how many bookings moved."""
        kept = self.find(caller, code)
        if kept.cancelled_at is not None:
            raise Problem("event-cancelled")
        told: dict[str, Any] = {
            "name": asked.name,
            "starts_at": asked.starts_at,
            "ends_at": asked.ends_at,
            "capacity": asked.capacity,
        }
        wanted = replace(kept, **{name: value for name, value in told.items() if value is not None})
        _hold_span(wanted)
        event = self._verifier.store.events.change(wanted)
        self._verifier.store.places.move(seats_of(code), event.starts_at, event.ends_at)
        moved = sum(self._moved(caller, event, booking, at) for booking in self.bookings(code))
        return self.seen(event), moved

    def cancel(self, caller: Caller, code: str, at: datetime) -> tuple[EventSeen, int]:
        """Cancel an event and its bookings. Return the event and how many bookings ended. A second call ends the
        bookings that the first call left.
        """
        kept = self.find(caller, code)
        event = self._verifier.store.events.change(replace(kept, cancelled_at=kept.cancelled_at or at))
        ended = sum(self._ended(caller, booking, at) for booking in self.bookings(code))
        return self.seen(event), ended

    def bookings(self, code: str) -> tuple[str, ...]:
        """Return the bookings of an event."""
        return self._verifier.store.places.bookings(seats_of(code))

    def seen(self, event: Event) -> EventSeen:
        """Return an event with its seats."""
        return EventSeen(event, self._verifier.store.places.taken(seats_of(event.code)))

    def _moved(self, caller: Caller, event: Event, booking: str, at: datetime) -> bool:
        found = self._verifier.bookings.booking(booking)
        if found is None or found.state is not BookingState.HELD or found.window.expected_at == event.starts_at:
            return False
        change = BookingAsked(f"event-{event.version}-{booking}", Asker.staff(caller), booking)
        self._verifier.bookings.delay(change, event.starts_at, at)
        return True

    def _ended(self, caller: Caller, booking: str, at: datetime) -> bool:
        found = self._verifier.bookings.booking(booking)
        if found is None or found.state is not BookingState.HELD:
            return False
        asked = BookingAsked(f"event-cancelled-{booking}", Asker.staff(caller), booking)
        self._verifier.bookings.cancel(asked, "organiser-cancelled", at)
        return True


def _hold_span(event: Event) -> None:
    if not event.starts_at < event.ends_at:
        raise invalid("$.ends_at", "an event ends after it begins")
