"""When a point is open for slots, and which hours of a day are still free. Pure, by the programme's local days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from cards.programme.types import BookingBasis, BookingRule, Point
from verifier.rules.fields import Fields

TimeSpan = tuple[datetime, datetime]
TakenSpan = tuple[datetime, datetime, int]
"""A span (from, until) and how many units are taken in it."""


def open_spans(point: Point, day: date, zone: ZoneInfo) -> tuple[TimeSpan, ...]:
    """Return the opening hours of a point on a local day, in order, or nothing for a closed day."""
    found = (hours for hours in point.hours if day.weekday() in hours.days)
    return tuple(sorted((_at(day, hours.opens, zone), _at(day, hours.closes, zone)) for hours in found))


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def outside_hours(rule: BookingRule, point: Point, fields: Fields, zone: ZoneInfo) -> str | None:
    """Return the message about a slot outside the point's hours, or None if the slot is within them or no hours are
    set.

    A visit without an end must begin within the hours.
    """
    if rule.basis is not BookingBasis.SLOT or fields.starts_at is None or not point.hours:
        return None
    starts_at, ends_at = fields.starts_at, fields.ends_at
    day = starts_at.astimezone(zone).date()
    spans = open_spans(point, day, zone)
    if any(opens <= starts_at < closes and (ends_at is None or ends_at <= closes) for opens, closes in spans):
        return None
    if not spans:
        return "the place is closed on that day"
    said = ", ".join(f"{opens.astimezone(zone):%H:%M} to {closes.astimezone(zone):%H:%M}" for opens, closes in spans)
    return f"on that day the place is open from {said}"


def free_spans(spans: Sequence[TimeSpan], taken: Sequence[TakenSpan], capacity: int) -> tuple[TimeSpan, ...]:
    """Return the parts of some spans in which `taken` leaves room for one more of `capacity`."""
    full = [*_full(taken, capacity)]
    return tuple(part for span in spans for part in _without(span, full))


def _full(taken: Sequence[TakenSpan], capacity: int) -> Iterator[TimeSpan]:
    """Yield the spans in which every unit is taken, in order."""
    edges = sorted({edge for begins, ends, _ in taken for edge in (begins, ends)})
    for begins, ends in pairwise(edges):
        if sum(units for since, until, units in taken if since <= begins and ends <= until) >= capacity:
            yield begins, ends


def _without(span: TimeSpan, full: Iterable[TimeSpan]) -> Iterator[TimeSpan]:
    since, until = span
    for begins, ends in full:
        if begins >= until or ends <= since:
            continue
        if begins > since:
            yield since, begins
        since = ends
    if since < until:
        yield since, until
