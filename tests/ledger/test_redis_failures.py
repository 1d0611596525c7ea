"""What the Redis ledger does when its server is unfit, away, slow, full or changed: a bounded answer, no grant."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from edge.clock import FixedClock, SystemClock
from ledger.opening import open_ledger
from ledger.redis import RedisLedger, RedisOptions, read_options
from ledger.redis.circuit import Circuit
from ledger.redis.safety import UnsafeServer
from ledger.values import ClockSkew, LedgerError, LedgerUnavailable, Query, partition_of
from tests.ledger.builders import HOLDER, START, a_check_in, a_check_out, a_choice, a_claim, a_gym_visit, a_void, faults
from tests.ledger.redis_servers import a_server

pytestmark = pytest.mark.slow

BRIEF = {"answer": timedelta(seconds=0.3), "whole": timedelta(seconds=0.6)}
PARTITION = f"yj:{{p{partition_of(HOLDER):03d}}}:"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for the tests that only look or tamper."""
    with a_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared):
    """The same, empty."""
    with shared.client() as client:
        client.flushall()
        client.config_set("maxmemory", 0)
    return shared


@contextmanager
def opened(url: str, clock=None, host=None, **options):
    """A ledger at an address for a while."""
    ledger = RedisLedger(RedisOptions(url, **options), clock, host=host)
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("appendonly", "no", "set `appendonly yes`"),
        ("appendfsync", "everysec", "set `appendfsync always`"),
        ("maxmemory-policy", "allkeys-lru", "set `maxmemory-policy noeviction`"),
    ],
)
def test_a_server_that_could_lose_entries_is_refused(server, clock, setting, value, remedy):
    """With the remedy; the setting with the frightening name alone accepts it."""
    with server.client() as client:
        before = client.config_get(setting)[setting]
        client.config_set(setting, value)
        try:
            with pytest.raises(UnsafeServer, match=remedy) as refusal:
                open_ledger(server.url, clock)
            assert "YUNJU_DANGEROUS_ALLOW_REDIS_LOSS" in str(refusal.value)
            accepted = open_ledger(server.url, clock, allow_redis_loss=True)
            assert accepted.check_in(a_gym_visit()).granted
            accepted.close()
        finally:
            client.config_set(setting, before)


def test_a_server_that_became_unfit_is_found_by_the_test_of_readiness(server, clock):
    """Somebody changed its settings while the application ran."""
    with opened(server.url, clock) as ledger, server.client() as client:
        ledger.ready()
        client.config_set("appendfsync", "everysec")
        try:
            with pytest.raises(UnsafeServer):
                ledger.ready()
        finally:
            client.config_set("appendfsync", "always")
        ledger.ready()


@pytest.mark.parametrize("query", ["cluster=perhaps", "replicas=-1", "replicas=one", "replicas="])
def test_an_address_with_a_wrong_option_is_refused(query):
    """Before anything is connected."""
    with pytest.raises(LedgerError, match=r"cluster|replicas"):
        read_options(f"redis://127.0.0.1:1/0?{query}")


def test_an_address_gives_its_options_and_keeps_the_clients_own():
    """Ours are taken out; a password is not shown."""
    options = read_options("rediss://u:secret@host:6380/2?replicas=2&cluster=true&ssl_cert_reqs=none")
    assert (options.replicas, options.cluster) == (2, True)
    assert options.url == "rediss://u:secret@host:6380/2?ssl_cert_reqs=none"
    assert "secret" not in repr(options)


def test_a_server_that_is_away_gets_a_bounded_answer_and_the_circuit_closes_by_itself(tmp_path):
    """The application starts without it; after a few failures nobody waits; the same operation is granted later."""
    with a_server(tmp_path) as server:
        server.kill()
        ledger = open_ledger(server.url, SystemClock())
        change = a_gym_visit(SystemClock().now())
        began = time.monotonic()
        for _ in range(5):
            with pytest.raises(LedgerUnavailable, match="retry with the same operation"):
                ledger.check_in(change)
        assert time.monotonic() - began < 3
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            ledger.usage(HOLDER, change.at)
        assert time.monotonic() - began < 0.05
        server.start()
        granted = _when_back(ledger, a_gym_visit, change.operation.id)
        assert (granted.granted, granted.replayed) == (True, False)
        ledger.close()


