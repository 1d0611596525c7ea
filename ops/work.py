"""`python -m ops work`: the single process that does the background work, separate from the web workers.

Check-ins do not wait for this process. Its report says what it did and what failed; `/readyz` and `/metrics` read the
report.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event
from typing import Final

import click

from edge.cli import Refusal, emit, json_option
from edge.clock import Clock, SystemClock
from edge.database import UnusableDatabase
from edge.instants import from_epoch, rfc3339, to_epoch
from edge.log import configure_logging
from edge.repeating import Job, JobReport, Repeating
from edge.settings import Settings, load_settings
from edge.structs import work_out_structs
from edge.workreport import WorkingElsewhere, WorkPlace, WorkReport, is_alive, work_complaint
from keys.files import StoreError
from ledger.values import LedgerError
from ops.jobs import open_jobs
from verifier.trust.published import Untrusted
from web.standing import refuse_mistyped

BEAT_SECONDS: Final = 5.0
"""How often the process gives a sign of life."""
CLOCK: Final = SystemClock()


@click.command()
@click.option("--once", is_flag=True, help="Do each job once, show the results, and end.")
@click.option("--status", is_flag=True, help="Do no work. Show the last report of the working process.")
@click.option("--alive", is_flag=True, help="Do no work. Exits 1 if the working process gives no sign of life.")
@json_option
def work(*, once: bool, status: bool, alive: bool, as_json: bool) -> None:
    """Do the background work of the enabled surfaces until stopped.

    Publishing, fetching documents, erasing, sweeping bookings, the usage log's checkpoints and its witnesses. One
    process of a machine does the work; a second process on the same YUNJU_VAR is refused. Check-ins go on without it.
    """
    settings = load_settings(os.environ)
    place = WorkPlace(settings.var)
    if alive:
        raise SystemExit(0 if is_alive(place.read(), CLOCK.now()) else 1)
    if status:
        report = place.read()
        _tell(report, work_complaint(report, CLOCK.now()), as_json=as_json)
    elif once:
        with _opened(settings) as jobs:
            report = run_once(jobs, place, CLOCK)
        failing = ", ".join(job.name for job in report.jobs if job.failing)
        _tell(report, f"failed: {failing}" if failing else None, as_json=as_json)
    else:
        configure_logging(settings.log_level)
        _go_on(settings, place)


def run_once(jobs: tuple[Job, ...], place: WorkPlace, clock: Clock) -> WorkReport:
    """Do each job once, in order. Return the report, and write it unless another process is working."""
    started_at = to_epoch(clock.now())
    repeated = [Repeating(job, clock) for job in jobs]
    for one in repeated:
        one.once()
    for one in repeated:
        one.stop()
    report = WorkReport(
        os.getpid(), started_at, to_epoch(clock.now()), tuple(one.report for one in repeated), stopped=True
    )
    try:
        with place.alone():
            place.write(report)
    except WorkingElsewhere:
        pass  # The other process writes a newer report at every beat
    return report


def go_on(
    jobs: tuple[Job, ...], place: WorkPlace, clock: Clock, stopped: Event, *, until: datetime | None = None
) -> None:
    """Repeat the jobs until `stopped`, or until the instant `until`. Report at every beat.

    Raises WorkingElsewhere if another process does this.
    """
    with place.alone():
        work_out_structs()  # Before the jobs' threads begin
        started_at = to_epoch(clock.now())
        repeated = [Repeating(job, clock) for job in jobs]

        def tell(*, ended: bool = False) -> None:
            reports = tuple(one.report for one in repeated)
            place.write(WorkReport(os.getpid(), started_at, to_epoch(clock.now()), reports, stopped=ended))

        tell()
        for one in repeated:
            one.start()
        try:
            while not stopped.wait(BEAT_SECONDS) and (until is None or clock.now() < until):
                tell()
        finally:
            for one in repeated:
                one.stop_soon()
            for one in repeated:
                one.stop()
            tell(ended=True)


def _go_on(settings: Settings, place: WorkPlace) -> None:
    """Work until told to stop. At the instant of a new programme, everything is opened again."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        while not stopped.is_set():
            with _opened(settings) as jobs:
                go_on(jobs, place, CLOCK, stopped, until=settings.programme_from)
            settings = load_settings(os.environ)
    except WorkingElsewhere:
        report = place.read()
        who = "another process" if report is None else f"process {report.pid}"
        raise Refusal(
            f"{who} does the background work of {place.folder} already",
            "let that process work, or end it first; `python -m ops work --once` works beside it",
        ) from None


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Job, ...]]:
    try:
        refuse_mistyped(settings)
        with open_jobs(settings, CLOCK) as jobs:
            yield jobs
    except (LedgerError, StoreError, Untrusted, UnusableDatabase) as error:
        raise Refusal(str(error), "docs/operations.md tells what each part needs") from error


def _tell(report: WorkReport | None, wrong: str | None, *, as_json: bool) -> None:
    """Print a report and what is wrong. Exits 1 if something is wrong."""
    emit({"report": report, "wrong": wrong}, as_json, _shown(report, wrong))
    if wrong is not None:
        raise SystemExit(1)


def _shown(report: WorkReport | None, wrong: str | None) -> str:
    lines = [] if report is None else [_line(job) for job in report.jobs]
    return "\n".join([*lines, *([] if wrong is None else [wrong])]) or "nothing to do"


def _line(job: JobReport) -> str:
    ran = "never" if job.ran_at is None else rfc3339(from_epoch(job.ran_at))
    fault = f"  failed: {job.fault}" if job.failing else ""
    return f"{job.name:<10} {job.runs} runs, {job.faults} faults, last {ran}{fault}"
