"""How far two clocks may differ: the clock of the host that received a request, and the store's own clock. Pure; reads
no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.values import ClockSkew

MAX_SKEW_MILLIS = 2_000
"""The greatest difference between the host's clock and the store's clock when a step begins."""
MAX_AGE_MILLIS = 30_000
"""How long a request may be worked on before its step: how much older than the host's clock its instant may be."""


@dataclass(frozen=True, slots=True)
class Instants:
    """When the request began (`at`), and the times of the host's clock and the store's own clock when its step begins,
    in milliseconds.

    A request that waited for a busy processor is old although no clock is wrong. So the two clocks are compared when
    the step begins, and the request's age has its own bound.
    """

    at: int
    host: int
    own: int

    def after(self, last: int) -> int:
        """Return the instant to record: the request's own, but never before `last`, the instant of the partition's last
        entry.

        Raises ClockSkew if the clocks are more than 2 s apart, if `last` is more than 2 s ahead of the store's clock,
        if the request's instant is ahead of its host's clock, or if the request is more than 30 s old.
        """
        recorded = max(self.at, last)
        apart = max(abs(self.host - self.own), self.at - self.host, recorded - self.own)
        if apart > MAX_SKEW_MILLIS or self.host - self.at > MAX_AGE_MILLIS:
            raise ClockSkew("the clock of this host, of the ledger or of the partition's last entry is wrong")
        return recorded
