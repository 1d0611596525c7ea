"""A ledger set back while its log was not: by a restored file, a restored append-only file, a replica that lagged."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.tree.holding import HELD, LOOK_AGAIN_SECONDS, Held
from edge.clock import SystemClock
from edge.settings import load_settings
from ledger.interface import Ledger
from ledger.leaf import split_id
from ledger.opening import open_ledger
from ledger.values import LedgerUnavailable, partition_of
from tests.audit.test_audit_cli import Office
from tests.ledger.builders import HOLDER, a_gym_visit, a_hold, a_void, a_window
from tests.ledger.offline_builders import a_record
from tests.ledger.redis_servers import BINARY, Server, a_server
from verifier.__main__ import main
from verifier.cli.audit_repair import repair
from verifier.service import open_verifier

CLOCK = SystemClock()
KNOWN, STRANGER = "a-holder-known-before", "a-holder-seen-later"


class FileRig:
    """A ledger in a file, of which a copy is put back."""

    def __init__(self, folder: Path, _exits: ExitStack) -> None:
        self.office = Office(folder)
        self.file = folder / "var/ledger.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def keep(self) -> None:
        """Make the copy that will be restored."""
        shutil.copy(self.file, f"{self.file}.copy")

    def roll_back(self) -> None:
        """Put the copy in its place, as a new file."""
        for beside in self.file.parent.glob("ledger.db-*"):
            beside.unlink()
        Path(f"{self.file}.copy").rename(self.file)


class RedisRig(FileRig):
    """A ledger on a Redis server whose append-only file is restored from a copy."""

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        super().__init__(folder, exits)
        self.server = exits.enter_context(a_server(folder / "redis"))
        self.settle()

    @property
    def url(self) -> str:
        return self.server.url

    def settle(self) -> None:
        """Tell the commands where the ledger is."""
        self.office.environ["YUNJU_LEDGER_URL"] = self.url

    def keep(self) -> None:
        shutil.copytree(self.server.folder / "appendonlydir", self.server.folder / "copy")

    def roll_back(self) -> None:
        self.server.kill()
        shutil.rmtree(self.server.folder / "appendonlydir")
        (self.server.folder / "copy").rename(self.server.folder / "appendonlydir")
        self.server.start()


class ReplicaRig(RedisRig):
    """A ledger on a primary that dies while its replica stands still; the replica takes its place."""

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        super().__init__(folder, exits)
        self.office.environ["YUNJU_DANGEROUS_ALLOW_REDIS_LOSS"] = "yes"
        self.replica: Server = exits.enter_context(
            a_server(folder / "replica", replicaof=f"127.0.0.1 {self.server.port}", repl_timeout=3600)
        )

    def keep(self) -> None:
        with self.server.client() as primary, self.replica.client() as replica:
            until = time.monotonic() + 20
            while time.monotonic() < until:
                offset = replica.info("replication").get("slave_repl_offset")
                if offset == primary.info("replication")["master_repl_offset"]:
                    break
                time.sleep(0.02)
        # It stands still for good: what the primary says from now on never comes.
        with self.replica.client() as replica:
            replica.execute_command("CONFIG", "SET", "masterauth", "none-that-it-takes")
            replica.execute_command("REPLICAOF", "127.0.0.1", "1")

    def roll_back(self) -> None:
        self.server.kill()
        with self.replica.client() as replica:
            replica.execute_command("REPLICAOF", "NO", "ONE")
        self.server = self.replica
        self.settle()


RIGS = {"sqlite": FileRig} | ({"redis-file": RedisRig, "redis-replica": ReplicaRig} if BINARY else {})


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.parts] * (name != "sqlite")) for name in sorted(RIGS)])
def rig(request, tmp_path):
    """A ledger with a log and a way to set it back."""
    with ExitStack() as exits:
        yield RIGS[request.param](tmp_path, exits)


def opened(rig: FileRig) -> Ledger:
    """The ledger, as any process opens it."""
    return open_ledger(rig.url, CLOCK, allow_redis_loss=True, seen=rig.office.folder / "var/ledger-seen")


def ledger_check(rig: FileRig, code: int = 0) -> str:
    """`ledger check` on it."""
    told = CliRunner().invoke(main, ["ledger", "check"], env=rig.office.environ)
    assert told.exit_code == code, told.output
    return told.output


def repaired(rig: FileRig, *words: str, code: int = 0) -> str:
    """The command's output; it must end with this exit code."""
    told = CliRunner().invoke(repair, list(words), obj=load_settings(rig.office.environ))
    assert told.exit_code == code, told.output
    return told.output


def visit(**changes):
    """A gym visit now that opens no visit of two hours."""
    return a_gym_visit(CLOCK.now(), **{"visit": None, **changes})


def begin(rig: FileRig) -> None:
    """One visit of each of two holders, in the log; then the copy is made."""
    ledger = opened(rig)
    for holder in (HOLDER, KNOWN):
        assert ledger.check_in(visit(holder=holder)).granted
    ledger.close()
    rig.office.run("sequence", "--once")
    rig.keep()


