"""How often a call is sent again, and how long the client waits before: growing delays, or as long as the server
asks.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime


def _share() -> float:
    """Return a random number from 0 to 1, so that callers that failed together do not return together."""
    return secrets.randbelow(1001) / 1000


@dataclass(frozen=True, slots=True)
class Patience:
    """At most `attempts` in all. The client waits `first_seconds` before the second attempt and twice as long before
    each further one, but never longer than `longest_seconds`. Half of each delay is random (`share`, 0 to 1).

    If a server asks for more than `longest_seconds` (`Retry-After`), the client does not ask again: the error says how
    long.
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
    """Return the seconds in a header `Retry-After` (RFC 9110 §10.2.3), a number or a date, or None for any other
    text.
    """
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip())
    try:
        until: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(until.timestamp() - now, 0.0)
