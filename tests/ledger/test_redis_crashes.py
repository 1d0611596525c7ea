"""What survives on Redis when the server, its disk or its primary dies: all that was acknowledged, or a named loss."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Self

import pytest
from redis.exceptions import RedisError

from edge.clock import SystemClock
from ledger.redis import RedisLedger, RedisOptions
from ledger.values import LedgerUnavailable, Query
from tests.ledger.builders import a_charge, a_check_in, faults
from tests.ledger.crew import a_crew
from tests.ledger.redis_servers import Server, a_server

pytestmark = pytest.mark.slow

CLOCK = SystemClock()
BRIEF = {"wait": timedelta(seconds=0.3), "answer": timedelta(seconds=1), "whole": timedelta(seconds=1.5)}


@contextmanager
def opened(server: Server, **options):
    """A ledger on a server for a while."""
    ledger = RedisLedger(RedisOptions(server.url, **{**BRIEF, **options}))
    try:
        yield ledger
    finally:
        ledger.close()


class Load:
    """Threads that check holders in until told to stop; what they were told is kept."""

    def __init__(self, ledger, threads: int = 4) -> None:
        self.ledger, self.told, self.untold, self.over = ledger, [], [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(threads)]

    def run(self, number: int) -> None:
        done = 0
        while not self.over.is_set():
            done += 1
            change = a_check_in(CLOCK.now(), holder=f"{number}-{done % 20}", charges=(a_charge(10_000),))
            try:
                self.told.append((change, self.ledger.check_in(change)))
            except LedgerUnavailable:
                self.untold.append(change)
                time.sleep(0.02)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def wait(self, answers: int) -> None:
        """Until so many more were told."""
        wanted, until = len(self.told) + answers, time.monotonic() + 20
        while len(self.told) < wanted:
            assert time.monotonic() < until
            time.sleep(0.005)


def missing(ledger, told) -> list[str]:
    """The acknowledged entries that a ledger does not hold, word for word."""
    return [outcome.entry for change, outcome in told if not _holds(ledger, change, outcome)]


def _holds(ledger, change, outcome) -> bool:
    kept = ledger.replay(change.operation)
    return kept is not None and (kept.entry, kept.leaf_hash) == (outcome.entry, outcome.leaf_hash)


def retried(ledger, change):
    """The same operation once more, as a device sends it when the server is back."""
    until = time.monotonic() + 10
    while True:
        try:
            again = a_check_in(
                CLOCK.now(), holder=change.operation.subject, operation=change.operation.id, charges=change.charges
            )
            return ledger.check_in(again)
        except LedgerUnavailable:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_server_killed_under_load_loses_nothing_acknowledged(tmp_path):
    """`appendfsync always`, kill -9 three times: every answer is in the log, whatever was unsure is counted once."""
    with a_server(tmp_path / "r") as server, opened(server, seen=tmp_path / "seen") as ledger:
        with Load(ledger) as load:
            for _ in range(3):
                load.wait(60)
                server.kill()
                time.sleep(0.05)
                server.start()
            load.wait(20)
        assert missing(ledger, load.told) == []
        for change in load.untold:
            assert retried(ledger, change).granted
        assert ledger.counts(Query())["granted"] == len(load.told) + len(load.untold)
        assert ledger.losses() == []
        assert faults(ledger) == []


def appended(server: Server):
    """The file that the server appends to."""
    (path,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    return path


def test_a_torn_last_record_costs_nothing_acknowledged(tmp_path):
    """The crash cut a write in two: what was acknowledged before stands, and the log goes on without a gap."""
    with a_server(tmp_path / "r") as server, opened(server, seen=tmp_path / "seen") as ledger:
        told = [(change, ledger.check_in(change)) for change in (a_check_in(CLOCK.now()) for _ in range(5))]
        server.kill()
        with appended(server).open("ab") as file:
            file.write(b"*1\r\n$5\r\nMULTI\r\n*4\r\n$4\r\nHSET\r\n$3\r\nyj:")
        server.start()
        assert missing(ledger, told) == []
        assert ledger.check_in(a_check_in(CLOCK.now())).entry.endswith("-000006")
        assert faults(ledger) == []


def test_what_a_server_lost_is_named_at_start_up_and_by_the_check(tmp_path, caplog):
    """`everysec`, and the machine's power: the last second is gone. It is bounded, and each loss is named."""
    seen = tmp_path / "seen"
    with a_server(tmp_path / "r", appendfsync="everysec") as server:
        with opened(server, allow_loss=True, seen=seen) as ledger:
            first = [ledger.check_in(a_check_in(CLOCK.now())) for _ in range(5)]
            size = appended(server).stat().st_size
            lost = [ledger.check_in(a_check_in(CLOCK.now())) for _ in range(3)]
        server.kill()
        os.truncate(appended(server), size)
        server.start()
        with opened(server, allow_loss=True, seen=seen) as ledger:
            (loss,) = ledger.open()
            assert (loss.first, loss.last, loss.replaced) == (6, 8, False)
            assert f"{lost[0].entry} to {lost[-1].entry}" in caplog.text
            assert ledger.check_in(a_check_in(CLOCK.now())).entry == lost[0].entry
            assert ledger.entry(first[-1].entry) is not None
            (fault,) = faults(ledger)
            assert fault.place == lost[-1].entry
        with opened(server, allow_loss=True, seen=seen) as ledger:
            assert ledger.open() == []
            assert len(faults(ledger)) == 1