def go_on(rig: FileRig) -> list[str]:
    """What is lost later: a second visit, a booking, a void, a use recorded offline, a holder never seen before."""
    ledger, now = opened(rig), CLOCK.now()
    made = [ledger.check_in(visit()).entry, ledger.hold(a_hold(now, window=a_window(now), holder=KNOWN)).entry]
    taken_back = ledger.check_in(visit(holder=KNOWN)).entry
    made += [taken_back, ledger.void(a_void(taken_back, CLOCK.now())).entry]
    made += [ledger.record_offline(a_record(now - timedelta(hours=1), CLOCK.now(), holder=KNOWN)).entry]
    made += [ledger.check_in(visit(holder=STRANGER)).entry]
    ledger.close()
    rig.office.run("sequence", "--once")
    return made


def leaves(rig: FileRig) -> dict[int, tuple[bytes, ...]]:
    """Every leaf that the ledger holds."""
    ledger = opened(rig)
    found = {one.partition: one.leaves for one in ledger.dump()}
    ledger.close()
    return found


def test_a_ledger_that_was_set_back_is_put_right_from_its_log(rig):
    """What was lost is told and, on demand, put back in order: check and log are clean, and quotas count it again."""
    begin(rig)
    lost = go_on(rig)
    whole = leaves(rig)
    rig.roll_back()
    before = leaves(rig)
    assert sum(map(len, before.values())) == 2

    told = repaired(rig, code=1)
    assert leaves(rig) == before, "without --apply nothing is written"
    for partition in {split_id(entry)[0] for entry in lost}:
        mine = [entry for entry in lost if split_id(entry)[0] == partition]
        assert f"{mine[0]} to {mine[-1]} ({len(mine)} entries)" in told or f"{mine[0]} (1 entry)" in told
    assert f"{lost[-1]}: it counts for nobody" in told

    assert "put back" in repaired(rig, "--apply")
    assert leaves(rig) == whole
    assert "no fault" in ledger_check(rig)
    assert "no fault" in rig.office.run("verify", rig.office.log, *rig.office.keys)
    assert "nothing to put back" in repaired(rig)

    ledger = opened(rig)
    assert ledger.check_in(visit()).reason == "quota-spent"
    ledger.close()
    assert rig.office.run("sequence", "--once").startswith("9 entries")


def test_numbers_used_again_are_a_conflict_and_left_for_a_person(rig, tmp_path):
    """Another visitor under a number of the log: named, nothing written there; a person may settle it for the log."""
    begin(rig)
    lost = go_on(rig)
    whole = leaves(rig)
    rig.roll_back()
    ledger = opened(rig)
    again = ledger.check_in(visit(device="tablet-9")).entry
    ledger.close()
    assert again == lost[0]

    told = repaired(rig, "--apply", code=1)
    assert f"{again} names one entry in the log and another in the ledger" in told
    found = leaves(rig)
    partition = partition_of(HOLDER)
    assert b"tablet-9" in found[partition][-1], "the ledger's own entry stands"
    assert {one: kept for one, kept in found.items() if one != partition} == {
        one: kept for one, kept in whole.items() if one != partition
    }
    assert Held(load_settings(rig.office.environ).log / HELD).get() == {partition}

    aside = tmp_path / "aside.jsonl"
    told = repaired(rig, "--apply", "--set-aside", str(aside))
    assert f"set aside       1 of the ledger's own entries, from {again}" in told
    assert json.loads(aside.read_text())["device"] == "tablet-9"
    assert aside.stat().st_mode & 0o777 == 0o600
    assert leaves(rig) == whole
    assert Held(load_settings(rig.office.environ).log / HELD).get() == frozenset()


def test_the_sequencer_reports_and_holds_what_was_set_back(rig):
    """One incident a partition, the partitions in the file that every process reads; after the repair none is held."""
    begin(rig)
    lost = go_on(rig)
    rig.roll_back()
    rig.office.run("sequence", "--once")
    folder = load_settings(rig.office.environ).log
    told = [json.loads(line) for line in (folder / "incidents.jsonl").read_text().splitlines()]
    wanted = {split_id(entry)[0] for entry in lost}
    assert {split_id(one["place"])[0] for one in told if one["kind"] == "rolled-back"} == wanted
    assert Held(folder / HELD).get() == wanted
    repaired(rig, "--apply")
    assert Held(folder / HELD).get() == frozenset()


def test_another_store_has_another_name(rig):
    """A restored file, a restart from a restored one, a promoted replica: each is told from what was there before."""
    begin(rig)
    ledger = opened(rig)
    before = ledger.store()
    assert ledger.store() == before
    ledger.close()
    rig.roll_back()
    ledger = opened(rig)
    assert ledger.store() != before
    ledger.close()


def test_nothing_is_recorded_where_the_ledger_lags_until_it_is_repaired(rig):
    """At the start of a service, and while it runs: 503 for the holders concerned; others go on; repair sets free."""
    begin(rig)
    go_on(rig)
    rig.roll_back()
    verifier = open_verifier(load_settings(rig.office.environ), CLOCK)
    try:
        with pytest.raises(LedgerUnavailable, match="audit repair"):
            verifier.ledger.check_in(visit())
        with pytest.raises(LedgerUnavailable, match="audit repair"):
            verifier.ledger.hold(a_hold(CLOCK.now(), holder=KNOWN))
        assert verifier.ledger.usage(HOLDER, CLOCK.now()).counters, "reading goes on"
        assert verifier.ledger.check_in(visit(holder="another")).granted, "others go on"
        repaired(rig, "--apply")
        time.sleep(LOOK_AGAIN_SECONDS + 0.1)  # what another process changed of the hold is seen a second later at most
        assert verifier.ledger.check_in(visit()).reason == "quota-spent"
    finally:
        verifier.close()
