"""The events in the ledger's log for webhooks: uses and their changes, bookings, and the stages of requests and
matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from accounts.rights import DEPARTMENT
from edge.instants import rfc3339
from hooks.events import USAGE, HookEvent
from ledger.interface import Ledger
from ledger.leaf import USES, Leaf, decode
from ledger.millis import from_millis

_MARGIN: Final = timedelta(minutes=1)
"""More than the difference between the clocks of several servers."""
_FOLLOW_UPS: Final = {
    "booking-change": "booking.changed",
    "booking-cancel": "booking.cancelled",
    "booking-missed": "booking.missed",
}


class UsageLog:
    """The ledger's log as a source of events, read by partition and number."""

    log: str = USAGE

    def __init__(self, ledger: Ledger) -> None:
        """Read from a ledger, which returns only durable entries."""
        self._ledger = ledger

    def starts(self, since: datetime) -> Mapping[int, int]:
        """Return, for each partition, a number before all entries since an instant. It is found by bisection."""
        found = {
            partition: self._before(partition, end, since - _MARGIN) for partition, end in self._ledger.heads().items()
        }
        return {partition: place for partition, place in found.items() if place}

    def ends(self) -> Mapping[int, int]:
        """Return the last number of each partition that has an entry."""
        return self._ledger.heads()

    def read(self, partition: int, after: int, limit: int) -> list[tuple[int, HookEvent | None]]:
        """Return the entries after a number, each with its event, or with None."""
        leaves = [decode(data) for data in self._ledger.after(partition, after, limit)]
        return [(leaf.seq, event_of(leaf)) for leaf in leaves]

    def _before(self, partition: int, end: int, since: datetime) -> int:
        low, high = 0, end
        while low < high:
            middle = (low + high + 1) // 2
            leaf = decode(self._ledger.after(partition, middle - 1, 1)[0])
            low, high = (middle, high) if leaf.recorded_at < since else (low, middle - 1)
        return low


def event_of(leaf: Leaf) -> HookEvent | None:
    """Return the event of an entry, or None for a refusal and for entries that webhooks do not report."""
    kind = _kind(leaf)
    if kind is None or leaf.holder is None:
        return None
    told = {
        "point": leaf.point,
        "department": leaf.department,
        "service": leaf.service,
        "tier": leaf.tier,
        "target": leaf.target,
        "booking": leaf.id if kind == "booking.made" else leaf.booking,
        "change": leaf.change,
        "stage": leaf.stage,
        "reason": leaf.reason,
        "deadline": None if leaf.deadline is None else rfc3339(from_millis(leaf.deadline)),
        "window": _window(leaf),
    }
    return HookEvent(
        kind=kind,
        log=USAGE,
        entry=leaf.id,
        partition=leaf.partition,
        sequence=leaf.seq,
        at=leaf.recorded_at,
        told={name: value for name, value in told.items() if value is not None}
        | ({"used_at": rfc3339(leaf.happened_at)} if leaf.used_at is not None else {}),
        subject=("holder", leaf.holder),
        point=leaf.point,
        service=leaf.service,
    )


def _kind(leaf: Leaf) -> str | None:
    requested = leaf.point.startswith(DEPARTMENT)
    if leaf.outcome == "denied":
        return None
    if leaf.kind in USES:
        return "check_in.granted"
    if leaf.kind == "void":
        return "request.voided" if requested else "check_in.voided"
    if leaf.kind == "matter":
        return "request.stage" if requested else "matter.stage"
    if leaf.kind == "booking":
        return "booking.made"
    return "request.made" if leaf.kind == "request" else _FOLLOW_UPS.get(leaf.kind)


def _window(leaf: Leaf) -> Mapping[str, str] | None:
    if leaf.window is None:
        return None
    names = ("scheduled_at", "expected_at", "opens_at", "closes_at")
    return {name: rfc3339(from_millis(getattr(leaf.window, name))) for name in names}
