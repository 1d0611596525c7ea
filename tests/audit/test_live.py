"""A served log, watched from outside: auditors, a witness and a forked copy, each a program beside gunicorn."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.rights import Right
from audit.tree.holding import HELD, Held
from cards.claims import CARD
from keys.notes import Checkpoint, parse_note
from keys.tokens import parse_unverified
from ledger.values import partition_of
from tests.ledger.redis_servers import a_server
from tests.verifier.machine import ROOT, Machine
from tests.waiting import until
from tools.ports import free_port

pytestmark = pytest.mark.slow


class Forked(Machine):
    """A copy of a machine, keys and all, that serves another address: what an operator with two faces would run."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.port, self.workers = free_port(), 1
        self.base = f"http://127.0.0.1:{self.port}"
        self.var, self.stream = folder / "var", folder / "stream.log"
        shutil.copytree(machine.var, self.var)
        self.environ = {"YUNJU_VAR": str(self.var), "YUNJU_BASE_URL": self.base}
        self.process = None
        self.works = True


class Auditor:
    """Somebody with the log's key and a folder; runs the programs that anybody can."""

    def __init__(self, folder: Path, key: str) -> None:
        folder.mkdir()
        self.folder, self.key = folder, key

    def run(self, *words: object, code: int = 0) -> str:
        """Run `audit …`; it must end with this exit code."""
        command = [sys.executable, "-m", "verifier", "audit", *map(str, words), "--key", self.key]
        environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "YUNJU_VAR": str(self.folder / "none")}
        told = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert told.returncode == code, told.stdout + told.stderr
        return told.stdout + told.stderr

    @property
    def memory(self) -> Path:
        """The last checkpoint that they were shown."""
        return self.folder / "watched-checkpoint"

    def watch(self, machine: Machine, *words: object, code: int = 0) -> str:
        """Look at a machine's log once."""
        return self.run("watch", f"{machine.base}/v1/log", "--once", *words, code=code)


@pytest.fixture
def machine(tmp_path):
    """Two workers."""
    made = Machine(tmp_path, workers=2, works=True)
    yield made
    made.close()


