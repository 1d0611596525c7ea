"""A service that cannot start says why and what to do, and the server does not try again for ever."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.store import AccountStore
from edge.clock import SystemClock
from edge.log import ACCESS
from edge.settings import load_settings
from verifier.service import make_stores
from web.starting import BOOT_ERROR, start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def the_log_as_before():
    """Starting sets the process's log up for good; other tests of this process want it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ACCESS.open(None)


@pytest.fixture
def stores_made(tmp_path):
    """The stores of a verifier, as each room's `init` makes them."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path)})
    make_stores(settings, SystemClock())
    AccountStore.open(settings.accounts_url, settings.secret()).close()


@pytest.mark.parametrize(
    ("environ", "said", "hint"),
    [
        ({"YUNJU_NONSENSE": "1"}, "no such setting", "README"),
        ({}, "there is no register at", "python -m issuer init"),
        ({"YUNJU_SURFACES": "verifier"}, "there is no ledger at", "python -m verifier init"),
        ({"YUNJU_VAR": "/nowhere/var"}, "there is no folder /nowhere/var", "README"),
    ],
)
def test_what_is_wrong_is_said_in_two_lines(tmp_path, capsys, environ, said, hint):
    """No traceback: an error with its remedy, and the exit by which gunicorn gives up."""
    with pytest.raises(SystemExit) as stopped:
        start({"YUNJU_VAR": str(tmp_path), **environ})
    *_, told = capsys.readouterr().err.partition("error: ")
    error, remedy = told.strip().rsplit("\n", 1)
    assert stopped.value.code == BOOT_ERROR
    assert said in error
    assert remedy.startswith("hint: ")
    assert hint in remedy


@pytest.mark.parametrize(
    ("environ", "said", "hint"),
    [
        ({}, "holds no root key", "python -m issuer init"),
        ({"YUNJU_PROGRAMME": "/nowhere.toml"}, "/nowhere.toml", "YUNJU_PROGRAMME"),
    ],
)
@pytest.mark.usefixtures("stores_made")
def test_with_its_stores_made_a_verifier_still_wants_documents_and_a_programme(tmp_path, capsys, environ, said, hint):
    """What `init` of the rooms makes is not all that a verifier needs: two lines for each other lack."""
    with pytest.raises(SystemExit) as stopped:
        start({"YUNJU_VAR": str(tmp_path), "YUNJU_SURFACES": "verifier", **environ})
    told = capsys.readouterr().err.partition("error: ")[2]
    assert stopped.value.code == BOOT_ERROR
    assert said in told.partition("\nhint: ")[0]
    assert hint in told.partition("\nhint: ")[2]


@pytest.mark.slow
def test_gunicorn_stops_and_shows_the_two_lines(tmp_path):
    """Under the real server, with nothing set up."""
    environ = {**os.environ, "YUNJU_VAR": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "gunicorn.conf.py",
        "-b",
        "127.0.0.1:0",
        "wsgi:application",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "error: " in done.stderr
    assert "`python -m issuer init` makes a new one" in done.stderr
    assert "create_application" not in done.stderr  # no stack of ours; gunicorn may show its own
