"""Repeated jobs: the reports of their runs, faults that a job survives, and a prompt end."""

import threading
import time
from datetime import timedelta

import pytest

from edge.clock import FixedClock
from edge.instants import to_epoch
from edge.repeating import Job, Repeating
from edge.workreport import (
    LOCK,
    OVERDUE,
    SILENT,
    WorkingElsewhere,
    WorkPlace,
    WorkReport,
    work_complaint,
    work_figures,
)
from tests.edge.builders import NOON


def repeating(once, **values) -> Repeating:
    """A job of a test."""
    return Repeating(Job("sweep", values.pop("every", 60), once, **values), FixedClock(NOON))


def fails(text="row of 张小明"):
    """A run that fails."""
    raise ValueError(text)


def test_a_good_run_is_told():
    """When, and that it was good."""
    work = repeating(lambda: None)
    assert work.once()
    report = work.report
    assert (report.runs, report.faults, report.failing, report.fault) == (1, 0, False, None)
    assert report.ran_at == report.well_at == to_epoch(NOON)


def test_a_fault_is_told_by_its_kind_alone_unless_its_text_is_plain(caplog):
    """An error's text may quote a row or a name."""
    assert not repeating(fails).once()
    assert "张小明" not in caplog.text + str([line.safe_fields for line in caplog.records])
    work = repeating(lambda: fails("the folder is full"), plain=(ValueError,))
    work.once()
    assert work.report.fault == "ValueError: the folder is full"


def test_a_fault_that_stays_is_logged_once_and_counted_each_time(caplog):
    """A night of the same fault is one line; what goes well again is one more."""
    outcomes = iter([fails, fails, fails, lambda: None])

    def once():
        next(outcomes)()

    work = repeating(once)
    with caplog.at_level("INFO", "yunju.work"):
        for _ in range(4):
            work.once()
    assert [line.message for line in caplog.records] == ["background work failed", "background work goes on"]
    assert (work.report.runs, work.report.faults, work.report.failing) == (4, 3, False)


def test_the_thread_outlives_a_fault_and_retries_sooner():
    """`retry` seconds after a fault, not `every`."""
    runs, done = [], threading.Event()

    def once():
        runs.append(1)
        if len(runs) < 3:
            fails()
        done.set()

    work = repeating(once, every=3600, retry=0.01)
    work.start()
    assert done.wait(20)
    work.stop()
    assert len(runs) == 3


def test_a_stop_waits_for_no_interval_and_gives_up_what_is_held():
    """An hour's interval ends at once; a second stop is harmless, and so is one of what never began."""
    closed = []
    work = repeating(lambda: None, every=3600, close=lambda: closed.append(1))
    work.start()
    began = time.monotonic()
    work.stop()
    assert time.monotonic() - began < 30
    work.stop()
    repeating(lambda: None).stop()
    assert closed == [1, 1]


def a_report(**values) -> WorkReport:
    """A report of one job that ran well at noon."""
    work = repeating(lambda: None)
    work.once()
    given = {"pid": 1, "started_at": to_epoch(NOON), "told_at": to_epoch(NOON), "jobs": (work.report,)}
    return WorkReport(**(given | values))


def test_a_report_is_read_by_others(tmp_path):
    """What was written last, whole; none where there is none or half of one."""
    place = WorkPlace(tmp_path)
    assert place.read() is None
    place.write(a_report())
    assert place.read() == a_report()
    (tmp_path / "work.json").write_bytes(b'{"pid":')
    assert place.read() is None


def test_one_process_of_a_folder_works(tmp_path):
    """The second is refused, and works once the first has ended."""
    place = WorkPlace(tmp_path)
    with place.alone(), pytest.raises(WorkingElsewhere), place.alone():
        pass
    with place.alone():
        assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600


def test_work_that_is_away_is_complained_of():
    """Never there, ended, or silent for half a minute."""
    assert "no background work" in work_complaint(None, NOON)
    assert work_complaint(a_report(), NOON + SILENT) is None
    assert "away since 2026" in work_complaint(a_report(), NOON + SILENT + timedelta(seconds=1))
    assert "away since" in work_complaint(a_report(stopped=True), NOON)


def test_a_job_that_keeps_failing_is_complained_of_and_one_fault_is_not():
    """The complaint names the job and not the fault: anyone may read it."""
    work = repeating(fails)
    work.once()
    later = NOON + timedelta(minutes=3)
    alive = {"told_at": to_epoch(later), "jobs": (work.report,)}
    assert work_complaint(a_report(jobs=(work.report,)), NOON) is None
    assert work_complaint(a_report(**alive), later).startswith("background work fails: sweep;")


def test_a_job_that_hangs_is_complained_of():
    """It ended no run for its interval and five minutes more."""
    late = NOON + OVERDUE + timedelta(seconds=61)
    assert work_complaint(a_report(told_at=to_epoch(late)), late) == "background work is overdue: sweep"


def test_figures_tell_the_same():
    """Up or away, and each job's last times."""
    told = {
        (sample.name, sample.labels.get("task")): sample.value
        for family in work_figures(a_report(), NOON)
        for sample in family.samples
    }
    assert told["yunju_work_up", None] == 1
    assert told["yunju_work_last_run_timestamp_seconds", "sweep"] == to_epoch(NOON)
    assert told["yunju_work_faults", "sweep"] == 0
    assert [s.value for family in work_figures(None, NOON) for s in family.samples] == [0]
