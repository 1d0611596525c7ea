"""How far clocks may be apart: the host's that a request came to, and the store's own. Pure; reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.values import ClockSkew

MAX_SKEW_MILLIS = 2_000
"""How far the host's clock may be from the store's as a step begins."""
MAX_AGE_MILLIS = 30_000
"""How long a request may have been worked on before its step: its instant is that much older than the host's clock."""


@dataclass(frozen=True, slots=True)
class Instants:
    """When the request began (`at`), and what the host's clock and the store's own say as its step begins; millis.

    A request that waited for a busy processor is old, and no clock is wrong: so the two clocks are compared as the step
    begins, and the request's age is bounded apart.
    """

    at: int
    host: int
    own: int

    def after(self, last: int) -> int:
        """Return the instant to record: the request's, but never before `last`, that of the partition's last entry.

        Raises ClockSkew if the clocks are more than 2 s apart, when `last` lies more than 2 s ahead of the store's
        clock, when the request's instant lies ahead of its host's clock, or when it is more than 30 s old.
        """
        recorded = max(self.at, last)
        apart = max(abs(self.host - self.own), self.at - self.host, recorded - self.own)
        if apart > MAX_SKEW_MILLIS or self.host - self.at > MAX_AGE_MILLIS:
            raise ClockSkew("the clock of this host, of the ledger or of the partition's last entry is wrong")
        return recorded
