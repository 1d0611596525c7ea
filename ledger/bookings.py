"""Bookings as the ledger knows them: operations that hold units until the booking is used, cancelled or missed. Values
alone.

A booking's id is the id of the entry that made it. Its state follows from the log (docs/log-format.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.values import Charge, CheckIn, Choice, Draft


class BookingState(StrEnum):
    """What became of a booking. Held and used bookings count their units. The programme decides what a missed booking
    counts.
    """

    HELD = "held"
    USED = "used"
    CANCELLED = "cancelled"
    MISSED = "missed"


class ChangeKind(StrEnum):
    """How a booking is changed: by its holder's wish, by its carrier, by a supervisor."""

    REBOOKED = "rebooked"
    DELAYED = "delayed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Window:
    """When a booking can be used; both bounds are included. `scheduled_at` fixed the period of the booking; a delay
    moves the other instants.
    """

    scheduled_at: datetime
    expected_at: datetime
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as it stands now. `holder` is the holder's name in the log.

    `holds`: whether its charges and choice are counted; `held_by`: the entry that counted them last; `used_by`: the
    check-in that used it last.
    """

    id: str
    holder: str
    service: str
    point: str
    state: BookingState
    window: Window
    booked_at: datetime
    charges: tuple[Charge, ...]
    choice: Choice | None
    holds: bool
    held_by: str
    used_by: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A booking to make. `wish` is judged like a check-in, without a visit and without an earlier booking. If it is
    granted, its charges and its choice are counted at once.
    """

    wish: CheckIn
    window: Window


@dataclass(frozen=True, slots=True)
class BookingChange:
    """A change of the booking `booking`: all or nothing. If the change is refused, the booking stays as it was.

    `draft` names the service and the point that the booking has from now on. A rebooking takes `charges` and `choice`
    before it gives back what was held. A delay counts nothing. A reopening takes again what the booking held, if that
    was given back. `subject`: the holder whose booking it must be, if the holder asks. `findings` and `order` as in
    CheckIn.
    """

    device: str
    id: str
    request: bytes
    at: datetime
    keep_until: datetime
    booking: str
    draft: Draft
    kind: ChangeKind
    window: Window
    subject: str | None = None
    findings: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    charges: tuple[Charge, ...] = ()
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class BookingEnd:
    """The end of a held booking: cancelled (`missed` is False; what the booking holds is given back) or missed
    (`consume`: its units stay counted).

    A booking can be missed only after its window. `refusal`: the reason that was found against the change before. The
    ledger raises it as TargetState if the operation is new. `subject`: the holder whose booking it must be, if the
    holder asks.
    """

    device: str
    id: str
    request: bytes
    at: datetime
    keep_until: datetime
    booking: str
    draft: Draft
    reason: str
    missed: bool = False
    consume: bool = False
    subject: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class BookingQuery:
    """A search of bookings by expected time. Spans of time are half-open. `over_at`: only bookings whose window closed
    before this instant.
    """

    subject: str | None = None
    point: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    over_at: datetime | None = None
    states: frozenset[BookingState] | None = None
    limit: int = 500
