"""`python -m ops doctor`: it finds nothing on a sound machine, names each fault and remedy, and causes no fault."""

import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from doctor.findings import Severity
from doctor.words import remedy, told
from edge.backupnote import BackupNote, write_note
from edge.clock import SystemClock
from edge.instants import to_epoch
from edge.repeating import JobReport
from edge.workreport import WorkPlace, WorkReport
from ops.__main__ import main
from ops.doctor import examine
from tests.web.site import Site


def wait_for_work(site) -> None:
    """Wait until every job of the site has run once."""
    for _ in range(600):
        report = WorkPlace(site.settings.var).read()
        if report is not None and all(job.runs for job in report.jobs):
            return
        time.sleep(0.1)
    pytest.fail("the background work never reported")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A sound machine: data, documents, a log, background work that reported just now, a backup of today."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "var").mkdir(mode=0o700)
    made = Site(folder / "var", start=SystemClock().now())
    note = BackupNote(to_epoch(made.clock.now()), str(folder / "backups"))
    write_note(made.settings.var, note)
    wait_for_work(made)
    yield made
    made.close()


def found(site, settings=None, at=None) -> dict[str, tuple[str, str, str]]:
    """What the doctor tells, by the finding's code, where it is not fine: severity, text, remedy."""
    told_ = examine(settings or site.settings, at or site.clock.now())
    return {
        one.code: (one.severity, told(one, "en"), remedy(one, "en")) for one in told_ if one.severity != Severity.WELL
    }


def without_chance(told_: dict) -> dict:
    """Leave out what depends on this machine's disk and today's date."""
    return {code: one for code, one in told_.items() if code not in {"disk-low", "disk-full", "holidays-missing"}}


def test_a_sound_machine_has_nothing_wrong(site):
    """Documents, stores, keys, work, log, backup."""
    assert without_chance(found(site)) == {}


def test_each_fault_is_named_with_what_to_do(site):
    """Documents gone old, work away, no backup of today, files open to others, a store that is not there."""
    later = site.clock.now() + timedelta(days=3)
    told_ = found(site, at=later)
    assert told_.keys() >= {"documents-missing"}, told_
    assert "python -m issuer publish" in told_["documents-missing"][2]
    assert told_["work-away"][0] == "fault"
    assert told_["backup-old"][0] == "warning"
    assert "ops backup" in told_["backup-old"][2]
    site.settings.secret_file.chmod(0o644)
    assert "chmod go=" in found(site)["folder-open"][2]
    site.settings.secret_file.chmod(0o600)
    gone = replace(site.settings, ledger_url=f"sqlite:///{site.settings.var}/ledgr.db")
    assert found(site, gone)["store-absent"][0] == "fault"
    assert not (site.settings.var / "ledgr.db").exists()


def test_keys_that_end_soon_are_told(site):
    """Two weeks before, with the command."""
    soon = found(site, at=site.clock.now() + timedelta(days=360))
    assert "python -m keys rotate" in soon["key-ends"][2]


def test_a_damaged_log_and_a_damaged_store_are_told(site):
    """One byte of a tile or of a database's page: named, with the restore as remedy."""
    checkpoint = site.settings.log_checkpoint
    kept = checkpoint.read_bytes()
    checkpoint.write_bytes(b"{")
    assert found(site)["log-unreadable"][0] == "fault"
    checkpoint.write_bytes(kept)
    copy = site.settings.var / "copy.db"
    copy.write_bytes(b"SQLite format 3\0" + bytes(2000))
    damaged = found(site, replace(site.settings, register_url=f"sqlite:///{copy}"))
    assert damaged["store-damaged"][0] == "fault"
    assert "backup" in damaged["store-damaged"][2]


def test_a_failing_job_is_told_with_its_fault(site, tmp_path):
    """The report is for anybody; here the operator reads why."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    at = to_epoch(site.clock.now())
    job = JobReport("publish", 75, 9, 9, at, None, at, "StoreError: no key", failing=True)
    WorkPlace(elsewhere).write(WorkReport(1, at - 900, at, (job,)))
    fails = found(site, replace(site.settings, var=elsewhere))["work-fails"]
    assert "publish" in fails[1]
    assert "StoreError: no key" in fails[2]


def test_the_command_says_it_all_and_exits_by_it(tmp_path):
    """JSON for machines; a mistyped folder is the first thing to be said, and is not made."""
    done = CliRunner().invoke(main, ["doctor", "--json"], env={"YUNJU_VAR": str(tmp_path / "vra")})
    assert done.exit_code == 2
    answer = json.loads(done.stdout)
    assert (answer["format"], answer["severity"], answer["counts"]) == (
        1,
        "fault",
        {"fault": 1, "warning": 0, "well": 0},
    )
    (only,) = answer["findings"]
    assert (only["code"], only["severity"], "mistyped" in only["remedy"]) == ("folder-missing", "fault", True)
    assert not (tmp_path / "vra").exists()
