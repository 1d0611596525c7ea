"""Instants as integer epoch milliseconds, the ledger's unit of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = timedelta(milliseconds=1)


def to_millis(at: datetime) -> int:
    """Return whole milliseconds since 1970-01-01T00:00:00Z, rounded down. Raises TypeError if `at` is naive."""
    return (at - _EPOCH) // _MILLI


def from_millis(millis: int) -> datetime:
    """Return the aware UTC instant of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=millis)