@pytest.fixture
def witness(machine, tmp_path):
    """A witness of the machine's log; its line in the file of witnesses."""
    key = machine.command("verifier", "audit", "keys").stdout.split()[1]
    command = [sys.executable, "-m", "verifier", "audit", "witness", "--name", "auditor.example/w1", "--log", key,
               "--folder", str(tmp_path / "witness"), "--listen", "127.0.0.1:0"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        (tmp_path / "witnesses").write_text(running.stdout.readline())
        yield tmp_path / "witnesses"
        running.terminate()
        running.wait(10)


def size(machine: Machine) -> int:
    """The size of the checkpoint that a machine serves; 0 for none."""
    answer = machine.send("GET", "/v1/log/checkpoint")
    return Checkpoint.parse(parse_note(answer.body).text).size if answer.status == 200 else 0


def attempts(device, card: str, count: int) -> None:
    """So many entries: a grant, then refusals."""
    for _ in range(count):
        assert device.check_in(card, "gym-visit", id_checked=True).status == 201


def cosigned(machine: Machine) -> int:
    """Up to which size the witness has cosigned."""
    (seen,) = machine.send("GET", "/v1/log/status").json["witnesses"]
    return seen["size"]


def test_a_fork_shown_to_two_auditors_is_found_and_a_witness_stops_a_copy(machine, witness, tmp_path):
    """Each auditor alone sees a log that only grows; their two checkpoints cannot be of one. With a witness the copy
    signs nothing at all.
    """
    card = machine.printed(machine.holder())[0]
    device = machine.device("gym", Right.CHECK_IN)
    machine.environ["YUNJU_WITNESSES"] = str(witness)
    machine.start()
    key = machine.command("verifier", "audit", "keys").stdout.split()[0]
    one, two = (Auditor(tmp_path / name, key) for name in ("one", "two"))

    attempts(device, card, 3)
    until(lambda: size(machine) == 3)
    assert "3 entries (+3), consistent" in one.watch(machine)
    assert "consistent" in two.watch(machine)
    machine.stop()
    copy = Forked(machine, tmp_path / "copy")

    machine.start()
    attempts(device, card, 2)
    until(lambda: size(machine) == 5 and cosigned(machine) == 5)
    assert "5 entries (+2), consistent" in one.watch(machine)

    elsewhere = dataclasses.replace(device, machine=copy)
    copy.environ["YUNJU_WITNESSES"] = str(witness)
    copy.start()
    try:
        attempts(elsewhere, card, 1)
        until(lambda: "has seen 5 entries, here are 3" in copy.stream.read_text())
        assert size(copy) == 3, "nothing is signed that the witness contradicts"
        copy.stop()

        del copy.environ["YUNJU_WITNESSES"]
        copy.start()
        attempts(elsewhere, card, 1)
        until(lambda: size(copy) == 5)
        assert "5 entries (+2), consistent" in two.watch(copy)
        told = two.run("compare", one.memory, two.memory, "--log", f"{copy.base}/v1/log", code=1)
        assert "FORK: two logs of 5 entries were signed" in told
        told = one.watch(machine, "--against", two.memory, code=1)
        assert "FORK" in told
        (evidence,) = one.folder.glob("watched-checkpoint.fork-*")
        assert evidence.read_text().count("yunju.baiyun.example/v1/log\n5\n") == 2
        told = one.watch(copy, code=1)
        assert "FORK" in told, "shown the other face, the first auditor sees it at once"
    finally:
        copy.stop()


def test_a_served_log_is_readable_where_it_may_be_and_nowhere_else(machine):
    """Modes of the files that a running service leaves, whatever the umask of who looks."""
    card = machine.printed(machine.holder())[0]
    device = machine.device("gym", Right.CHECK_IN)
    machine.start()
    attempts(device, card, 2)
    until(lambda: size(machine) == 2)
    machine.stop()
    log = machine.var / "log"
    modes = {path.relative_to(log).as_posix(): path.stat().st_mode & 0o777 for path in log.rglob("*") if path.is_file()}
    public = {"checkpoint", "tile/0/000.p/2", "index/synced"}
    assert {name for name, mode in modes.items() if mode == 0o644} <= public
    assert modes["checkpoint"] == modes["tile/0/000.p/2"] == 0o644
    assert modes["tile/entries/000.p/2"] == 0o640
    assert all(mode in (0o600, 0o640) for name, mode in modes.items() if name not in public), json.dumps(modes)


def partition_of_card(card: str) -> int:
    """The partition of a card's holder."""
    return partition_of(str(parse_unverified(card, CARD).claims["sub"]))


def test_a_served_ledger_that_was_set_back_is_held_and_repaired_while_others_go_on(machine, tmp_path):
    """Redis comes back with an older file: 503 for the holder concerned, not for another; repair sets free at once."""
    cards = machine.printed(*[machine.holder(number=number) for number in ("44011119800101001X", "440111198001010028")])
    if partition_of_card(cards[0]) == partition_of_card(cards[1]):
        cards += machine.printed(machine.holder(number="440111198001010036"))
    mine, other = cards[0], cards[-1]
    device = machine.device("gym", Right.CHECK_IN)
    with a_server(tmp_path / "redis") as redis:
        machine.environ["YUNJU_LEDGER_URL"] = redis.url
        machine.start()
        attempts(device, mine, 1)
        until(lambda: size(machine) == 1)
        shutil.copytree(redis.folder / "appendonlydir", redis.folder / "copy")
        attempts(device, mine, 2)
        until(lambda: size(machine) == 3)

        redis.kill()
        shutil.rmtree(redis.folder / "appendonlydir")
        (redis.folder / "copy").rename(redis.folder / "appendonlydir")
        redis.start()
        held = Held(machine.var / "log" / HELD)
        until(lambda: held.get() == {partition_of_card(mine)})
        assert device.check_in(mine, "gym-visit", id_checked=True).status == 503
        assert device.check_in(other, "gym-visit", id_checked=True).status == 201

        told = machine.command("verifier", "audit", "repair")
        assert (told.returncode, "(2 entries)" in told.stdout) == (1, True), told.stdout + told.stderr
        told = machine.command("verifier", "audit", "repair", "--apply")
        assert told.returncode == 0, told.stdout + told.stderr
        again = device.check_in(mine, "gym-visit", id_checked=True)
        assert (again.status, again.json["reason"]) == (201, "already-in")
        until(lambda: size(machine) == 5)
        assert "no fault" in machine.command("verifier", "ledger", "check").stdout
        incidents = [json.loads(line) for line in (machine.var / "log/incidents.jsonl").read_text().splitlines()]
        assert {"rolled-back"} <= {one["kind"] for one in incidents} <= {"rolled-back", "other-store"}
