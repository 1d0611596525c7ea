"""Bookings as the ledger knows them: operations that hold units until used, cancelled or missed. Values alone.

A booking's id is the id of the entry that made it. Its state follows from the log (docs/log-format.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.values import Charge, CheckIn, Choice, Draft


class BookingState(StrEnum):
    """What became of a booking. Held and used ones count their units; a missed one as the programme says."""

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
    """When a booking can be used, both bounds included. `scheduled_at` fixed its period; a delay moves the others."""

    scheduled_at: datetime
    expected_at: datetime
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as it stands. `holder` is its holder's name in the log.

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
    """Books: `wish` is judged as a check-in is (no visit, no booking). Granted, charges and choice count at once."""

    wish: CheckIn
    window: Window


@dataclass(frozen=True, slots=True)
class BookingChange:
    """Changes the booking `booking`, all or nothing; refused, the booking stays as it was.

    `draft` names the service and point that it has from now on. Rebooked: `charges` and `choice` are taken before those
    held are given back. Delayed: nothing is counted. Reopened: what the booking held is taken again if it was given
    back. `subject`: whose it must be, where the holder asks. `findings` and `order` as in CheckIn.
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
    """Ends a held booking: cancelled (`missed` False, what it holds is given back) or missed (`consume`: kept counted).

    Missed only after its window. `refusal`: what was found against it before; raised as TargetState if the operation is
    new. `subject`: whose it must be, where the holder asks.
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
    """A search of bookings, by expected time. Instants are half-open; `over_at`: whose window closed before it."""

    subject: str | None = None
    point: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    over_at: datetime | None = None
    states: frozenset[BookingState] | None = None
    limit: int = 500
