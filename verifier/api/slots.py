"""The hours of a day that can still be booked. Anybody may see them, since they do not show who booked the others."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.http import Authenticator
from cards.programme.types import BookingBasis
from edge.fields import invalid
from edge.http import answer, read_query, request_instant
from edge.instants import InstantError, day_asked, rfc3339
from edge.limits import RateLimit
from edge.openapi import describe
from verifier.api.asking import Asking
from verifier.counter.answers import Code
from verifier.records.places import room_of
from verifier.rules.bookings import span_of_day
from verifier.rules.slots import TimeSpan, free_spans, open_spans
from verifier.service import Verifier
from verifier.services.bookings.service import point_of, rule_of


class SlotsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that is booked by slots, and a local day. Without a point, the service's first point is meant."""

    service: Code
    on: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")]
    point: Code | None = None


class SlotView(msgspec.Struct, frozen=True):
    """From one instant to another, RFC 3339."""

    starts_at: str
    ends_at: str


class FreeSlots(msgspec.Struct, frozen=True, kw_only=True):
    """A point's day: its `open` hours and its `free` spans. `bounded` is false if the hours are not known."""

    service: str
    point: str
    on: str
    bounded: bool
    open: tuple[SlotView, ...]
    free: tuple[SlotView, ...]
    server_time: str


def add_slots(
    found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: RateLimit
) -> None:
    """Add GET /v1/slots, which anybody may call, with a limit."""

    @found.get("/v1/slots")
    @describe(
        summary="The hours of a day that can still be booked of a room or a visit",
        tag="bookings",
        query=SlotsQuery,
        answers={200: FreeSlots},
        problems={"invalid-field", "too-many-requests"},
        auth="none",
    )
    def slots() -> Response:
        limit.require(authenticate.source(request))
        return answer(_slots(verifier, asking, read_query(SlotsQuery), request_instant()))


def _slots(verifier: Verifier, asking: Asking, asked: SlotsQuery, at: datetime) -> FreeSlots:
    programme, service = verifier.programme, asking.service(asked.service)
    if rule_of(programme, service).basis is not BookingBasis.SLOT:
        raise invalid("$.service", "this service is not booked by slots")
    point, day = point_of(programme, service, asked.point or ""), _day(asked.on)
    opened = open_spans(point, day, programme.zone)
    since, until = span_of_day(day, programme.zone)
    taken = verifier.store.places.spans(room_of(service.code, point.code), since, until)
    whole = opened if point.hours else ((since, until),)
    free = whole if service.capacity is None else free_spans(whole, taken, service.capacity)
    return FreeSlots(
        service=service.code,
        point=point.code,
        on=asked.on,
        bounded=bool(point.hours),
        open=_views(opened),
        free=_views(free),
        server_time=rfc3339(at),
    )


def _views(spans: tuple[TimeSpan, ...]) -> tuple[SlotView, ...]:
    return tuple(SlotView(rfc3339(starts_at), rfc3339(ends_at)) for starts_at, ends_at in spans)


def _day(text: str) -> date:
    try:
        return day_asked(text)
    except InstantError:
        raise invalid("$.on", "a date such as 2026-10-31 is expected") from None