def test_reused_numbers_after_a_rollback_are_noticed_while_running(tmp_path):
    """The server came back with less, another application wrote on from there: the first one sees that its entry is
    another now.
    """
    with a_server(tmp_path / "r") as server, opened(server) as ledger, opened(server) as other:
        ledger.check_in(a_check_in(CLOCK.now()))
        size = appended(server).stat().st_size
        mine = ledger.check_in(a_check_in(CLOCK.now()))
        server.kill()
        os.truncate(appended(server), size)
        server.start()
        theirs = other.check_in(a_check_in(CLOCK.now()))
        assert (theirs.entry, theirs.leaf_hash != mine.leaf_hash) == (mine.entry, True)
        assert ledger.check_in(a_check_in(CLOCK.now())).entry.endswith("-000003")
        (loss,) = ledger.losses()
        assert (loss.fault().place, loss.replaced) == (mine.entry, True)
        assert [fault.place for fault in faults(ledger)] == [mine.entry]


def test_a_full_disk_ends_the_server_and_loses_nothing_acknowledged(tmp_path):
    """A server that cannot append with `always` stops by itself; with room again it goes on where it was."""
    with a_server(tmp_path / "r") as server, opened(server, seen=tmp_path / "seen") as ledger:
        ledger.check_in(a_check_in(CLOCK.now()))
        room = appended(server).stat().st_size + 20_000
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (room, room))
        told, refused = [], None
        while refused is None:
            change = a_check_in(CLOCK.now(), holder=f"holder-{len(told)}")
            try:
                told.append((change, ledger.check_in(change)))
            except LedgerUnavailable:
                refused = change
        server.stop()
        server.start()
        assert len(told) > 5
        assert retried(ledger, refused).granted
        assert missing(ledger, told) == []
        assert faults(ledger) == []


@contextmanager
def a_pair(folder):
    """A primary and a replica that has caught up."""
    with a_server(folder / "a", repl_diskless_sync_delay=0) as primary, a_server(folder / "b") as replica:
        with replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
            _until(lambda: client.info("replication").get("master_link_status") == "up")
        with primary.client() as client:
            _until(lambda: client.execute_command("WAIT", 1, 100) == 1 and _is_online(client))
        yield primary, replica


def _is_online(client) -> bool:
    return client.info("replication").get("slave0", {}).get("state") == "online"


def _until(holds) -> None:
    until = time.monotonic() + 15
    while True:
        with suppress(RedisError):
            if holds():
                return
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def failed_over(primary: Server, replica: Server):
    """The replica stands still for a while, then the primary dies and the replica takes its place."""
    os.kill(replica.process.pid, signal.SIGSTOP)
    with primary.client() as client:  # what comes after this does not fit the way to the replica any more
        client.set("jam", b"x" * 32_000_000)
    try:
        yield
    finally:
        primary.kill()
        os.kill(replica.process.pid, signal.SIGCONT)
        with replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")


