"""A slip in a store's name: no command of any room makes a new store where the real one should be."""

import os
from pathlib import Path

import pytest

import accounts.__main__
import issuer.__main__
import verifier.__main__
from audit.tree.place import CheckpointPlace
from edge.cli import Refusal
from edge.settings import load_settings
from keys.notes import Checkpoint
from ledger.values import LedgerUnavailable
from web.standing import refuse_mistyped

ROOMS = {"accounts": accounts.__main__.main, "issuer": issuer.__main__.main, "verifier": verifier.__main__.main}
COMMANDS = [
    ("accounts", "ACCOUNTS", "person list"),
    ("accounts", "ACCOUNTS", "device add --point gym"),
    ("accounts", "ACCOUNTS", "operator list"),
    ("accounts", "ACCOUNTS", "integrator list"),
    ("accounts", "ACCOUNTS", "log"),
    ("issuer", "REGISTER", "holder list"),
    ("issuer", "REGISTER", "publish"),
    ("verifier", "LEDGER", "log list"),
    ("verifier", "LEDGER", "ledger check"),
    ("verifier", "LEDGER", "ledger export copy"),
    ("verifier", "LEDGER", "ledger migrate sqlite:///other.db"),
    ("verifier", "LEDGER", "offline conflicts"),
    ("verifier", "LEDGER", "bookings sweep"),
    ("verifier", "LEDGER", "bookings missed"),
    ("verifier", "LEDGER", "matters rebuild"),
    ("verifier", "LEDGER", "audit sequence --once"),
    ("verifier", "VERIFIER", "offline held"),
    ("verifier", "ACCOUNTS", "hooks list"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=[f"{room} {line}" for room, _, line in COMMANDS])
def test_a_mistyped_name_in_an_existing_folder_makes_no_store(command, tmp_path, capsys, monkeypatch):
    """The command is refused with the setting to look at, and the folder holds what it held before."""
    room, store, line = command
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("YUNJU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path))
    monkeypatch.setenv(f"YUNJU_{store}_URL", f"sqlite:///{tmp_path}/mistyped.db")
    with pytest.raises(SystemExit) as left:
        ROOMS[room].main(line.split(), prog_name=room)
    told = capsys.readouterr().err
    assert left.value.code == 1
    assert f"{tmp_path}/mistyped.db" in told
    assert f"YUNJU_{store}_URL may be mistyped" in told
    assert not list(tmp_path.glob("*.db*"))


@pytest.fixture
def standing(tmp_path, monkeypatch):
    """A machine whose stores are there, made by the rooms' own `init`; its environment."""
    for name in [name for name in os.environ if name.startswith("YUNJU_")]:
        monkeypatch.delenv(name)
    environ = {"YUNJU_VAR": str(tmp_path / "var"), "YUNJU_SURFACES": "verifier,counter"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for room in ("accounts", "verifier"):
        with pytest.raises(SystemExit) as left:
            ROOMS[room].main(["init"], prog_name=room)
        assert left.value.code == 0
    return environ


@pytest.mark.parametrize("store", ["ACCOUNTS", "LEDGER", "VERIFIER"])
def test_no_service_makes_a_store_where_one_should_be(store, standing, tmp_path):
    """Web service and background work refuse a mistyped name with the command that makes a new store, and make none."""
    refuse_mistyped(load_settings(standing))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Refusal) as refused:
        refuse_mistyped(load_settings(standing | {f"YUNJU_{store}_URL": f"sqlite:///{tmp_path}/mistyped.db"}))
    assert refused.value.message.endswith(f"{tmp_path}/mistyped.db")
    room = "accounts" if store == "ACCOUNTS" else "verifier"
    assert f"YUNJU_{store}_URL may be mistyped; `python -m {room} init`" in refused.value.hint
    assert sorted(tmp_path.rglob("*")) == before


def test_a_second_init_of_the_verifier_changes_nothing(standing, capsys):
    """What was logged stays; both runs end well, and the ledger's check reads what is there."""
    var = Path(standing["YUNJU_VAR"])
    before = {name: (var / name).read_bytes() for name in ("ledger.db", "verifier.db")}
    with pytest.raises(SystemExit) as left:
        ROOMS["verifier"].main(["init"], prog_name="verifier")
    assert left.value.code == 0, capsys.readouterr().err
    assert {name: (var / name).read_bytes() for name in before} == before
    with pytest.raises(SystemExit) as left:
        ROOMS["verifier"].main(["ledger", "check"], prog_name="verifier")
    assert left.value.code == 0


def test_init_makes_no_ledger_where_the_log_outlived_its_own(standing, capsys):
    """An empty ledger would renew every quota: both `init` and the services say to restore a backup."""
    settings = load_settings(standing)
    for file in settings.var.glob("ledger.db*"):
        file.unlink()
    note = Checkpoint("yunju.example/log", 7, bytes(32)).text + "\n\u2014 yunju.example/log AAAAAAAA\n"
    CheckpointPlace(settings.log_checkpoint).begin(note, 1_793_408_400)
    with pytest.raises(LedgerUnavailable, match="restore it from a backup"):
        refuse_mistyped(settings)
    with pytest.raises(SystemExit) as left:
        ROOMS["verifier"].main(["init"], prog_name="verifier")
    assert left.value.code == 1
    assert "restore it from a backup" in capsys.readouterr().err
    assert not list(settings.var.glob("ledger.db*"))


def test_the_store_of_accounts_is_made_by_init(tmp_path, capsys, monkeypatch):
    """And by that alone: afterwards the commands work on it."""
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path / "new"))
    for line, code in (("log", 1), ("init", 0), ("log", 0), ("init", 0)):
        with pytest.raises(SystemExit) as left:
            accounts.__main__.main.main(line.split(), prog_name="accounts")
        assert left.value.code == code, capsys.readouterr().err
