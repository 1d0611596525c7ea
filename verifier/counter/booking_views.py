"""A booking as a counter, a list or its holder sees it. Names are masked unless the right to names is there. No
store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cards.names import mask
from cards.programme.types import BookingRule, Programme, RequestRule, Text
from edge.instants import rfc3339
from ledger.bookings import Booking, BookingState
from verifier.counter.answers import BookingView, Words
from verifier.records.bookings import BookingDetails
from verifier.rules.bookings import BookingPlan, awaits_day, cancel_until
from verifier.rules.fields import HOLDER_NAME
from verifier.rules.wording import say_date, say_moment

_PHONE_SHOWN = 4


def booking_view(programme: Programme, booking: Booking, details: BookingDetails | None, *, names: bool) -> BookingView:
    """Return a booking as it is shown. With `names`, nothing is masked."""
    service, point = programme.services.get(booking.service), programme.points.get(booking.point)
    rule = None if service is None else programme.booking_rules.get(service.booking or "")
    fields = {} if details is None else details.fields
    shown = fields if names or rule is None else masked_fields(rule, fields)
    vehicles, board = fields.get("vehicle_count"), fields.get("name_board")
    held = booking.state is BookingState.HELD and rule is not None
    return BookingView(
        id=booking.id,
        service=booking.service,
        service_name=Words.of(Text(en=booking.service) if service is None else service.name),
        point=booking.point,
        point_name=Words.of(Text(en=booking.point) if point is None else point.name),
        kind="slot" if rule is None else rule.basis.value,
        state=booking.state.value,
        scheduled_at=rfc3339(booking.window.scheduled_at),
        expected_at=rfc3339(booking.window.expected_at),
        opens_at=rfc3339(booking.window.opens_at),
        closes_at=rfc3339(booking.window.closes_at),
        booked_at=rfc3339(booking.booked_at),
        channel=None if details is None else details.channel,
        party=None if details is None else details.party,
        vehicles=vehicles if isinstance(vehicles, int) else None,
        name_board=board if isinstance(board, bool) else None,
        details=dict(shown) if details is not None else None,
        cancel_until=rfc3339(cancel_until(booking, rule, programme.zone)) if held and rule is not None else None,
        told=None if details is None or details.told is None else details.told,
    )


def masked_fields(rule: BookingRule | RequestRule, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with names and telephones masked. Number plates stay, because staff at the kerb look for
    them.
    """
    kinds = {one.code: one.kind if one.personal else "" for one in rule.fields}
    return {code: _mask(kinds.get(code, "text"), code, value) for code, value in fields.items()}


def _mask(kind: str, code: str, value: Any) -> Any:  # noqa: ANN401 - a field's value as JSON has it
    if kind == "names" and isinstance(value, list):
        return [mask(str(name)) for name in value]
    if kind == "phone":
        return "*" * max(0, len(str(value)) - _PHONE_SHOWN) + str(value)[-_PHONE_SHOWN:]
    if kind in {"text", "note"}:
        return mask(str(value)) if code == HOLDER_NAME else "*"
    return value


def window_values(programme: Programme, booking: Booking, now: datetime) -> dict[str, Text]:
    """Return the values for a sentence about when a booking can be used."""
    zone, service = programme.zone, programme.services.get(booking.service)
    waits = service is not None and awaits_day(programme, service, booking, now)
    return ({"no_day": Text(zh="待安排", en="not set")} if waits else {}) | {
        "opens": say_moment(booking.window.opens_at, zone, now),
        "closes": say_moment(booking.window.closes_at, zone, now),
        "expected": say_moment(booking.window.expected_at, zone, now),
        "day": say_date(booking.window.expected_at, zone, now),
    }


def plan_values(programme: Programme, wanted: BookingPlan, now: datetime) -> dict[str, Text]:
    """Return the values for a sentence about when something can be booked."""
    zone = programme.zone
    opens = say_moment(wanted.first_call, zone, now)
    return {"opens": opens, "first_call": opens, "closes": say_moment(wanted.last_call, zone, now)}