def test_with_wait_a_failover_to_a_stalled_replica_loses_nothing_acknowledged(tmp_path):
    """What no replica confirmed was not acknowledged: "retry with the same operation"; so it is counted once."""
    with a_pair(tmp_path) as (primary, replica):
        with opened(primary, replicas=1) as ledger, Load(ledger) as load:
            load.wait(80)
            with failed_over(primary, replica):
                _until(lambda: len(load.untold) >= 12)
        with opened(replica) as ledger:
            assert any(ledger.replay(change.operation) is None for change in load.untold), "nothing was lost at all"
            assert missing(ledger, load.told) == []
            for change in load.untold:
                assert retried(ledger, change).granted
            assert ledger.counts(Query())["granted"] == len(load.told) + len(load.untold)
            assert faults(ledger) == []


def test_an_unconfirmed_answer_says_what_to_do_and_its_retry_waits_too(tmp_path, monkeypatch):
    """The entry stands on the primary alone: neither the first call nor the retry says so while no replica has it."""
    with a_pair(tmp_path) as (primary, replica), opened(primary, replicas=1) as ledger:
        retried(ledger, a_check_in(CLOCK.now(), holder="first"))  # a busy disk may keep the replica past the wait
        change = a_check_in(CLOCK.now())
        ledger._bind(change)  # confirmed while the replica still answers, so that the commit is what is not
        monkeypatch.setattr(ledger, "_bind", lambda _: None)
        os.kill(replica.process.pid, signal.SIGSTOP)
        for ask in (lambda: ledger.check_in(change), lambda: ledger.replay(change.operation)):
            with pytest.raises(LedgerUnavailable, match="retry with the same operation"):
                ask()
        os.kill(replica.process.pid, signal.SIGCONT)
        again = retried(ledger, change)
        assert (again.granted, again.replayed) == (True, True)


def test_without_wait_what_a_failover_lost_is_named(tmp_path):
    """Only under the setting with the frightening name; the loss is known by its entries."""
    seen = tmp_path / "seen"
    with a_pair(tmp_path) as (primary, replica):
        with opened(primary, replicas=0, allow_loss=True, seen=seen) as ledger:
            ledger.check_in(a_check_in(CLOCK.now()))
            with primary.client() as client:
                client.execute_command("WAIT", 1, 1000)
            with failed_over(primary, replica):
                lost = [ledger.check_in(a_check_in(CLOCK.now())) for _ in range(4)]
        with opened(replica, allow_loss=True, seen=seen) as ledger:
            (loss,) = ledger.open()
            assert (loss.fault().place, loss.last - loss.first + 1) == (lost[-1].entry, 4)


def test_a_primary_with_replicas_that_nobody_waits_for_is_refused(tmp_path):
    """It may fail over to one that has less; the remedy is named."""
    with a_pair(tmp_path) as (primary, _), opened(primary) as ledger:
        with pytest.raises(LedgerUnavailable, match=r"\?replicas=1"):
            ledger.open()
        with pytest.raises(LedgerUnavailable, match=r"\?replicas=1"):
            ledger.check_in(a_check_in(CLOCK.now()))


def test_64_check_ins_over_8_processes_on_a_quota_of_2(tmp_path):
    """Exactly 2 granted, 62 refused, 64 entries."""
    with a_server(tmp_path) as server:
        (tmp_path / "redis-url").write_text(server.url)
        with a_crew("redis", tmp_path, 8) as crew, opened(server) as ledger:
            for number in range(3):
                reasons = [reason for worker in crew.order("rush", f"holder-{number}", 8) for reason in worker]
                assert (reasons.count(None), reasons.count("quota-spent")) == (2, 62)
                holder = ledger.pseudonym(f"holder-{number}")
                assert ledger.counts(Query(holder=holder)) == {"granted": 2, "denied": 62}
            assert faults(ledger) == []
