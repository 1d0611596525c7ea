"""Events over HTTP: their office makes, moves and cancels them; anybody may see open events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.http import Authenticator
from accounts.rights import Right
from cards.programme.types import BookingBasis, Text
from edge.fields import instant_asked, invalid
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import rfc3339, rfc3339_or_none
from edge.limits import RateLimit
from edge.openapi import describe
from verifier.api.asking import Asking
from verifier.counter.answers import Code, Words
from verifier.desks.events import EventChange, EventDesk, EventSeen
from verifier.records.events import Event
from verifier.service import Verifier
from verifier.services.bookings.answers import Instant
from verifier.services.bookings.service import rule_of

EventCode = Annotated[
    str, Meta(pattern=r"^[A-Z0-9-]{3,20}$(?!\n)", description="As holders sign up for it: HR-2026-11.")
]
EventName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Seats = Annotated[int, Meta(ge=1, le=10_000, description="How many people there are seats for.")]


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name in both languages."""

    zh: EventName
    en: EventName


class EventRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new event."""

    code: EventCode
    service: Code
    name: Named
    starts_at: Instant
    ends_at: Instant
    capacity: Seats
    point: Code | None = None


class EventPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The changes of an event. Its bookings move with its day."""

    name: Named | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    capacity: Seats | None = None


class EventView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event: `taken` of its `capacity` seats are taken, `left` are open."""

    code: str
    service: str
    point: str
    name: Words
    starts_at: str
    ends_at: str
    capacity: int
    taken: int
    left: int
    cancelled_at: str | None = None


class EventChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An event after a change, and how many bookings moved or ended with it."""

    event: EventView
    moved: int = 0
    ended: int = 0
    server_time: str


class EventList(msgspec.Struct, frozen=True):
    """Events in the order of their beginning."""

    events: tuple[EventView, ...]
    server_time: str


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point's events."""

    point: Code


class OpenQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service's coming events."""

    service: Code


WRITES = frozenset({"not-permitted", "not-found", "invalid-field", "unavailable", "not-trusted", "clock-skew"})


def add_events(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add POST, GET and PATCH /v1/events, POST /v1/events/<code>/cancel."""
    desk = EventCalls(verifier, asking)

    @found.post("/v1/events")
    @describe(
        summary="Keep an event: its day, its seats",
        tag="events",
        body=EventRequest,
        answers={201: EventView},
        problems=WRITES | {"event-exists"},
        writes=True,
    )
    def keep_event() -> Response:
        return answer(desk.keep(read_body(EventRequest)), 201)

    @found.get("/v1/events")
    @describe(
        summary="A point's events and how full they are",
        tag="events",
        query=EventsQuery,
        answers={200: EventList},
        problems={"not-permitted", "invalid-field"},
    )
    def list_events() -> Response:
        return answer(desk.listed(read_query(EventsQuery).point, request_instant()))

    @found.patch("/v1/events/<code>")
    @describe(
        summary="Change an event; its bookings move with its day, each by an entry of its own",
        tag="events",
        body=EventPatch,
        answers={200: EventChanged},
        problems=WRITES | {"event-cancelled"},
        writes=True,
    )
    def change_event(code: str) -> Response:
        return answer(desk.change(code, read_body(EventPatch), request_instant()))

    @found.post("/v1/events/<code>/cancel")
    @describe(
        summary="Cancel an event and every booking of it",
        tag="events",
        answers={200: EventChanged},
        problems=WRITES,
        writes=True,
    )
    def cancel_event(code: str) -> Response:
        return answer(desk.cancel(code, request_instant()))


def add_open_events(
    found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: RateLimit
) -> None:
    """Add GET /v1/events/open, which anybody may call, with a limit."""
    desk = EventCalls(verifier, asking)

    @found.get("/v1/events/open")
    @describe(
        summary="Events to come, for whoever wants to sign up",
        tag="events",
        query=OpenQuery,
        answers={200: EventList},
        problems={"invalid-field", "too-many-requests"},
        auth="none",
    )
    def open_events() -> Response:
        limit.require(authenticate.source(request))
        return answer(desk.open(read_query(OpenQuery).service, request_instant()))


class EventCalls:
    """Reads and answers an office's calls about its events."""

    def __init__(self, verifier: Verifier, asking: Asking) -> None:
        """Ask `asking` for the caller."""
        self._verifier = verifier
        self._asking = asking
        self._desk = EventDesk(verifier)

    def keep(self, body: EventRequest) -> EventView:
        """Keep a new event."""
        caller = self._asking.authenticate(request)
        idempotency_key()
        service = self._asking.service(body.service)
        if rule_of(self._verifier.programme, service).basis is not BookingBasis.EVENT:
            raise invalid("$.service", "this service has no events")
        point = self._desk.place(caller, service, body.point)
        starts_at, ends_at = instant_asked("$.starts_at", body.starts_at), instant_asked("$.ends_at", body.ends_at)
        name = Text(zh=body.name.zh, en=body.name.en)
        event = Event(body.code, service.code, point.code, name, starts_at, ends_at, body.capacity)
        return _view(self._desk.keep(caller, event))

    def listed(self, named: str, at: datetime) -> EventList:
        """List a point's events."""
        caller = self._asking.authenticate(request)
        point = self._asking.point(caller, Right.BOOKINGS, named)
        return EventList(tuple(_view(one) for one in self._desk.listed(caller, point)), rfc3339(at))

    def open(self, service: str, at: datetime) -> EventList:
        """List a service's coming events."""
        found = self._verifier.store.events.listed(service=service, after=at)
        views = tuple(_view(self._desk.seen(one)) for one in found if one.cancelled_at is None)
        return EventList(views, rfc3339(at))

    def change(self, code: str, body: EventPatch, at: datetime) -> EventChanged:
        """Change an event. Its bookings move to the event's new time."""
        caller = self._asking.authenticate(request)
        self._desk.find(caller, code)
        idempotency_key()
        asked = EventChange(
            name=None if body.name is None else Text(zh=body.name.zh, en=body.name.en),
            starts_at=None if body.starts_at is None else instant_asked("$.starts_at", body.starts_at),
            ends_at=None if body.ends_at is None else instant_asked("$.ends_at", body.ends_at),
            capacity=body.capacity,
        )
        seen, moved = self._desk.change(caller, code, asked, at)
        return EventChanged(event=_view(seen), moved=moved, server_time=rfc3339(at))

    def cancel(self, code: str, at: datetime) -> EventChanged:
        """Cancel an event. If the call is sent again, it ends the bookings that had not ended yet."""
        caller = self._asking.authenticate(request)
        self._desk.find(caller, code)
        idempotency_key()
        seen, ended = self._desk.cancel(caller, code, at)
        return EventChanged(event=_view(seen), ended=ended, server_time=rfc3339(at))


def _view(seen: EventSeen) -> EventView:
    event = seen.event
    return EventView(
        code=event.code,
        service=event.service,
        point=event.point,
        name=Words.of(event.name),
        starts_at=rfc3339(event.starts_at),
        ends_at=rfc3339(event.ends_at),
        capacity=event.capacity,
        taken=seen.taken,
        left=seen.left,
        cancelled_at=rfc3339_or_none(event.cancelled_at),
    )
