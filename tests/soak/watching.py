"""Memory, handles and threads of the machine's processes, measured during the whole run: none may grow without end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread

EVERY_S = 0.5
WARM_SHARE, WARM_S = 0.3, 60.0
"""A process starts, and its caches and pools fill, during this share of its watched life, and so long at least."""
MEMORY_MB, MEMORY_SHARE = 12.0, 0.15
"""A process may grow by the larger of the two after its warm-up: allocators do not give every page back."""
HANDLES, THREADS = 12, 4


@dataclass(frozen=True)
class Look:
    """One look at one process."""

    at: float
    memory_mb: float
    handles: int
    threads: int


@dataclass(frozen=True)
class Growth:
    """What a process held after its warm-up and in the end; medians, so that one busy moment is no growth."""

    pid: int
    what: str
    seconds: float
    before: Look
    after: Look

    @property
    def faults(self) -> list[str]:
        """What grew beyond its bound."""
        most = max(MEMORY_MB, self.before.memory_mb * MEMORY_SHARE)
        found = []
        if self.after.memory_mb - self.before.memory_mb > most:
            found.append(
                f"memory of {self.what} grew from {self.before.memory_mb:.0f} to {self.after.memory_mb:.0f} MB"
            )
        if self.after.handles - self.before.handles > HANDLES:
            found.append(f"handles of {self.what} grew from {self.before.handles} to {self.after.handles}")
        if self.after.threads - self.before.threads > THREADS:
            found.append(f"threads of {self.what} grew from {self.before.threads} to {self.after.threads}")
        return found

    @property
    def told(self) -> str:
        """Before and after, in words."""
        before, after = self.before, self.after
        memory = f"{before.memory_mb:.0f} to {after.memory_mb:.0f} MB"
        return f"{memory}, {before.handles} to {after.handles} handles, {before.threads} to {after.threads} threads"


class Watch:
    """Looks at processes until it is stopped. `processes` gives the living ones: process id and what it is."""

    def __init__(self, processes: Callable[[], Iterable[tuple[int, str]]]) -> None:
        self._processes, self._over = processes, Event()
        self._looks: dict[tuple[int, str], list[Look]] = {}
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            with suppress(OSError, AssertionError):
                for pid, what in self._processes():
                    with suppress(OSError, KeyError):  # it has just ended
                        self._looks.setdefault((pid, what), []).append(look_at(pid))

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def growths(self, least_s: float) -> list[Growth]:
        """Return how each process changed that was watched for so long at least, its warm-up apart."""
        found = []
        for (pid, what), looks in self._looks.items():
            seconds = looks[-1].at - looks[0].at
            if seconds - max(WARM_S, seconds * WARM_SHARE) >= least_s:
                warm = [one for one in looks if one.at - looks[0].at >= max(WARM_S, seconds * WARM_SHARE)]
                share = max(1, len(warm) // 4)
                found.append(Growth(pid, what, seconds, _middle(warm[:share]), _middle(warm[-share:])))
        return found


def look_at(pid: int) -> Look:
    """Return what a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    told = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Look(time.monotonic(), int(told["VmRSS"].split()[0]) / 1024, handles, int(told["Threads"]))


def _middle(looks: list[Look]) -> Look:
    return Look(
        looks[-1].at,
        median(one.memory_mb for one in looks),
        round(median(one.handles for one in looks)),
        round(median(one.threads for one in looks)),
    )
