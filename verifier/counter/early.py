"""Limits the refusals before step 4, so that a device with many unbelievable cards cannot fill the permanent log."""

from __future__ import annotations

from edge.limits import RateLimit
from edge.metrics import count_unlogged_refusal
from edge.problems import Problem


def admit_early(limit: RateLimit, device: str) -> None:
    """Let a refusal be recorded, a limited number for each device. Further refusals raise Problem too-many-requests and
    are counted.
    """
    wait = limit.take(device)
    if wait is not None:
        count_unlogged_refusal()
        raise Problem("too-many-requests", "this device showed too many cards that are not genuine", retry_after=wait)
