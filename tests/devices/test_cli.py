"""The command line: a whole counter over HTTP, with virtual cards and a real process; what is missing, by name."""

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from cards.claims import Form
from devices import pcsc
from devices.__main__ import main
from tests.devices.builders import chip_of
from tests.devices.lab import READERS, present
from tests.verifier import world as worlds
from tests.verifier.world import BY, World
from tests.waiting import until

ROOT = Path(__file__).parents[2]


def ran(*words: str, stdin: str | None = None):
    """A command's result."""
    return CliRunner().invoke(main, list(words), input=stdin)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A whole verifier behind a real port, at the present time."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(worlds, "BASE", address)
    now = datetime.now(UTC).astimezone(worlds.SHANGHAI)
    made = World(tmp_path / "world", now.strftime("%Y-%m-%d %H:%M:%S"))
    made.address = address
    server.app = made.app
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join(5)
    server.server_close()
    made.close()


def enrolled(served, folder: Path) -> str:
    """Enrol an agent at the gym by the command line; returns its folder."""
    code = served.accounts.devices.make_code("gym", needs_operator=False, by=BY, at=served.clock.now()).code
    told = ran("agent", "--folder", str(folder), "--server", served.address, "--code", "-", stdin=f"{code}\n")
    assert told.exit_code == 0, told.output
    assert code not in told.output
    return str(folder)


def test_every_command_explains_itself():
    """Help is there for every command and names no secret by value."""
    for words in (
        (),
        ("read",),
        ("write",),
        ("agent",),
        ("personalise",),
        ("personalise", "batch"),
        ("simulate", "tap"),
    ):
        told = ran(*words, "--help")
        assert told.exit_code == 0
        assert "Usage" in told.output


def test_a_virtual_chip_is_tapped_against_a_server(served, tmp_path):
    """Key, card, tap: granted and proved, over real HTTP, without hardware."""
    folder = enrolled(served, tmp_path / "agent")
    made = ran("simulate", "key", str(tmp_path / "chip.pem"))
    jwk = json.loads(made.output)
    card = served.card("gold", Form.CHIP, key=jwk)
    (tmp_path / "card.txt").write_text(card.token)
    asked = ["simulate", "tap", "chip", str(tmp_path / "card.txt"), "--folder", folder, "--service", "gym-visit"]
    told = ran(*asked, "--key", str(tmp_path / "chip.pem"), "--json")
    assert told.exit_code == 0, told.output
    said = json.loads(told.output)
    assert (said["kind"], said["assurance"], said["offline"]) == ("granted", "proved", False)
    clone = ran(*asked, "--key", str(tmp_path / "clone.pem"))
    assert clone.exit_code == 1
    assert "bad-proof" in clone.output


def test_a_virtual_tag_needs_the_id(served, tmp_path):
    """Without `--id-checked` the question stands; with it the tag is granted."""
    folder = enrolled(served, tmp_path / "agent")
    (tmp_path / "card.txt").write_text(served.card("gold", Form.TAG).token)
    asked = ["simulate", "tap", "type2", str(tmp_path / "card.txt"), "--folder", folder, "--service", "gym-visit"]
    assert "CONFIRM" in ran(*asked).output
    told = ran(*asked, "--id-checked", "--json")
    assert json.loads(told.output)["assurance"] == "copyable"


def test_diagnosis_names_what_is_missing(tmp_path, monkeypatch):
    """Without pyscard and enrolment every other line is there, and each fault has its remedy."""
    monkeypatch.setattr(pcsc, "scard", None)
    told = ran("agent", "--diagnose", "--folder", str(tmp_path / "none"))
    assert told.exit_code == 1
    assert pcsc.INSTALL in told.output
    assert "--code" in told.output
    assert "ok     python" in told.output


def test_diagnosis_of_a_whole_counter(served, tmp_path, lab):
    """Readers, server, clock, documents and records are told."""
    folder = enrolled(served, tmp_path / "agent")
    told = ran("agent", "--diagnose", "--folder", folder)
    for part in ("pyscard", "pcscd", "readers", "identity", "server", "documents", "offline", "disk"):
        assert re.search(rf"ok +{part}", told.output), told.output


@pytest.mark.parametrize("command", [("readers",), ("read",)])
def test_without_pyscard_the_command_is_named(monkeypatch, command):
    """Reading cards asks for the package by its install command."""
    monkeypatch.setattr(pcsc, "scard", None)
    told = ran(*command)
    assert told.exit_code == 1
    assert "apt-get install pcscd" in told.output


def test_cards_are_read_and_written_by_command(lab, served, tmp_path):
    """`readers`, `write` and `read` work over the daemon; the text is shown only when asked for."""
    from tests.devices.emulators import Type4Card

    assert json.loads(ran("readers", "--json").output) == list(READERS)
    card = served.card("gold", Form.TAG)
    lab.insert(Type4Card())
    until(lambda: present(READERS[0]))
    assert "written and read back" in ran("write", "-", stdin=card.token).output
    said = json.loads(ran("read", "--json").output)
    assert (said["profile"], said["form"], said["assurance"]) == ("type4", "tag", "copyable")
    assert card.token not in json.dumps(said)
    assert card.token in ran("read", "--show").output


def test_the_agent_runs_as_a_process(lab, served, tmp_path):
    """Enrolled, started, tapped, shown in the terminal and on the page, stopped by a signal."""
    folder = enrolled(served, tmp_path / "agent")
    command = [sys.executable, "-m", "devices", "agent", "--folder", folder, "--service", "gym-visit", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/events", headers={"Origin": served.address})
        stream = connection.getresponse()
        time.sleep(0.5)
        lab.insert(chip_of(served.card("gold", Form.CHIP)))
        while not (line := stream.readline().decode()).startswith('data: {"kind"'):
            assert line is not None
        assert json.loads(line.removeprefix("data: "))["kind"] == "granted"
        while "GRANTED" not in (told := process.stdout.readline()):
            assert told
        assert served.log()[-1]["assurance"] == "proved"
        stream.close()
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
