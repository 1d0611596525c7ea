"""A slip in a store's name: no command of any room makes a new store where the real one should be."""

import os

import pytest

import accounts.__main__
import issuer.__main__
import verifier.__main__

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


def test_the_store_of_accounts_is_made_by_init(tmp_path, capsys, monkeypatch):
    """And by that alone: afterwards the commands work on it."""
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path / "new"))
    for line, code in (("log", 1), ("init", 0), ("log", 0), ("init", 0)):
        with pytest.raises(SystemExit) as left:
            accounts.__main__.main.main(line.split(), prog_name="accounts")
        assert left.value.code == code, capsys.readouterr().err
