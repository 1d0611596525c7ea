"""A circuit that opens after several failures in a row, so that nobody waits for a store that is away. It closes by
itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from ledger.values import LedgerUnavailable

FAILURES = 3
REST_SECONDS = (0.25, 0.5, 1.0, 2.0)
"""How long nobody tries again: after the first opening, after the second in a row, and so on."""


class Circuit:
    """Counts failures. While the circuit is open, every call is turned away at once, except one try after each rest."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Start closed."""
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._openings = 0
        self._tries_at: float | None = None

    def enter(self) -> None:
        """Let a call through, or raise LedgerUnavailable."""
        with self._lock:
            if self._tries_at is None:
                return
            now = self._clock()
            if now < self._tries_at:
                raise LedgerUnavailable("the ledger's store is away: retry with the same operation")
            self._tries_at = now + self._rest()  # this call tries; the others wait another rest

    def worked(self) -> None:
        """Close the circuit, because the store answered."""
        if self._failures or self._tries_at is not None:
            with self._lock:
                self._failures = self._openings = 0
                self._tries_at = None

    def failed(self) -> None:
        """Count a failure. Open the circuit at the third failure in a row."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                self._tries_at = self._clock() + self._rest()
                self._openings += 1

    @property
    def is_open(self) -> bool:
        """Whether calls are turned away."""
        return self._tries_at is not None

    def _rest(self) -> float:
        return REST_SECONDS[min(self._openings, len(REST_SECONDS) - 1)]
