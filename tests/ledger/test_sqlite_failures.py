"""What the SQLite ledger does when its file, disk or lock fails: a bounded answer, nothing half-done, no grant."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from ledger.opening import open_ledger
from ledger.sqlite import Limits, SqliteLedger, steps
from ledger.sqlite.files import bound_log, open_reader, open_writer
from ledger.values import LedgerError, LedgerUnavailable, Query
from tests.ledger.builders import HOLDER, KEPT, START, a_charge, a_check_in, a_claim, a_draft, a_gym_visit, faults
from tests.ledger.crew import at_once

IMPATIENT = Limits(wait=timedelta(seconds=0.6), busy=timedelta(seconds=0.2), waiting=4)


@pytest.fixture
def path(tmp_path):
    """The ledger's file, not yet made."""
    return tmp_path / "ledger.db"


@pytest.fixture
def opened(path, clock):
    """Opens ledgers on the file, and closes them after the test."""
    ledgers = []

    def open_one(limits: Limits | None = None) -> SqliteLedger:
        ledgers.append(SqliteLedger(path, clock, limits))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


@contextmanager
def flocked(path):
    """Another process in the middle of its batch."""
    with path.with_name("ledger.db-lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


FULL = 2


def test_every_commit_waits_until_it_is_on_the_disk(path, opened, clock):
    """The writer's own connection syncs the write-ahead log at each commit: from its opening, and when opened anew."""
    ledger = opened()

    def settings() -> tuple[int, str]:
        def read(db: sqlite3.Connection) -> tuple[int, str]:
            return db.execute("PRAGMA synchronous").fetchone()[0], db.execute("PRAGMA journal_mode").fetchone()[0]

        return ledger._writer.submit(read)

    assert settings() == (FULL, "wal")
    assert ledger.check_in(a_gym_visit()).granted
    assert settings() == (FULL, "wal")
    ledger.park()  # as before a fork
    assert settings() == (FULL, "wal")


def test_a_file_locked_by_another_program_gets_a_bounded_answer(path, opened):
    """Somebody's shell holds the database: 503 soon, no entry; the same operation is granted afterwards."""
    ledger = opened(IMPATIENT)
    ledger.ready()
    change = a_gym_visit()
    intruder = sqlite3.connect(path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(change)
    assert time.monotonic() - began < 3
    intruder.execute("ROLLBACK")
    intruder.close()
    assert ledger.replay(change.operation) is None
    assert not ledger.check_in(change).replayed


def test_a_file_lock_held_by_another_process_gets_a_bounded_answer(path, opened):
    """The change given up meanwhile is not recorded when the lock comes free."""
    ledger = opened(IMPATIENT)
    ledger.ready()
    change = a_gym_visit()
    with flocked(path), pytest.raises(LedgerUnavailable):
        ledger.check_in(change)
    ledger.ready()
    assert ledger.replay(change.operation) is None
    assert ledger.counts(Query()) == {"granted": 0, "denied": 0}


def test_more_changes_than_may_wait_are_turned_away_at_once(path, opened):
    """The queue is bounded; those in it get their answer."""
    ledger = opened(Limits(wait=timedelta(seconds=5), waiting=4))
    ledger.ready()

    def work(number: int) -> bool:
        try:
            return ledger.check_in(a_check_in(holder=f"holder-{number}")).granted
        except LedgerUnavailable:
            return False

    with flocked(path):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        began = time.monotonic()
        assert not work(99)
        assert time.monotonic() - began < 1
    for thread in threads:
        thread.join()
    assert 4 <= ledger.counts(Query())["granted"] <= 6


def test_failed_but_persisted_is_found_by_the_same_operation(opened, monkeypatch):
    """The answer came too late, the entry stands: a retry learns of it and counts nothing more."""
    ledger = opened(IMPATIENT)
    ledger.ready()
    real = steps.check_in

    def slow(*given, **named):
        time.sleep(1)
        return real(*given, **named)

    change = a_gym_visit()
    with monkeypatch.context() as patch:
        patch.setattr(steps, "check_in", slow)
        with pytest.raises(LedgerUnavailable):
            ledger.check_in(change)
    time.sleep(0.6)
    assert ledger.check_in(change).replayed
    assert ledger.usage(HOLDER, START).counters == {("gym", "2026-10"): 1}


def test_a_full_file_refuses_whole_changes_and_reads_go_on(path, opened):
    """At the cap of pages: no grant, nothing half-done; with room again the same operation goes through."""
    ledger = opened(Limits(page_limit=60))
    granted, refused = [], None
    for number in range(500):
        change = a_gym_visit(holder=f"holder-{number}", claim=a_claim(f"proof-{number}"))
        try:
            granted.append(ledger.check_in(change).entry)
        except LedgerUnavailable:
            refused = change
            break
    assert granted
    assert refused is not None
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(refused)
    assert ledger.entry(granted[-1]) is not None
    assert ledger.pseudonym(refused.operation.subject) is None
    assert faults(ledger) == []
    ledger.close()
    roomier = opened()
    assert roomier.check_in(refused).granted
    assert faults(roomier) == []


def test_a_commit_that_fails_grants_nothing(opened, monkeypatch):
    """An error at the very end: the whole batch hears of it, and none of it stands."""
    ledger = opened()
    ledger.ready()

    class Failing:
        def __init__(self, db):
            self._db = db

        def __getattr__(self, name):
            return getattr(self._db, name)

        def execute(self, statement, *values):
            if statement == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return self._db.execute(statement, *values)

    change = a_gym_visit()
    monkeypatch.setattr(ledger._writer, "_db", Failing(ledger._writer._db))
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(change)
    assert ledger.replay(change.operation) is None
    assert not ledger.check_in(change).replayed
    assert faults(ledger) == []


def test_a_file_that_may_only_be_read_takes_no_change(path, opened, clock, monkeypatch):
    """Reading goes on; writing and readiness say unavailable."""
    first = opened()
    entry = first.check_in(a_gym_visit()).entry
    first.close()

    def read_only(path, _limits):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA query_only = ON")
        return db

    monkeypatch.setattr("ledger.sqlite.writer.open_writer", read_only)
    ledger = opened()
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(a_gym_visit())
    with pytest.raises(LedgerUnavailable):
        ledger.ready()
    assert ledger.entry(entry) is not None


@pytest.mark.parametrize("content", [b"not a database " * 400, b"SQLite format 3\x00" + bytes(200)])
def test_a_file_that_is_no_database_is_refused(path, opened, content):
    """Neither read nor overwritten."""
    path.write_bytes(content)
    ledger = opened()
    for call in (lambda: ledger.check_in(a_gym_visit()), lambda: ledger.usage(HOLDER, START), ledger.ready):
        with pytest.raises(LedgerUnavailable):
            call()
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused(path, opened):
    """A register given by mistake does not become a ledger; nor is a ledger of a later version touched."""
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE people (name TEXT)")
    other.close()
    with pytest.raises(LedgerUnavailable):
        opened().ready()
    path.unlink()
    first = opened()
    first.ready()
    first.close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(LedgerUnavailable):
        opened().ready()


def test_a_folder_that_is_not_there_is_unavailable(tmp_path, clock):
    """And no folder is made."""
    ledger = SqliteLedger(tmp_path / "missing" / "ledger.db", clock)
    with pytest.raises(LedgerUnavailable):
        ledger.ready()
    with pytest.raises(LedgerUnavailable):
        ledger.usage(HOLDER, START)
    ledger.close()
    assert not (tmp_path / "missing").exists()


def test_pages_overwritten_are_faults_not_exceptions(path, opened):
    """A check of a damaged file tells where, and ends."""
    ledger = opened()
    for number in range(60):
        ledger.check_in(a_gym_visit(holder=f"holder-{number}"))
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(1, size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(64))
    assert faults(opened())


def test_a_ledger_closed_takes_nothing_more(opened):
    """What was accepted is finished first."""
    ledger = opened()
    ledger.check_in(a_gym_visit())
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(a_gym_visit())


def test_a_forked_child_opens_everything_anew(opened):
    """A server may use the ledger before it forks its workers: both go on, in one chain."""
    ledger = opened()
    for_child, for_parent = a_check_in(charges=(a_charge(9),)), a_check_in(charges=(a_charge(9),))
    ledger.check_in(a_check_in(charges=(a_charge(9),)))
    ledger.usage(HOLDER, START)
    child = os.fork()
    if child == 0:
        try:
            granted = ledger.check_in(for_child).granted
            used = ledger.usage(HOLDER, START).counters[("gym", "2026-10")]
            os._exit(0 if granted and used == 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ledger.check_in(for_parent).figures[0].used == 3
    assert faults(ledger) == []


def test_one_bad_change_does_not_spoil_the_batch_it_is_in(path, opened):
    """Refused after it had written: its traces go, the others' stay."""
    ledger = opened()
    ledger.ready()

    def work(number: int) -> bool:
        reference = "bad\n" if number % 3 == 0 else "good"
        change = a_gym_visit(holder=f"new-{number}", draft=a_draft(reference=reference))
        try:
            return ledger.check_in(change).granted
        except LedgerError:
            return False

    lock = flocked(path)
    with lock:
        threads = []
        results: dict[int, bool] = {}
        for number in range(9):
            threads.append(threading.Thread(target=lambda number=number: results.update({number: work(number)})))
            threads[-1].start()
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert results == {number: number % 3 != 0 for number in range(9)}
    assert [ledger.pseudonym(f"new-{number}") is None for number in range(9)] == [n % 3 == 0 for n in range(9)]
    assert faults(ledger) == []


def test_answers_and_markers_are_forgotten_after_their_time(path, opened, clock):
    """In passing, a few at a time; what is still to be kept stays."""
    ledger = opened()
    first = a_gym_visit(claim=a_claim())
    ledger.check_in(first)
    clock.advance(KEPT + timedelta(seconds=1))
    changes = [a_check_in(clock.now(), claim=a_claim(f"fresh-{n}", at=clock.now())) for n in range(70)]
    for change in changes:
        ledger.check_in(change)
    assert ledger.replay(first.operation) is None
    assert all(ledger.replay(change.operation) for change in changes)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM proofs").fetchone() == (70,)
    db.close()
    assert faults(ledger) == []


def test_the_write_ahead_log_is_emptied_when_it_outgrew_its_bound(path, opened):
    """A reader that stood in the way is waited for a moment and left alone; without one the file shrinks."""
    limits = Limits(busy=timedelta(seconds=0.05), wal_bytes=4096)
    ledger = opened(limits)
    ledger.check_in(a_gym_visit())
    log = path.with_name("ledger.db-wal")
    reader, writer = open_reader(path, limits), open_writer(path, limits)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    ledger.check_in(a_gym_visit())
    bound_log(writer, path, limits)
    assert log.stat().st_size > 4096
    reader.execute("COMMIT")
    bound_log(writer, path, limits)
    assert log.stat().st_size == 0
    reader.close()
    writer.close()
    assert faults(ledger) == []


def test_threads_read_while_others_write(opened):
    """Each on its own connection; what was answered is seen."""
    ledger = opened()

    def work(number: int) -> bool:
        entry = ledger.check_in(a_check_in(holder=f"holder-{number % 2}")).entry
        return ledger.entry(entry) is not None and len(ledger.entries(Query(limit=3)).entries) > 0

    assert all(at_once(8, work))


@pytest.mark.parametrize("url", ["", "sqlite:///", "sqlite://ledger.db", "postgresql://host/ledger", "ledger.db"])
def test_a_url_that_names_no_ledger_is_refused(url, clock):
    """With a word on what it should look like."""
    with pytest.raises(LedgerUnavailable, match="sqlite:///"):
        open_ledger(url, clock)


def test_a_ledger_is_opened_by_url(tmp_path, clock):
    """A fourth stroke starts at the root; the folder is made."""
    path = tmp_path / "var" / "ledger.db"
    ledger = open_ledger(f"sqlite:///{path}", clock)
    ledger.ready()
    ledger.close()
    assert path.exists()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path, clock):
    """A file stands in its place."""
    (tmp_path / "var").write_text("a file")
    with pytest.raises(LedgerUnavailable):
        open_ledger(f"sqlite:///{tmp_path}/var/ledger/ledger.db", clock)


def test_a_file_removed_under_a_running_server_takes_nothing_more(path, opened, clock):
    """Nothing is granted into a removed file, or into a fresh one that knows of no use; put back, it goes on."""
    ledger, away = opened(), path.with_name("away.db")
    assert ledger.check_in(a_check_in(START, charges=(a_charge(2),))).granted
    path.rename(away)
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(a_check_in(START, charges=(a_charge(2),)))
    with pytest.raises(LedgerUnavailable):
        ledger.ready()
    path.touch()
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(a_check_in(START, charges=(a_charge(2),)))
    away.replace(path)
    told = [ledger.check_in(a_check_in(START, charges=(a_charge(2),))).reason for _ in range(2)]
    assert told == [None, "quota-spent"]
    assert faults(ledger) == []
