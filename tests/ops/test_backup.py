"""A backup is consistent, its owner's alone, read back; a restore on an empty machine goes on where the log ended."""

import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.backupnote import read_note
from edge.clock import SystemClock
from edge.settings import load_settings
from ledger.sqlite import SqliteLedger
from ops.__main__ import main
from ops.backup import check_backup, make_backup, read_manifest
from ops.manifest import MANIFEST, SEALED, BackupError
from ops.restore import restore
from tests.audit.test_audit_cli import Office
from tests.ledger.builders import a_check_in

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = b"correct horse battery staple"


class Kept(Office):
    """An office with a witness of its log in another process, and everything that a backup holds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings = load_settings(self.environ)
        self.settings.secret()
        command = [sys.executable, "-m", "verifier", "audit", "witness", "--name", "auditor.example/w1"]
        keys = self.run("keys").split()
        command += [word for key in keys for word in ("--log", key)]
        command += ["--folder", str(folder / "witness"), "--listen", "127.0.0.1:0"]
        self.witness = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        (folder / "witnesses").write_text(self.witness.stdout.readline())
        self.environ["YUNJU_WITNESSES"] = str(folder / "witnesses")

    def close(self) -> None:
        self.witness.kill()
        self.witness.wait(10)
        self.witness.stdout.close()


@pytest.fixture
def office(tmp_path):
    """Forty entries, published and cosigned."""
    made = Kept(tmp_path)
    made.check_ins(40)
    assert made.run("sequence", "--once").startswith("40 entries, 1 cosignatures")
    yield made
    made.close()


def backed_up(office, seconds=0, passphrase=PASSPHRASE) -> Path:
    """Make a backup; `seconds` later than now, so that each has a folder of its own."""
    at = SystemClock().now() + timedelta(seconds=seconds)
    return make_backup(office.settings, office.folder / "backups", passphrase, at)[0]


def test_the_drill_a_lost_machine_is_restored_and_its_log_proved_against_the_witness(office):
    """Backup, everything lost, restore to an empty folder: the ledger's check, the tiles, the witness all agree."""
    (office.folder / "phrase").write_bytes(PASSPHRASE)
    (office.folder / "phrase").chmod(0o600)
    words = ["backup", str(office.folder / "backups"), "--seal-with", str(office.folder / "phrase"), "--json"]
    told = json.loads(CliRunner().invoke(main, words, env=office.environ).output)
    assert (told["log_size"], told["sealed"]) == (40, True)
    office.environ["YUNJU_VAR"] = str(office.folder / "again")
    office.settings = load_settings(office.environ)
    shutil.rmtree(office.folder / "var")
    words = ["restore", told["folder"], "--seal-with", str(office.folder / "phrase")]
    done = CliRunner().invoke(main, words, env=office.environ)
    assert done.exit_code == 0, done.output
    assert office.run("sequence", "--once").startswith("40 entries")
    ledger = SqliteLedger(office.folder / "again/ledger.db", SystemClock())
    assert [found for found in ledger.check() if not isinstance(found, int)] == []
    assert ledger.check_in(a_check_in(SystemClock().now(), holder="holder-of-tomorrow")).granted
    ledger.close()
    assert office.run("sequence", "--once").startswith("41 entries, 1 cosignatures")


def test_a_backup_older_than_what_the_witness_saw_signs_nothing(office):
    """A second history is never begun: the witness knows better than the restored machine."""
    made = backed_up(office)
    office.check_ins(20)
    assert office.run("sequence", "--once").startswith("60 entries")
    shutil.rmtree(office.folder / "var")
    restore(office.settings, made, PASSPHRASE)
    assert "a witness has seen 60 entries, here are 40" in office.run("sequence", "--once", code=1)


def test_everything_is_its_owners_alone_and_keys_lie_sealed_apart(office):
    """Files 0600, folders 0700; no key, no passphrase and no secret outside the sealed block."""
    made = backed_up(office)
    paths = [made, *made.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    secret = office.settings.secret_file.read_bytes().strip()
    whole = b"".join(path.read_bytes() for path in paths if path.is_file())
    assert secret not in whole
    assert b"PRIVATE KEY" not in whole
    assert not any("keys" in path.parts or path.name == "secret" for path in made.rglob("*"))
    without = backed_up(office, 2, passphrase=None)
    assert not (without / SEALED).exists()
    assert read_note(office.settings.var).folder == str(without)


def test_what_did_not_change_is_linked_to_the_last_backup(office):
    """Tiles are written once; only databases and what grew take room again."""
    first = backed_up(office)
    office.check_ins(3)
    office.run("sequence", "--once")
    second = backed_up(office, 2)
    tile = next((first / "var/published").glob("programme.toml"))
    assert tile.stat().st_ino == (second / tile.relative_to(first)).stat().st_ino
    assert (first / "var/ledger.db").stat().st_ino != (second / "var/ledger.db").stat().st_ino
    check_backup(first)
    assert read_manifest(second).log_size == 43


@pytest.mark.parametrize("path", ["var/ledger.db", "var/log/checkpoint"])
def test_one_changed_byte_is_named_and_nothing_is_restored(office, path):
    """Found by the check and before a restore writes anything."""
    made = backed_up(office)
    data = bytearray((made / path).read_bytes())
    data[len(data) // 2] ^= 1
    (made / path).write_bytes(bytes(data))
    with pytest.raises(BackupError, match=re.escape(path)):
        check_backup(made)
    shutil.rmtree(office.folder / "var")
    with pytest.raises(BackupError, match=re.escape(path)):
        restore(office.settings, made, PASSPHRASE)
    assert not (office.folder / "var").exists()


def test_another_passphrase_a_newer_release_and_a_taken_place_are_refused_untouched(office):
    """Each with its remedy, and with nothing written."""
    made = backed_up(office)
    with pytest.raises(BackupError, match="is there already"):
        restore(office.settings, made, PASSPHRASE)
    shutil.rmtree(office.folder / "var")
    with pytest.raises(BackupError, match="do not open"):
        restore(office.settings, made, b"another passphrase")
    with pytest.raises(BackupError, match="are sealed"):
        restore(office.settings, made, None)
    text = (made / MANIFEST).read_text()
    newer = json.loads(text)
    newer["tables"]["var/register.db"] = {"register": "0999"}
    (made / MANIFEST).write_text(json.dumps(newer))
    with pytest.raises(BackupError, match=r"newer release \(register 0999\)"):
        restore(office.settings, made, PASSPHRASE)
    (made / MANIFEST).write_text(json.dumps(json.loads(text) | {"version": 2}))
    with pytest.raises(BackupError, match="newer release"):
        restore(office.settings, made, PASSPHRASE)
    assert not (office.folder / "var").exists()


def test_misuse_of_the_command_is_told(office, tmp_path):
    """No choice about the keys, an open passphrase file, a mistyped folder."""
    runner, folder = CliRunner(), str(tmp_path / "b")
    assert runner.invoke(main, ["backup", folder], env=office.environ).exit_code == 2
    phrase = tmp_path / "open"
    phrase.write_bytes(PASSPHRASE)
    phrase.chmod(0o644)
    done = runner.invoke(main, ["backup", folder, "--seal-with", str(phrase)], env=office.environ)
    assert (done.exit_code, "chmod 600" in done.output) == (1, True)
    mistyped = office.environ | {"YUNJU_VAR": str(tmp_path / "vra")}
    done = runner.invoke(main, ["backup", folder, "--without-keys"], env=mistyped)
    assert (done.exit_code, "mistyped" in done.output) == (1, True)
    assert not (tmp_path / "vra").exists()
