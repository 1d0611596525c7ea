"""What the SQLite ledger keeps for offline uses: made for older files, held to the log, kept by many at once."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from ledger.sqlite import SqliteLedger
from ledger.values import Fault
from tests.ledger.builders import HOLDER, START, a_charge, a_check_out, a_gym_visit, a_void
from tests.ledger.crew import at_once
from tests.ledger.offline_builders import UPLOAD, a_record


@pytest.fixture
def path(tmp_path):
    """The ledger's file."""
    return tmp_path / "ledger.db"


def faults(ledger) -> list[str]:
    """What a check of the ledger finds."""
    return [found.place for found in ledger.check() if isinstance(found, Fault)]


def test_a_file_of_before_gets_its_line_of_uses_from_the_log(path, clock):
    """Opened, entered again and voided visits of an earlier version: the line is what it would have been."""
    ledger = SqliteLedger(path, clock)
    first = ledger.check_in(a_gym_visit())
    clock.advance(timedelta(minutes=30))
    ledger.check_out(a_check_out(first.entry, clock.now()))
    ledger.check_in(a_gym_visit(clock.now()))
    clock.advance(timedelta(hours=3))
    ledger.void(a_void(ledger.check_in(a_gym_visit(clock.now())).entry, clock.now()))
    ledger.close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE stays")
        db.execute("DROP INDEX operations_device")
        db.execute("PRAGMA user_version = 2")
    db.close()

    ledger = SqliteLedger(path, clock)
    clock.set(UPLOAD)
    assert ledger.record_offline(a_record(START + timedelta(minutes=90))).joined == first.entry
    assert faults(ledger) == []
    ledger.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM stays WHERE opens = 0",
        "UPDATE stays SET opens = 1 - opens",
        "UPDATE stays SET at = at + 1 WHERE opens = 1",
        "UPDATE stays SET ends_at = ends_at + 1",
        "INSERT INTO stays SELECT 300, holder, service, point, at, n, ends_at, opens FROM stays",
    ],
)
def test_a_line_of_uses_that_does_not_follow_from_the_log_is_a_fault(path, clock, damage):
    """Whoever changes what stands beside the log is found out."""
    clock.set(UPLOAD)
    ledger = SqliteLedger(path, clock)
    for minutes in (0, 60, 180):
        ledger.record_offline(a_record(START + timedelta(minutes=minutes)))
    assert faults(ledger) == []
    ledger.close()
    with sqlite3.connect(path) as db:
        db.execute(damage)
    db.close()
    ledger = SqliteLedger(path, clock)
    assert faults(ledger)
    ledger.close()


def test_many_at_once_count_each_record_once(path, clock):
    """Eight threads upload the same forty records, each in its own order."""
    clock.set(UPLOAD)
    ledger = SqliteLedger(path, clock)
    records = [
        a_record(START + timedelta(minutes=25 * number), device=f"tablet-{number % 4}", charges=(a_charge(2),))
        for number in range(40)
    ]

    def upload(worker: int) -> set[str]:
        turned = records[worker * 5 :] + records[: worker * 5]
        return {ledger.record_offline(record).entry for record in turned}

    answers = at_once(8, upload)
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 40
    assert ledger.usage(HOLDER, UPLOAD).counters["gym", "2026-10"] == 8  # every 125 minutes a visit is opened
    assert faults(ledger) == []
    ledger.close()
