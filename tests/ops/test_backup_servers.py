"""Stores on servers are in a backup too: Redis and PostgreSQL as of one moment, put back into empty ones alone."""

import json
import shutil
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from accounts.store import AccountStore
from audit.tree.place import CheckpointPlace
from doctor.tables import ROOMS
from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from ops.__main__ import main
from ops.backup import check_backup, make_backup
from ops.manifest import BackupError
from ops.restore import restore
from tests.ledger.builders import a_check_in
from tests.ledger.redis_servers import a_server
from verifier.__main__ import main as verifier
from verifier.cli.opening import VerifierCli
from verifier.records.store import VerifierStore

pytestmark = [pytest.mark.slow, pytest.mark.parts]
PASSPHRASE = b"correct horse battery staple"


class District:
    """A machine whose ledger lies on Redis and whose three databases lie on PostgreSQL."""

    def __init__(self, folder: Path, redis: str, databases: dict[str, str]) -> None:
        self.environ = {
            "YUNJU_VAR": str(folder),
            "YUNJU_LEDGER_URL": redis,
            **{f"YUNJU_{name.upper()}_URL": url for name, url in databases.items()},
        }
        self.settings = load_settings(self.environ)

    def fill(self) -> None:
        """Make keys, documents, a person, and thirty entries in the log."""
        desk = open_issuer(self.settings)
        set_up(desk, SystemClock().now())
        desk.close()
        accounts = AccountStore.open(self.settings.accounts_url)
        accounts.devices.make_code("gym", needs_operator=False, by="the drill", at=SystemClock().now())
        accounts.close()
        VerifierStore.open(self.settings.verifier_url, self.settings.secret()).close()
        self.check_ins(range(30))
        assert self.run("audit", "sequence", "--once").startswith("30 entries")

    def check_ins(self, numbers) -> list[str]:
        """Check holders in; return the entries' ids."""
        at = SystemClock().now
        with VerifierCli(self.settings).ledger(make=True) as ledger:
            return [ledger.check_in(a_check_in(at(), holder=f"holder-{number:015d}")).entry for number in numbers]

    def run(self, *words: str) -> str:
        """Run a command of the verifier, which must end well."""
        told = CliRunner().invoke(verifier, words, env=self.environ)
        assert told.exit_code == 0, told.output
        return told.output

    def codes(self) -> int:
        """Return how many enrolment codes the accounts hold."""
        engine = sa.create_engine(self.settings.accounts_url.replace("postgresql", "postgresql+psycopg", 1))
        with engine.connect() as connection:
            found = connection.execute(sa.text("SELECT count(*) FROM enrolment_codes")).scalar_one()
        engine.dispose()
        return found


@pytest.fixture
def servers(tmp_path, make_database):
    """Make a machine with empty servers of its own, by the name of its folder."""
    with a_server(tmp_path / "redis-1") as first, a_server(tmp_path / "redis-2") as second:
        redis = {"var": first.url, "again": second.url}

        def machine(name: str) -> District:
            databases = {one: make_database() for one in ("register", "accounts", "verifier")}
            return District(tmp_path / name, redis[name], databases)

        yield machine


def test_the_drill_machine_and_servers_are_lost_while_holders_came_and_all_is_restored(servers, tmp_path):
    """Check-ins go on while the backup is made; the restored ledger is sound, no older than its log, and goes on."""
    lost = servers("var")
    lost.fill()
    ended, counted = threading.Event(), []

    def come() -> None:
        while not ended.is_set():
            counted.extend(lost.check_ins(range(1000 + len(counted), 1005 + len(counted))))

    coming = threading.Thread(target=come)
    coming.start()
    try:
        before = lost.check_ins(range(30, 40))
        (tmp_path / "phrase").write_bytes(PASSPHRASE)
        (tmp_path / "phrase").chmod(0o600)
        words = ["backup", str(tmp_path / "backups"), "--seal-with", str(tmp_path / "phrase"), "--json"]
        done = CliRunner().invoke(main, words, env=lost.environ)
    finally:
        ended.set()
        coming.join()
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["log_size"], told["elsewhere"]) == (30, [])
    codes = lost.codes()
    shutil.rmtree(lost.settings.var)

    again = servers("again")
    words = ["restore", told["folder"], "--seal-with", str(tmp_path / "phrase")]
    done = CliRunner().invoke(main, words, env=again.environ)
    assert done.exit_code == 0, done.output
    assert json.loads(again.run("ledger", "check", "--json"))["faults"] == []
    with VerifierCli(again.settings).ledger() as ledger:
        assert all(ledger.entry(entry) is not None for entry in before)
        held = sum(ledger.heads().values())
    assert held >= 40
    assert again.codes() == codes
    assert again.run("audit", "sequence", "--once").startswith(f"{held} entries")
    assert len(again.check_ins([5000])) == 1
    assert CheckpointPlace(again.settings.log_checkpoint).read().size == held


def test_a_server_that_holds_something_and_a_damaged_dump_are_refused_with_nothing_written(servers, tmp_path):
    """Each with its remedy; the machine's folder is not even made."""
    made = servers("var")
    made.fill()
    backup, manifest = make_backup(made.settings, tmp_path / "backups", PASSPHRASE, SystemClock().now())
    names = {one.path for one in manifest.files if one.root == "servers"}
    assert names == {"ledger.jsonl", "register.pgdump", "accounts.pgdump", "verifier.pgdump"}
    rooms = set().union(*manifest.tables.values())
    assert {"register", "accounts", "verifier"} <= rooms <= ROOMS.keys(), "a restore knows them all"
    assert {path.stat().st_mode & 0o777 for path in (backup / "servers").iterdir()} == {0o600}

    taken = servers("again")
    taken.check_ins([1])
    shutil.rmtree(taken.settings.var)
    with pytest.raises(BackupError, match="ledger at its server is not empty"):
        restore(taken.settings, backup, PASSPHRASE)
    elsewhere = load_settings(taken.environ | {"YUNJU_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db"})
    with pytest.raises(BackupError, match="holds ledger of a server"):
        restore(elsewhere, backup, PASSPHRASE)
    for name in ("ledger.jsonl", "accounts.pgdump"):
        kept = (backup / "servers" / name).read_bytes()
        (backup / "servers" / name).write_bytes(kept[:-20])
        with pytest.raises(BackupError, match=name):
            check_backup(backup)
        (backup / "servers" / name).write_bytes(kept)
    assert not taken.settings.var.exists()


def test_a_server_that_is_away_makes_no_backup_and_may_be_left_out(servers, tmp_path):
    """Nothing is left behind; `--without-servers` names what is missing."""
    made = servers("var")
    made.fill()
    away = load_settings(made.environ | {"YUNJU_REGISTER_URL": "postgresql://nobody:secret-word@127.0.0.1:1/none"})
    with pytest.raises(BackupError, match="register") as told:
        make_backup(away, tmp_path / "backups", None, SystemClock().now())
    assert "secret-word" not in str(told.value)
    assert list((tmp_path / "backups").iterdir()) == []
    words = ["backup", str(tmp_path / "backups"), "--without-keys", "--without-servers"]
    done = CliRunner().invoke(main, words, env=made.environ)
    assert done.exit_code == 0, done.output
    assert done.output.count("lies on a server and was left out") == 4
