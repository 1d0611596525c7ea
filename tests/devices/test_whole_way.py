"""The whole way, nothing replaced: the issuer's command line issues on a chip over a reader, and its tap is granted."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from accounts.store import AccountStore
from devices import identity, server
from devices.desk import AgentCounter
from devices.documents import DocumentFolder
from devices.offline import OfflineQueue
from devices.verdict import VerdictKind
from edge.clock import SystemClock
from edge.settings import load_settings
from tests.devices.emulators import PivCard
from tests.devices.lab import READERS, present
from tests.devices.test_pcsc import on
from tests.issuer.builders import resident_id
from tests.waiting import until
from tools.ports import free_port
from web.app import create_application

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """Settings of a whole installation, empty."""
    made = {"YUNJU_VAR": str(tmp_path / "var"), "YUNJU_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    return made


def run(*words: str, typed: str | None = None) -> dict:
    """Run one of the project's command lines and return its JSON."""
    command = [sys.executable, "-m", *words, "--json"]
    done = subprocess.run(command, input=typed, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.fixture
def holder(environ):
    """A holder of an issuer that was set up."""
    run("issuer", "init")
    made = run("issuer", "holder", "add", "--name", "张启明", "--id-file", "-", typed=resident_id("19851129", 362))[
        "id"
    ]
    run("issuer", "holder", "ground", made, "gold-6")
    return made


def test_a_batch_of_the_real_issuer_ends_in_a_grant(lab, environ, holder, tmp_path):
    """Batch over the reader, card in the register, chip on a counter's reader: granted, proved."""
    (tmp_path / "holders").write_text(f"{holder}\n")
    key = tmp_path / "management.key"
    key.write_text(bytes(range(24)).hex())
    key.chmod(0o600)
    lab.insert(PivCard(blank=True))
    report = run(
        "devices", "personalise", "batch", "chip", str(tmp_path / "holders"), "--management-key-file", str(key)
    )
    assert [(row["holder"], row["done"]) for row in report] == [(holder, True)]
    (card,) = run("issuer", "card", "list", "--holder", holder)
    assert (card["id"], card["form"]) == (report[0]["card"], "chip")
    until(lambda: present(READERS[0]))
    assert tapped(environ, tmp_path).assurance == "proved"


def tapped(environ: dict[str, str], folder: Path):
    """Serve the application, enrol a counter at it, and tap what lies on the reader."""
    settings = load_settings({**environ, "PATH": os.environ["PATH"]})
    app = create_application(settings)
    port = int(environ["YUNJU_BASE_URL"].rpartition(":")[2])
    serving = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    accounts = AccountStore.open(settings.accounts_url)
    try:
        code = accounts.devices.make_code("gym", needs_operator=False, by="cli:admin", at=CLOCK.now()).code
        base, agent = environ["YUNJU_BASE_URL"], folder / "agent"
        kept = identity.keep(agent, base, server.enrol(base, code, identity.device_key(agent), CLOCK))
        queue = OfflineQueue(agent, kept.signer, kept.device, kept.point)
        calls, documents = server.Server(kept, CLOCK), DocumentFolder(agent, kept.root)
        assert documents.refresh(calls, CLOCK.now())
        with on() as tap:
            verdict = AgentCounter(calls, documents, queue, CLOCK, "gym-visit").tapped(tap, READERS[0])
        assert verdict.kind is VerdictKind.GRANTED, verdict
        return verdict
    finally:
        accounts.close()
        serving.shutdown()
        thread.join(5)
        serving.server_close()
