"""A folder that an older release made serves on after the upgrade: entries, quotas, notes, sign-ins, the signed log."""

import json
import sqlite3
import tarfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.tree.sequencing import log_reader
from edge.repeating import Repeating
from edge.settings import load_settings
from ledger.opening import open_ledger
from ledger.values import LedgerError
from ops.__main__ import main
from ops.jobs import open_jobs
from tests.web.auditing import Counters
from tests.web.site import MovedClock
from web.app import create_application
from web.demo import demonstrate, open_office, where_to_click
from web.starting import BOOT_ERROR, start

pytestmark = pytest.mark.slow
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
STORES = {"register": "register.db", "accounts": "accounts.db", "verifier": "verifier.db"}


def test_two_releases_are_kept():
    """A release that lays tables out anew keeps the folder of the one before: `python tools/keep_release.py COMMIT`."""
    assert len(list(FIXTURES.glob("var-*.tar.xz"))) >= 2


class Upgraded:
    """A machine on the folder of an older release, two days after that release was ended."""

    def __init__(self, archive: Path, folder: Path) -> None:
        with tarfile.open(archive) as kept:
            kept.extractall(folder, filter="tar")
        self.told = json.loads((folder / "var/fixture.json").read_text())
        self.clock = MovedClock(datetime.fromisoformat(self.told["at"]) + timedelta(days=2))
        self.settings = load_settings({"YUNJU_VAR": str(folder / "var"), "YUNJU_BASE_URL": self.told["base"]})
        self.app = create_application(self.settings, self.clock)
        self.office = open_office(self.settings)

    def work(self) -> dict[str, bool]:
        """Do the background work once; tell which jobs ended well."""
        with open_jobs(self.settings, self.clock) as jobs:
            repeated = [Repeating(job, self.clock) for job in jobs]
            done = {one.job.name: one.once() for one in repeated}
            for one in repeated:
                one.stop()
        return done


@pytest.fixture(params=sorted(FIXTURES.glob("var-*.tar.xz")), ids=lambda path: path.name.partition(".")[0])
def upgraded(request, tmp_path):
    """Each release whose folder is kept."""
    made = Upgraded(request.param, tmp_path)
    yield made
    made.office.close()


def test_a_folder_of_an_older_release_serves_on(upgraded):
    """Ready; a quota that was used stays used, the old cards are granted what is left and refused beyond."""
    assert upgraded.app.test_client().get("/readyz").status_code == 200
    counters, card = Counters(upgraded), upgraded.told["silver"]
    second = counters.use(card, "gym-visit", "gym")
    assert (second["outcome"], second["quotas"][0]["used"], second["quotas"][0]["remaining"]) == ("granted", 2, 0)
    upgraded.clock.advance(timedelta(hours=3))
    third = counters.use(card, "gym-visit", "gym")
    assert (third["outcome"], third["reason"]) == ("denied", "quota-spent")


def test_the_log_grows_on_from_the_old_checkpoint(upgraded):
    """Every job ends well; old entries stand, new ones follow, and the ledger's check finds nothing."""
    before = log_reader(upgraded.settings, "https://yunju.baiyun.example").state().size
    Counters(upgraded).use(upgraded.told["gold"], "library-facilities", "library")
    assert {name: well for name, well in upgraded.work().items() if not well} == {}
    assert log_reader(upgraded.settings, "https://yunju.baiyun.example").state().size == before + 1
    ledger = open_ledger(upgraded.settings.ledger_url, upgraded.clock, seen=upgraded.settings.var / "ledger-seen")
    assert [found for found in ledger.check() if not isinstance(found, int)] == []
    assert ledger.entry(upgraded.told["first"]) is not None
    ledger.close()


def test_the_old_sign_ins_and_people_are_still_there(upgraded):
    """The demonstration is shown, not made anew; its auditor signs in with the old password."""
    at = upgraded.clock.now()
    demo = demonstrate(upgraded.office, at)
    assert "printed card" in where_to_click(upgraded.office, demo, at)
    body = {"name": "auditor.li", "password": demo.accounts.people["auditor.li"], "cookie": True}
    assert upgraded.app.test_client().post("/v1/sessions", json=body).status_code == 201


@pytest.mark.parametrize("store", STORES)
def test_the_way_back_is_refused_with_the_remedy_and_nothing_is_changed(upgraded, store, capsys):
    """Tables of a newer release: no web worker and no work begins on them; both name the way back."""
    var = upgraded.settings.var
    with sqlite3.connect(var / STORES[store]) as opened:
        (table,) = opened.execute("SELECT name FROM sqlite_master WHERE name LIKE '%version%'").fetchone()
        opened.execute(f"UPDATE {table} SET version_num = '9999'")
        before = list(opened.iterdump())
    environ = {"YUNJU_VAR": str(var), "YUNJU_BASE_URL": upgraded.told["base"]}
    with pytest.raises(SystemExit) as stopped:
        start(environ)
    assert stopped.value.code == BOOT_ERROR
    worked = CliRunner().invoke(main, ["work", "--once"], env=environ)
    assert worked.exit_code == 1
    for said in (capsys.readouterr().err, worked.output):
        assert f"the {store}'s tables are of a newer release (version 9999" in said
        assert "run that release, or restore a backup that this one made" in said
    with sqlite3.connect(var / STORES[store]) as opened:
        assert list(opened.iterdump()) == before


def test_a_ledger_of_a_newer_release_is_refused_and_left_as_it_is(upgraded):
    """Its version is beyond this release's: nothing is granted, and no row is touched."""
    file = upgraded.settings.var / "ledger.db"
    with sqlite3.connect(file) as opened:
        opened.execute("PRAGMA user_version = 99")
    ledger = open_ledger(upgraded.settings.ledger_url, upgraded.clock)
    with pytest.raises(LedgerError, match="not a ledger of this version"):
        ledger.ready()
    ledger.close()
    with sqlite3.connect(file) as opened:
        assert opened.execute("PRAGMA user_version").fetchone() == (99,)
