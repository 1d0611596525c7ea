"""One figure of a benchmark, how a short function is timed, and how the table is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure, its unit, the floor it is compared with, and what the floor is.

    `aim` is the ratio that we want at most, `least` the ratio that we want at least.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    of: str = ""
    aim: float | None = None
    least: float | None = None

    @property
    def missed(self) -> bool:
        """Whether the figure has an aim and does not reach it."""
        if self.ratio is None:
            return False
        return (self.aim is not None and self.ratio > self.aim) or (self.least is not None and self.ratio < self.least)

    @property
    def aimed(self) -> str:
        """The aim as the table says it, empty where there is none."""
        if self.aim is not None:
            return f"≤ {self.aim:g}"
        return "" if self.least is None else f"≥ {self.least:g}"

    @property
    def ratio(self) -> float | None:
        """The figure over its floor."""
        return None if not self.floor else self.value / self.floor


def microseconds(work: Callable[[], object], *, seconds: float = 0.3, repeats: int = 5) -> float:
    """Return the best of several means, in µs a call: the one that other work on the machine disturbed least."""
    calls, spent = 1, 0.0
    while spent < 0.02:
        spent = _spent(work, calls)
        calls *= 2
    calls = max(1, int(calls * seconds / repeats / spent / 2))
    return min(_spent(work, calls) / calls for _ in range(repeats)) * 1e6


def _spent(work: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - start


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    return statistics.quantiles(values, n=1000, method="inclusive")[int(share * 1000) - 1]


def table(rows: list[Row]) -> str:
    """Return the figures as a table for a terminal."""
    lines = [f"{'':48} {'value':>12} {'':>10} {'ratio':>7} {'aim':>7} {'':6}  floor"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        missed = "missed" if row.missed else ""
        of = "" if row.floor is None else f"{row.of} ({row.floor:,.1f})"
        lines.append(f"{row.name:48} {row.value:>12,.1f} {row.unit:>10} {ratio:>7} {row.aimed:>7} {missed:6}  {of}")
    return "\n".join(lines)
