"""The source of the time. Rules never read a clock: they receive one instant, which is read once for each request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """Return the present instant as an aware UTC datetime."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time, aware UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved. The demonstration and the tests set it."""

    def __init__(self, at: datetime) -> None:
        """Start at `at`, an aware datetime of any zone. Raises ValueError if it is naive."""
        self._at = _aware_utc(at)

    def now(self) -> datetime:
        """Return the instant last set, aware UTC."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move to `at`, forwards or backwards. Raises ValueError if it is naive."""
        self._at = _aware_utc(at)

    def advance(self, step: timedelta) -> None:
        """Move by `step`, which may be negative."""
        self._at += step


def _aware_utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC)
