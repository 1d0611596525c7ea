"""Refusals before step 4: nothing of such a card is believed, and a device that shows many fills no permanent log."""

from __future__ import annotations

from edge.limits import RateLimit
from edge.metrics import count_unlogged_refusal
from edge.problems import Problem


def admit_early(limit: RateLimit, device: str) -> None:
    """Let one be recorded, so many for a device; Problem too-many-requests for what is beyond, which is counted."""
    wait = limit.take(device)
    if wait is not None:
        count_unlogged_refusal()
        raise Problem("too-many-requests", "this device showed too many cards that are not genuine", retry_after=wait)
