"""How often a call is sent again, and how long is waited before: growing delays, or as long as the server asks."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime


def _share() -> float:
    """A random number from 0 to 1: callers that failed together come back apart."""
    return secrets.randbelow(1001) / 1000


@dataclass(frozen=True, slots=True)
class Patience:
    """At most `attempts` in all. Before the second `first_seconds` are waited, twice as long before each further one,
    never longer than `longest_seconds`; half of each delay is left to chance (`share`, 0 to 1).

    A server that asks for more than `longest_seconds` (`Retry-After`) is not asked again: the error says how long.
    """

    attempts: int = 6
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    share: Callable[[], float] = _share

    def delay(self, made: int, asked: float | None) -> float | None:
        """Return the seconds to wait after `made` attempts, or None if it is time to give up; `asked` by the server."""
        if made >= self.attempts or (asked is not None and asked > self.longest_seconds):
            return None
        grown = min(self.first_seconds * 2.0 ** (made - 1), self.longest_seconds)
        return max(grown * (0.5 + self.share() / 2), asked or 0.0)


def retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds of a header `Retry-After` (RFC 9110 §10.2.3): a number or a date; None for neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip())
    try:
        until: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(until.timestamp() - now, 0.0)
