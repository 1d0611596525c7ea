"""Many processes and threads on one ledger: limits hold, one operation is one entry, a crash loses nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from edge.clock import SystemClock
from ledger.values import Fault, Query
from tests.ledger.builders import a_charge, a_check_in
from tests.ledger.conftest import STORES
from tests.ledger.crew import a_crew

pytestmark = pytest.mark.slow

ROUNDS = 20


@pytest.fixture(params=sorted(STORES.keys() - {"redis-cluster"}))  # each of its nodes is a server like the other
def store(request):
    """The name of a store."""
    return request.param


@pytest.fixture
def ledger(store, tmp_path):
    """A ledger on the machine's own clock; after the test its check must find nothing."""
    opened = STORES[store](tmp_path, SystemClock())
    yield opened
    assert [found for found in opened.check() if isinstance(found, Fault)] == []
    opened.close()


def test_64_check_ins_over_4_processes_on_a_quota_of_2(store, ledger, tmp_path):
    """Exactly 2 granted, 62 refused, 64 entries, in each of 20 rounds."""
    with a_crew(store, tmp_path, 4) as crew:
        for number in range(ROUNDS):
            before = SystemClock().now() - timedelta(seconds=1)
            answers = crew.order("rush", f"holder-{number}", 16)
            reasons = [reason for worker in answers for reason in worker]
            assert (reasons.count(None), reasons.count("quota-spent")) == (2, 62)
            holder = ledger.pseudonym(f"holder-{number}")
            assert ledger.counts(Query(holder=holder)) == {"granted": 2, "denied": 62}
            assert ledger.usage(f"holder-{number}", before).counters == {("gym", "2026-10"): 2}


def test_the_same_operation_50_times_in_parallel_is_one_entry(store, ledger, tmp_path):
    """50 equal answers, one of them the first."""
    with a_crew(store, tmp_path, 2) as crew:
        for number in range(5):
            answers = [answer for worker in crew.order("repeat", f"operation-of-{number}", 25) for answer in worker]
            assert len(answers) == 50
            assert [answer.replayed for answer in answers].count(False) == 1
            assert len({replace(answer, replayed=False) for answer in answers}) == 1
    assert sum(ledger.counts(Query()).values()) == 5


def test_a_worker_killed_in_mid_load_loses_no_answer(store, ledger, tmp_path):
    """Every answer that was given is in the log, word for word; the other workers go on."""
    for number in range(4):
        told = []
        with a_crew(store, tmp_path, 2) as crew:
            for index, pipe in enumerate(crew.pipes):
                pipe.send(("load", f"worker-{number}-{index}", 4))
            enough, until = time.monotonic() + 0.5, time.monotonic() + 30
            while time.monotonic() < (until if len(told) <= 20 else enough):
                told += [pipe.recv() for pipe in crew.pipes if pipe.poll(0.01)]
            crew.kill(0)
            assert crew.pipes[1].poll(5), "the other worker stands still"
            crew.kill(1)
            told += drained(crew.pipes)
        assert len(told) > 20
        for operation, outcome in told:
            assert ledger.replay(operation) == replace(outcome, replayed=True)
            assert ledger.entry(outcome.entry) is not None
        now = SystemClock().now()
        assert ledger.check_in(a_check_in(now, charges=(a_charge(100),))).granted
        assert [found for found in ledger.check() if isinstance(found, Fault)] == []


def drained(pipes) -> list:
    """What the workers had still sent before they died; a message cut off in the middle was never an answer."""
    told = []
    for pipe in pipes:
        try:
            while pipe.poll(0):
                told.append(pipe.recv())
        except (EOFError, OSError):
            continue
    return told


def test_no_process_starves(store, ledger, tmp_path, record_property):
    """Each gets through; the slowest's share of the fastest's is written into the report, not judged by time."""
    with a_crew(store, tmp_path, 4) as crew:
        for index, pipe in enumerate(crew.pipes):
            pipe.send(("keep_busy", f"worker-{index}", 2.0, 4))
        done = [pipe.recv() for pipe in crew.pipes]
    record_property("share of the slowest over the fastest", round(min(done) / max(done), 2))
    record_property("check-ins by process", str(done))
    assert min(done) > 0


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # Redis's own disk is another process's
def test_a_full_disk_grants_nothing_and_mends_itself(store, ledger, tmp_path):
    """What was granted is in the log; the one refused left no trace and is granted once there is room."""
    with a_crew(store, tmp_path, 1) as crew:
        (granted, refused), *_ = crew.order("fill_disk", 1_000_000)
        assert granted
        for entry in granted:
            assert ledger.entry(entry) is not None
        assert sum(ledger.counts(Query()).values()) == len(granted)
        assert ledger.pseudonym(refused) is None
        (outcomes,) = crew.order("rush", refused, 1)
        assert outcomes == [None]


def test_commits_are_told_to_the_figures(ledger):
    """Each change once, by sixteens: how many became durable together, and how long that took."""

    def told(name):
        return REGISTRY.get_sample_value(f"yunju_ledger_commit_{name}")

    before, seconds = told("changes_sum"), told("seconds_count")
    for number in range(40):
        ledger.check_in(a_check_in(SystemClock().now(), holder=f"holder-{number:06d}"))
    assert told("changes_sum") - before >= 32
    assert 2 <= told("seconds_count") - seconds <= told("changes_sum") - before
