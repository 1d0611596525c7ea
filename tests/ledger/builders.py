"""Changes with sensible defaults, so that a test shows only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from ledger.bookings import BookingChange, BookingEnd, ChangeKind, Hold, Window
from ledger.interface import Ledger
from ledger.values import Charge, CheckIn, CheckOut, Choice, Draft, Fault, Operation, ProofClaim, VisitWindow, Void

START = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
KEPT = timedelta(days=7)
HOLDER = "Zm9vYmFyYmF6cXV4MTIzNA"
ORDER = ("not-offered-here", "already-in", "quota-spent", "excluded", "service-not-open", "not-entitled")
GYM_VISIT = VisitWindow(timedelta(hours=2), re_entries=1)

_numbers = count(1)


def fresh_id() -> str:
    """Return an operation id not used before in this process."""
    return f"operation-{next(_numbers):06d}"


def a_draft(**changes) -> Draft:
    """A phone card of silver at the gym's door."""
    draft = Draft(
        point="gym",
        department="culture-bureau",
        service="gym-visit",
        device="tablet-1",
        caller="device",
        programme="2026.1",
        bundle=1,
        tier="silver",
        form="phone",
        assurance="proved",
        card="Y2FyZC1vZi10aGUtaG9sZA",
    )
    return replace(draft, **changes)


def a_charge(maximum: int = 2, *, limit: str = "gym", period: str = "2026-10", units: int = 1) -> Charge:
    """A unit of two gym visits a month."""
    return Charge(limit, period, maximum, units)


def a_claim(proof: str = "proof-1", *, card: str = "Y2FyZC1vZi10aGUtaG9sZA", at: datetime = START) -> ProofClaim:
    """A proof of the default holder's card."""
    return ProofClaim(card, proof, at + KEPT)


def a_choice(member: str = "union", *, group: str = "annual-health", period: str = "2026") -> Choice:
    """The union's check-up, of the year's two."""
    return Choice(group, period, member)


def a_check_in(
    at: datetime = START,
    *,
    holder: str = HOLDER,
    device: str = "tablet-1",
    operation: str | None = None,
    request: bytes = b"r" * 32,
    draft: Draft | None = None,
    **changes,
) -> CheckIn:
    """A plain check-in: no limit, no visit, no proof."""
    change = CheckIn(
        operation=Operation(holder, device, operation or fresh_id(), request),
        at=at,
        keep_until=at + KEPT,
        draft=draft or a_draft(device=device),
        order=ORDER,
    )
    return replace(change, **changes)


def a_gym_visit(at: datetime = START, **changes) -> CheckIn:
    """A check-in at the gym: a unit of two a month, two hours, entered again once."""
    return a_check_in(at, **{"charges": (a_charge(),), "visit": GYM_VISIT, **changes})


def a_void(target: str, at: datetime = START, **changes) -> Void:
    """A void of the entry `target`, by the point's own staff."""
    void = Void(
        device="tablet-1",
        id=fresh_id(),
        request=b"v" * 32,
        at=at,
        keep_until=at + KEPT,
        target=target,
        draft=a_draft(card=None, tier=None, form=None, assurance=None),
        reason="scanned-by-mistake",
    )
    return replace(void, **changes)


def a_check_out(target: str, at: datetime = START, **changes) -> CheckOut:
    """A departure, now, from the visit of the entry `target`."""
    check_out = CheckOut(
        device="tablet-1",
        id=fresh_id(),
        request=b"o" * 32,
        at=at,
        keep_until=at + KEPT,
        target=target,
        draft=a_draft(card=None, tier=None, form=None, assurance=None),
        out_at=at,
    )
    return replace(check_out, **changes)


def a_window(scheduled_at: datetime, **changes) -> Window:
    """An airport's window: from four hours before to six hours after."""
    hour = timedelta(hours=1)
    window = Window(scheduled_at, scheduled_at, scheduled_at - 4 * hour, scheduled_at + 6 * hour)
    return replace(window, **changes)


FLIGHT = START + timedelta(hours=12)
A_TRIP = Charge("airport", "2026", 2)
BOOKING_ORDER = ("booking-needed", "booking-too-early", "booking-missed", "booking-used", *ORDER)


def a_booking_draft(**changes) -> Draft:
    """A diamond holder's domestic departure."""
    return a_draft(**{"point": "air-dom", "service": "airport-dom-departure", "tier": "diamond", **changes})


def a_hold(at: datetime = START, *, window: Window | None = None, **changes) -> Hold:
    """A booked departure in twelve hours: a unit of two a year."""
    wish = a_check_in(
        at, **{"draft": a_booking_draft(), "charges": (A_TRIP,), "order": BOOKING_ORDER, "claim": None, **changes}
    )
    return Hold(wish, window or a_window(FLIGHT))


def a_use(booking: str, at: datetime = FLIGHT, **changes) -> CheckIn:
    """A check-in with a booking."""
    return a_check_in(at, **{"draft": a_booking_draft(), "booking": booking, "order": BOOKING_ORDER, **changes})


def a_change(booking: str, at: datetime = START, kind: ChangeKind = ChangeKind.REBOOKED, **changes) -> BookingChange:
    """A booking moved a day on, in the same year."""
    change = BookingChange(
        device="tablet-1",
        id=fresh_id(),
        request=b"c" * 32,
        at=at,
        keep_until=at + KEPT,
        booking=booking,
        draft=a_booking_draft(card=None, tier=None, form=None, assurance=None),
        kind=kind,
        window=a_window(FLIGHT + timedelta(days=1)),
        order=BOOKING_ORDER,
        charges=(A_TRIP,) if kind is ChangeKind.REBOOKED else (),
    )
    return replace(change, **changes)


def an_end(booking: str, at: datetime = START, **changes) -> BookingEnd:
    """A cancellation by the holder."""
    end = BookingEnd(
        device="tablet-1",
        id=fresh_id(),
        request=b"e" * 32,
        at=at,
        keep_until=at + KEPT,
        booking=booking,
        draft=a_booking_draft(card=None, tier=None, form=None, assurance=None),
        reason="by-holder",
    )
    return replace(end, **changes)


def faults(ledger: Ledger) -> list[Fault]:
    """What the ledger's check finds."""
    return [found for found in ledger.check() if isinstance(found, Fault)]
