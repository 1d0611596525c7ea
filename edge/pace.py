"""How long a server waits for a client's bytes: who keeps no pace gives the thread to another client.

No socket is opened here and no time of day is read: gunicorn.conf.py brings gunicorn's own reads.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLWantReadError
from threading import Lock
from time import monotonic
from typing import Final

PATIENCE_SECONDS: Final = 20.0
"""So long a request may take to arrive, and so much longer for each `BYTES_A_SECOND` that arrived."""
CROWDED_SECONDS: Final = 2.0
"""The same while more than half of a worker's threads wait for clients' bytes."""
BYTES_A_SECOND: Final = 16 * 1024
"""The slowest pace: a paper of ten megabytes in eleven minutes, a piece of one in 36 seconds."""
STALLED_SECONDS: Final = 10.0
"""The longest wait for a single byte."""
TICK_SECONDS: Final = 1
"""So often a waiting read looks at its pace: the read itself must end after so long with `BlockingIOError`."""


class TooSlow(TimeoutError):
    """A client kept no pace. Its number is that of a connection reset, which a server ends without a word."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client sends too slowly")


@dataclass(slots=True)
class Pace:
    """The pace of one request: since when it arrives (seconds of the monotonic clock), and how many bytes arrived."""

    begun: float
    received: int = 0

    def overdue(self, now: float, patience: float) -> bool:
        """Return whether the request should have arrived by `now`, or at least more of it."""
        return now > self.begun + patience + self.received / BYTES_A_SECOND


class PacedReads:
    """One worker's threads that wait for clients' bytes. Each thread calls `read`; any number of them at once."""

    def __init__(
        self, threads: int, *, patience: float = PATIENCE_SECONDS, crowded: float = CROWDED_SECONDS,
        stalled: float = STALLED_SECONDS, clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        """Take the number of the worker's threads: half of them, and at least one, may wait with patience."""
        self._most, self._patience, self._crowded = max(1, threads // 2), patience, crowded
        self._stalled, self._clock = stalled, clock
        self._waiting, self._lock = 0, Lock()

    def begin(self) -> Pace:
        """Return the pace of a request that begins to arrive."""
        return Pace(self._clock())

    def read(self, pace: Pace, receive: Callable[[], bytes]) -> bytes:
        """Return the next bytes, b"" at the end. `receive` waits for a tick at most, then raises `BlockingIOError`.

        Raises TooSlow for a client that keeps no pace or sends nothing at all; other errors pass.
        """
        with self._lock:
            self._waiting += 1
        try:
            since = self._clock()
            while True:
                data = _received(receive)
                now = self._clock()
                pace.received += len(data or b"")
                if data == b"" or (data and not self._is_late(pace, now)):
                    return data
                if self._is_late(pace, now) or now > since + self._stalled:
                    raise TooSlow
        finally:
            with self._lock:
                self._waiting -= 1

    def _is_late(self, pace: Pace, now: float) -> bool:
        """Return whether the pace is overdue. The fewer threads are free, the less patience there is."""
        return pace.overdue(now, self._patience if self._waiting <= self._most else self._crowded)


def _received(receive: Callable[[], bytes]) -> bytes | None:
    """Return what arrived within a tick, or None."""
    try:
        return receive()
    except (BlockingIOError, SSLWantReadError):
        return None
