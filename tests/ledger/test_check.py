"""What the check of a ledger finds: any byte of the log changed, any counter that does not follow from it."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from ledger.sqlite import SqliteLedger
from ledger.values import Fault
from tests.ledger.builders import (
    HOLDER,
    START,
    a_change,
    a_check_in,
    a_check_out,
    a_choice,
    a_claim,
    a_gym_visit,
    a_hold,
    a_use,
    a_void,
    a_window,
)


@pytest.fixture
def path(tmp_path, clock):
    """The file of a ledger that saw every kind of entry."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path, clock)
    first = ledger.check_in(a_gym_visit(claim=a_claim(), choice=a_choice()))
    ledger.check_out(a_check_out(first.entry))
    ledger.check_in(a_gym_visit())
    second = ledger.check_in(a_check_in(holder="another", choice=a_choice()))
    ledger.void(a_void(second.entry))
    clock.advance(timedelta(hours=3))
    ledger.check_in(a_gym_visit(clock.now()))
    ledger.check_in(a_gym_visit(clock.now(), findings=("not-entitled",)))
    booked = ledger.hold(a_hold(clock.now(), window=a_window(clock.now())))
    ledger.change_booking(a_change(booked.entry, clock.now(), window=a_window(clock.now())))
    ledger.check_in(a_use(booked.entry, clock.now()))
    ledger.close()
    return path


def found(path, clock) -> list[Fault]:
    """The faults that a check of the file finds."""
    ledger = SqliteLedger(path, clock)
    faults = [fault for fault in ledger.check() if isinstance(fault, Fault)]
    ledger.close()
    return faults


def tamper(path, statement: str) -> None:
    """Change the file behind the ledger's back."""
    with sqlite3.connect(path) as db:
        assert db.execute(statement).rowcount != 0
    db.close()


def test_an_untouched_ledger_has_no_faults_and_tells_how_much_was_read(path, clock):
    """Ten entries; progress ends with their number."""
    ledger = SqliteLedger(path, clock)
    assert list(ledger.check()) == [10]
    ledger.close()


LAST = "(SELECT max(n) FROM entries)"
FIRST = "(SELECT min(n) FROM entries WHERE outcome = 'granted')"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET leaf = CAST(replace(CAST(leaf AS TEXT), 'silver', 'golden') AS BLOB) WHERE n = " + FIRST,
        "UPDATE entries SET leaf = CAST(CAST(leaf AS TEXT) || ' ' AS BLOB) WHERE n = " + FIRST,
        "UPDATE entries SET leaf = x'' WHERE n = " + FIRST,
        "DELETE FROM entries WHERE n = " + FIRST,
        "DELETE FROM entries WHERE n = " + LAST,
        f"UPDATE entries SET n = n + 5 WHERE n = {LAST}",
        f"UPDATE entries SET n = n + {1 << 50} WHERE n = {LAST}",
        "UPDATE entries SET at = at + 1 WHERE n = " + FIRST,
        "UPDATE entries SET point = 'pool' WHERE n = " + FIRST,
        "UPDATE entries SET service = 'pool' WHERE n = " + FIRST,
        "UPDATE entries SET device = 'pool' WHERE n = " + FIRST,
        "UPDATE entries SET outcome = 'denied' WHERE n = " + FIRST,
        "UPDATE entries SET reason = 'expired' WHERE n = " + FIRST,
        "UPDATE entries SET kind = 'void' WHERE n = " + FIRST,
        "UPDATE entries SET holder = NULL WHERE n = " + FIRST,
        "UPDATE heads SET seq = seq + 1",
        "UPDATE heads SET hash = x'00'",
        "UPDATE heads SET last_at = 0",
        "DELETE FROM heads",
        "UPDATE counters SET used = used - 1 WHERE used > 0",
        "DELETE FROM counters",
        "INSERT INTO counters SELECT partition, holder, 'free', period, 1 FROM counters LIMIT 1",
        "UPDATE counters SET partition = 999",
        "UPDATE choices SET member = 'official'",
        "UPDATE choices SET uses = 2",
        "DELETE FROM choices",
        "UPDATE visits SET re_entries = 0, left_at = started_at",
        "UPDATE visits SET ends_at = ends_at + 1",
        "DELETE FROM visits",
        "DELETE FROM states",
        "UPDATE states SET voided_by = NULL WHERE voided_by IS NOT NULL",
        "UPDATE states SET left_by = NULL WHERE left_by IS NOT NULL",
        "DELETE FROM bookings",
        "UPDATE bookings SET state = 'held'",
        "UPDATE bookings SET holds = 0",
        "UPDATE bookings SET used_by = NULL",
        "UPDATE bookings SET held_by = n",
        "UPDATE bookings SET closes_at = closes_at + 1",
        "UPDATE bookings SET service = 'pool'",
        f"UPDATE bookings SET n = n + {1 << 50}",
        "UPDATE holders SET holder = 'AAAA'",
        "UPDATE holders SET sub = sub || 'x'",
        "UPDATE operations SET answer = x'5b5d'",
        "UPDATE operations SET answer = CAST(replace(CAST(answer AS TEXT), '-000001', '-000009') AS BLOB)",
    ],
)
def test_what_was_changed_is_found(path, clock, statement):
    """Leaves, their order, what stands beside them, and everything that follows from them."""
    tamper(path, statement)
    assert found(path, clock)


def test_erasing_a_holder_leaves_the_log_provable(path, clock):
    """The row of `sub` and salt gone: no name any more, no fault."""
    tamper(path, f"DELETE FROM holders WHERE sub = '{HOLDER}'")
    assert found(path, clock) == []
    ledger = SqliteLedger(path, clock)
    assert ledger.pseudonym(HOLDER) is None
    assert ledger.usage(HOLDER, START).counters == {}
    ledger.close()


def test_a_fault_tells_where(path, clock):
    """The place is the entry's id or the table's row."""
    tamper(path, f"UPDATE entries SET reason = 'expired' WHERE n = {FIRST}")
    (fault,) = found(path, clock)
    assert fault.place.endswith("-000001")
    assert "differs" in fault.message