def _when_back(ledger, make, operation: str):
    """The answer once the store is back: tried again as a device does."""
    until = time.monotonic() + 10
    while True:
        try:
            return ledger.check_in(make(SystemClock().now(), operation=operation))
        except LedgerUnavailable:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_circuit_lets_one_try_through_after_each_rest():
    """Three failures open it; the rests grow; a success closes it."""
    now = [0.0]
    circuit = Circuit(lambda: now[0])
    for _ in range(3):
        circuit.enter()
        circuit.failed()
    with pytest.raises(LedgerUnavailable):
        circuit.enter()
    now[0] = 0.3
    circuit.enter()
    with pytest.raises(LedgerUnavailable):
        circuit.enter()
    circuit.failed()
    now[0] = 0.7
    with pytest.raises(LedgerUnavailable):
        circuit.enter()
    now[0] = 1.4
    circuit.enter()
    circuit.worked()
    circuit.enter()
    circuit.enter()


def test_an_answer_lost_after_the_commit_is_given_again(server, monkeypatch):
    """The server stood still, the device got a 503, the entry came to stand: the retry learns of it, counted once."""
    with opened(server.url, **BRIEF) as ledger:
        ledger.ready()
        first = a_gym_visit(SystemClock().now())
        ledger.check_in(a_check_in(first.at, holder="somebody else"))
        ledger._bind(first)  # done before the server stands still, so that the commit is what it was sent last
        monkeypatch.setattr(ledger, "_bind", lambda _: None)
        os.kill(server.process.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            ledger.check_in(first)
        assert time.monotonic() - began < 2
        os.kill(server.process.pid, signal.SIGCONT)
        again = _when_back(ledger, a_gym_visit, first.operation.id)
        assert again.granted
        assert again.replayed
        assert ledger.usage(HOLDER, first.at).counters == {("gym", "2026-10"): 1}
        assert faults(ledger) == []


def test_scripts_that_the_server_forgot_are_given_to_it_again(server, clock):
    """After a restart or a flush."""
    with opened(server.url, clock) as ledger, server.client() as client:
        ledger.check_in(a_gym_visit())
        client.script_flush()
        assert ledger.check_in(a_gym_visit()).reason == "already-in"


class OffClock:
    """A host's clock that is so much ahead of the machine's."""

    def __init__(self, ahead: float) -> None:
        self.ahead = timedelta(seconds=ahead)

    def now(self) -> datetime:
        """The wrong time."""
        return SystemClock().now() + self.ahead


@pytest.mark.parametrize("ahead", [3, -3])
def test_a_host_whose_clock_is_off_the_servers_is_refused(server, ahead):
    """By 3 s, whatever it asks, and however old the request is; a host whose clock is right goes on."""
    off = OffClock(ahead)
    with opened(server.url) as right, opened(server.url, host=off) as wrong:
        entry = right.check_in(a_gym_visit(SystemClock().now())).entry
        for age in (0, 3, 6):
            at = off.now() - timedelta(seconds=age)
            with pytest.raises(ClockSkew):
                wrong.check_in(a_check_in(at))
            with pytest.raises(ClockSkew):
                wrong.void(a_void(entry, at))
            with pytest.raises(ClockSkew):
                wrong.claim(HOLDER, "tablet-1", a_claim(at=at), at)
        assert right.check_in(a_check_in(SystemClock().now() - timedelta(seconds=5))).granted


def test_of_two_hosts_a_second_apart_the_later_instant_stands(server):
    """The instant of a partition never goes back."""
    ahead = OffClock(1)
    with opened(server.url) as right, opened(server.url, host=ahead) as early:
        late = early.check_in(a_check_in(ahead.now()))
        assert right.check_in(a_check_in(SystemClock().now())).at == late.at


def test_a_full_memory_refuses_whole_changes_and_reads_go_on(server, clock):
    """Nothing half-done; with room again the same operation goes through."""
    with opened(server.url, clock) as ledger, server.client() as client:
        granted = ledger.check_in(a_gym_visit())
        client.config_set("maxmemory", 1)
        change = a_gym_visit(holder="another", claim=a_claim())
        with pytest.raises(LedgerUnavailable):
            ledger.check_in(change)
        assert ledger.entry(granted.entry) is not None
        assert ledger.pseudonym("another") is None
        client.config_set("maxmemory", 0)
        time.sleep(0.3)
        assert not ledger.check_in(change).replayed
        assert faults(ledger) == []


@pytest.mark.parametrize("kinds", ["h", "e", "he"])
def test_counters_that_were_lost_are_noticed_before_anything_is_granted(server, clock, kinds):
    """A missing counter would look like an unused one: every holder's entries are counted twice."""
    with opened(server.url, clock) as ledger, server.client() as client:
        ledger.check_in(a_check_in())
        for kind in kinds:
            assert client.delete(f"{PARTITION}{kind}:{ledger.pseudonym(HOLDER)}")
        with pytest.raises(LedgerUnavailable, match="damaged"):
            ledger.check_in(a_check_in())
        assert faults(ledger)


def test_one_holders_damage_is_no_reason_to_turn_others_away(server, clock):
    """The circuit is for a server that is away, not for one call that cannot be done."""
    with opened(server.url, clock) as ledger, server.client() as client:
        ledger.check_in(a_gym_visit())
        client.hset(f"{PARTITION}h:{ledger.pseudonym(HOLDER)}", "v\0gym-visit\0gym", "rubbish")
        for _ in range(5):
            with pytest.raises(LedgerUnavailable):
                ledger.check_in(a_gym_visit())
        with pytest.raises(LedgerUnavailable, match="damaged"):
            ledger.usage(HOLDER, START)
        assert ledger.check_in(a_gym_visit(holder="another")).granted


def filled(ledger, clock) -> None:
    """Every kind of entry that a check looks at."""
    first = ledger.check_in(a_gym_visit(claim=a_claim(), choice=a_choice()))
    ledger.check_out(a_check_out(first.entry))
    ledger.check_in(a_gym_visit())
    second = ledger.check_in(a_check_in())
    ledger.void(a_void(second.entry))
    clock.advance(timedelta(hours=3))
    ledger.check_in(a_gym_visit(clock.now(), findings=("not-entitled",)))


HEAD, LOG, TIMES, SUBS = (PARTITION + name for name in ("head", "log", "t", "subs"))


@pytest.mark.parametrize(
    "command",
    [
        ("XDEL", LOG, "2-0"),
        ("XDEL", LOG, "6-0"),
        ("XADD", LOG, "9-0", "l", "{}"),
        ("DEL", LOG),
        ("HSET", HEAD, "seq", "5"),
        ("HSET", HEAD, "g", "9"),
        ("DEL", TIMES),
        ("XADD", TIMES, "*", "o", "g"),
        ("DEL", PARTITION + "i:gym"),
        ("HSET", SUBS, HOLDER, "x" * 32 + "+"),
        ("HSET", "{h}", "c\0gym\x002026-10", "0"),
        ("HDEL", "{h}", "c\0gym\x002026-10"),
        ("HSET", "{h}", "c\0free\x002026-10", "1"),
        ("HDEL", "{h}", "x\0annual-health\x002026"),
        ("HDEL", "{h}", "v\0gym-visit\0gym"),
        ("HSET", "{h}", "v\0gym-visit\0gym", "rubbish"),
        ("HSET", "{h}", "n", "1"),
        ("HSET", "{h}", "strange", "1"),
        ("APPEND", "{e}", "......"),
        ("DEL", PARTITION + "st:v"),
        ("DEL", PARTITION + "st:l"),
        ("HSET", PARTITION + "b", "1", "rubbish"),
        ("SET", PARTITION + "e:stranger", "......"),
        ("SET", PARTITION + "o:a\0b\0c", "x"),
        ("SET", "yj:{p999}:head", "x"),
    ],
)
def test_what_was_changed_behind_the_ledgers_back_is_found(server, clock, command):
    """Leaves, their order, indexes, and everything that follows from the log."""
    with opened(server.url, clock) as ledger, server.client() as client:
        filled(ledger, clock)
        assert faults(ledger) == []
        name = ledger.pseudonym(HOLDER)
        places = {"{h}": f"{PARTITION}h:{name}", "{e}": f"{PARTITION}e:{name}"}
        client.execute_command(*(places.get(word, word) for word in command))
        assert faults(ledger)


def test_an_erased_holder_stands_in_no_file(server, clock):
    """Nor in the append-only file once its rewrite is through; the log stays whole."""
    with opened(server.url, clock) as ledger, server.client() as client:
        ledger.check_in(a_gym_visit())
        assert _stands_in(server.folder, HOLDER)
        assert ledger.erase(HOLDER) is not None
        until = time.monotonic() + 10
        while client.info("persistence")["aof_rewrite_in_progress"] or _stands_in(server.folder, HOLDER):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert ledger.pseudonym(HOLDER) is None
        assert faults(ledger) == []


def _stands_in(folder, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_counting_by_a_point_reads_no_leaves(server, clock, monkeypatch):
    """A point's figures of the day come from the index alone."""
    with opened(server.url, clock) as ledger:
        for number in range(6):
            findings = ("not-entitled",) if number % 3 == 0 else ()
            ledger.check_in(a_check_in(holder=f"holder-{number}", findings=findings))
        monkeypatch.setattr("ledger.redis.reads.read_entries", None)
        query = Query(point="gym", since=START, until=START + timedelta(hours=1))
        assert ledger.counts(query) == {"granted": 4, "denied": 2}
        assert ledger.counts(Query()) == {"granted": 4, "denied": 2}
        assert ledger.counts(Query(point="pool")) == {"granted": 0, "denied": 0}


def test_a_fixed_clock_stands_in_for_the_servers(server):
    """Demonstrations and tests bring their own; the markers are then kept by the server's clock all the same."""
    with opened(server.url, FixedClock(START)) as ledger, server.client() as client:
        ledger.check_in(a_gym_visit(claim=a_claim()))
        lives = [client.pttl(key) for key in client.keys(f"{PARTITION}[oq]:*")]
        week = timedelta(days=7).total_seconds() * 1000
        assert len(lives) == 2
        assert all(week - 60_000 < life <= week for life in lives)


def test_nothing_is_granted_into_a_ledger_that_was_removed(server, clock):
    """The server was emptied or another put in its place while the application ran."""
    with opened(server.url, clock) as ledger, server.client() as client:
        ledger.check_in(a_gym_visit())
        client.flushall()
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match="removed or replaced"):
                ledger.check_in(a_gym_visit())


def test_a_search_for_what_is_rare_ends_soon_and_goes_on_from_there(server, clock, monkeypatch):
    """A page may hold little or nothing; its cursor goes on, and all of them together hold every match once."""
    monkeypatch.setattr("ledger.redis.reads._SLICE", 10)
    monkeypatch.setattr("ledger.redis.reads._MOST_LOOKED", 30)
    with opened(server.url, clock) as ledger:
        ids = [
            ledger.check_in(a_check_in(holder=f"h{number}", device="rare" if number % 45 == 5 else "tablet-1")).entry
            for number in range(100)
        ]
        found, pages, before = [], 0, None
        while pages == 0 or before is not None:
            page = ledger.entries(Query(device="rare", before=before))
            found += [entry.id for entry in page.entries]
            pages, before = pages + 1, page.next
        assert sorted(found) == sorted(ids[number] for number in (5, 50, 95))
        assert pages == 4
