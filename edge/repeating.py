"""Repeated work: a job, the thread that repeats it, and the job's report on its last runs.

This module knows no room's work. One process repeats the jobs of a machine (`python -m ops work`); a web worker repeats
none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread

import msgspec

from edge.clock import Clock
from edge.instants import to_epoch

_log = logging.getLogger("yunju.work")


def nothing() -> None:
    """Do nothing, for a job that holds nothing between its runs."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that `once` does. It is repeated `every` so many seconds after a run has ended.

    `once` raises its errors. After a fault, the job waits `retry` seconds, or `every` if that is None. `close` releases
    what the job holds between its runs. For an error of a `plain` type, its text is reported; for any other, only its
    type, because an error's text may quote a row or a name.
    """

    name: str
    every: float
    once: Callable[[], object]
    retry: float | None = None
    close: Callable[[], None] = nothing
    plain: tuple[type[Exception], ...] = ()


class JobReport(msgspec.Struct, frozen=True):
    """A job's report: the number of runs and faults, the time of the last run and of the last good run, and its last
    fault.

    Instants are epoch seconds, or None if there is none. `failing` says whether the last run was a fault.
    """

    name: str
    every: float
    runs: int = 0
    faults: int = 0
    ran_at: int | None = None
    well_at: int | None = None
    fault_at: int | None = None
    fault: str | None = None
    failing: bool = False


class Repeating:
    """Repeats one job in its own thread. Start it after a fork, never in a web worker."""

    def __init__(self, job: Job, clock: Clock) -> None:
        """Start nothing yet."""
        self.job = job
        self._clock = clock
        self._report = JobReport(job.name, job.every)
        self._running = Lock()
        self._stopped = Event()
        self._thread = Thread(target=self.run, name=f"work-{job.name}", daemon=True)

    @property
    def report(self) -> JobReport:
        """Return the job's present report."""
        return self._report

    def start(self) -> None:
        """Start. The first run is at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, at most one run later, and let the job release what it holds. Harmless if it never started."""
        self.stop_soon()
        if self._thread.is_alive():
            self._thread.join()
        self.job.close()

    def stop_soon(self) -> None:
        """Start no further run, without waiting for the present one."""
        self._stopped.set()

    def once(self) -> bool:
        """Run the job now. Return whether it ended well. A fault is recorded and logged, never raised."""
        with self._running:
            try:
                self.job.once()
            except Exception as error:  # noqa: BLE001 - whatever a run meets is told, and the next run tries again
                self._note_fault(error)
                return False
            self._note_well()
            return True

    def run(self) -> None:
        """Repeat the job here until `stop` or `stop_soon`."""
        while not self._stopped.is_set():
            well = self.once()
            retry = self.job.every if self.job.retry is None else self.job.retry
            self._stopped.wait(self.job.every if well else retry)

    def _note_well(self) -> None:
        at, before = to_epoch(self._clock.now()), self._report
        if before.failing:
            _log.info("background work goes on", extra={"safe_fields": {"job": self.job.name}})
        self._report = msgspec.structs.replace(before, runs=before.runs + 1, ran_at=at, well_at=at, failing=False)

    def _note_fault(self, error: Exception) -> None:
        at, before = to_epoch(self._clock.now()), self._report
        told = type(error).__name__
        if isinstance(error, self.job.plain) and str(error):
            told = f"{told}: {error}"
        if not before.failing or before.fault != told:  # A lasting fault is logged once, and counted each time
            fields = {"job": self.job.name, "error": told}
            _log.error("background work failed", extra={"safe_fields": fields})
        self._report = msgspec.structs.replace(
            before,
            runs=before.runs + 1,
            faults=before.faults + 1,
            ran_at=at,
            fault_at=at,
            fault=told,
            failing=True,
        )


__all__ = ["Job", "JobReport", "Repeating", "nothing"]
