"""The background work's report: a small file that the single working process writes and every web worker reads.

The file says when the process last gave a sign of life, and what each job did. It holds no secret and no person.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric

from edge.instants import from_epoch, rfc3339, to_epoch
from edge.repeating import JobReport
from edge.structs import UNREADABLE

FILE: Final = "work.json"
LOCK: Final = ".work.lock"
SILENT: Final = timedelta(seconds=30)
"""A process that gave no sign of life for this long is away."""
OVERDUE: Final = timedelta(minutes=5)
"""A job without a finished run for its interval plus this time is overdue."""
FAILING: Final = timedelta(minutes=1)
"""A failing job is reported when its last good run, or the process's start, is this old and its interval is over."""
COMMAND: Final = "python -m ops work"


class WorkReport(msgspec.Struct, frozen=True):
    """The working process's last report. Instants are epoch seconds. `stopped`: the process ended by itself."""

    pid: int
    started_at: int
    told_at: int
    jobs: tuple[JobReport, ...]
    stopped: bool = False


class WorkingElsewhere(Exception):
    """Another process does the background work of this folder."""


@dataclass(frozen=True, slots=True)
class WorkPlace:
    """The place of the report: a folder that the working process and the web workers share (YUNJU_VAR)."""

    folder: Path

    def write(self, report: WorkReport) -> None:
        """Replace the last report as a whole."""
        draft = self.folder / f".{FILE}.{os.getpid()}"
        draft.write_bytes(msgspec.json.encode(report))
        draft.replace(self.folder / FILE)

    def read(self) -> WorkReport | None:
        """Return the last report, or None without a readable report."""
        try:
            return msgspec.json.decode((self.folder / FILE).read_bytes(), type=WorkReport)
        except (OSError, *UNREADABLE):
            return None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only working process of this folder until the block ends. Raises WorkingElsewhere if there is
        another.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkingElsewhere(str(self.folder)) from None
            yield
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the background work: it never reported, it is away, or jobs fail or are overdue.

    `faults` are for operators of the system. `since`: the last sign of life.
    """

    kind: Literal["never", "away", "fails", "overdue"]
    jobs: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    since: datetime | None = None


def trouble(report: WorkReport | None, at: datetime) -> Trouble | None:
    """Return what is wrong with the background work at `at`, or None.

    Check-ins do not need the background work; status lists, the log's checkpoints and erasures do.
    """
    now = to_epoch(at)
    if report is None:
        return Trouble("never")
    if not is_alive(report, at):
        return Trouble("away", since=from_epoch(report.told_at))
    failing = sorted((job for job in report.jobs if _is_failing(job, report, now)), key=lambda job: job.name)
    if failing:
        faults = tuple(f"{job.name}: {job.fault}" for job in failing)
        return Trouble("fails", tuple(job.name for job in failing), faults)
    overdue = sorted(job.name for job in report.jobs if _is_overdue(job, report, now))
    return Trouble("overdue", tuple(overdue)) if overdue else None


def work_complaint(report: WorkReport | None, at: datetime) -> str | None:
    """Return what is wrong with the background work at `at`, in words that anyone may read, or None."""
    wrong = trouble(report, at)
    if wrong is None:
        return None
    named = ", ".join(wrong.jobs)
    since = "" if wrong.since is None else rfc3339(wrong.since)
    return {
        "never": f"no background work has reported here: start `{COMMAND}`",
        "away": f"the background work is away since {since}: start `{COMMAND}`",
        "fails": f"background work fails: {named}; `{COMMAND} --status` tells why",
        "overdue": f"background work is overdue: {named}",
    }[wrong.kind]


def is_alive(report: WorkReport | None, at: datetime) -> bool:
    """Return whether the working process gives signs of life, whatever its jobs' state."""
    return report is not None and not report.stopped and to_epoch(at) - report.told_at <= SILENT.total_seconds()


def _is_failing(job: JobReport, report: WorkReport, now: int) -> bool:
    well_at = job.well_at if job.well_at is not None else report.started_at
    return job.failing and now - well_at > min(job.every, 3600) + FAILING.total_seconds()


def _is_overdue(job: JobReport, report: WorkReport, now: int) -> bool:
    ran_at = job.ran_at if job.ran_at is not None else report.started_at
    return now - ran_at > job.every + OVERDUE.total_seconds()


def work_figures(report: WorkReport | None, at: datetime) -> Iterator[Metric]:
    """Yield the figures of the background work: whether it is there, and each job's runs, faults and last times."""
    here = is_alive(report, at)
    up = GaugeMetricFamily("yunju_work_up", "1 while the background work's process gives signs of life, else 0.")
    up.add_metric((), float(here))
    yield up
    for name, told, value in (
        ("last_run_timestamp_seconds", "When a job of the background work last ended a run.", "ran_at"),
        ("last_good_run_timestamp_seconds", "When a job of the background work last ended a run well.", "well_at"),
        ("last_fault_timestamp_seconds", "When a job of the background work last failed.", "fault_at"),
        ("runs", "Runs of a job since the background work's process began.", "runs"),
        ("faults", "Failed runs of a job since the background work's process began.", "faults"),
    ):
        family = GaugeMetricFamily(f"yunju_work_{name}", told, labels=("task",))
        for job in report.jobs if report is not None else ():
            family.add_metric((job.name,), float(getattr(job, value) or 0))
        yield family
