"""A repair replaces the content of a partition: in one step, and only if the content is still what the repair saw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import answers
from ledger.contents import Contents, Damaged
from ledger.values import LedgerError, partition_of
from tests.ledger.builders import HOLDER, a_gym_visit, a_void
from tests.ledger.test_moving import everything, faults, fill


def shortened(one: Contents, count: int) -> Contents:
    """A partition as it was when it had so many entries."""
    kept = tuple(each for each in one.answers if int(answers.read(each.answer).entry[3:]) <= count)
    return replace(one, leaves=one.leaves[:count], answers=kept)


def test_every_partition_can_be_set_back_and_put_back(ledger, clock):
    """After either step the check finds nothing but, on Redis, what was acknowledged; in the end all is as it was."""
    fill(ledger, clock)
    whole, before = list(ledger.dump()), everything(ledger)
    for one in whole:
        for count in range(len(one.leaves)):
            ledger.replace(one, shortened(one, count))
            assert [fault for fault in faults(ledger) if "was acknowledged" not in fault.message] == []
            found = next(ledger.dump([one.partition]), Contents(one.partition))  # a device's own holds nothing else
            ledger.replace(found, one)
    assert everything(ledger) == before
    assert faults(ledger) == []


def test_what_was_put_back_counts(ledger):
    """A month's second visit that comes back leaves nothing of the month."""
    entries = [ledger.check_in(a_gym_visit(device=device, visit=None)).entry for device in ("tablet-1", "tablet-2")]
    (whole,) = ledger.dump([partition_of(HOLDER)])
    ledger.replace(whole, shortened(whole, 1))
    assert ledger.entry(entries[1]) is None
    (now,) = ledger.dump([partition_of(HOLDER)])
    ledger.replace(now, whole)
    assert ledger.entry(entries[1]) is not None
    assert ledger.check_in(a_gym_visit(visit=None)).reason == "quota-spent"
    ledger.void(a_void(entries[1]))
    assert ledger.check_in(a_gym_visit(visit=None)).granted


def test_a_partition_that_was_written_to_meanwhile_is_left_alone(ledger):
    """What was looked at is not there any more: nothing is overwritten."""
    ledger.check_in(a_gym_visit(visit=None))
    (seen,) = ledger.dump()
    ledger.check_in(a_gym_visit(visit=None))
    before = everything(ledger)
    with pytest.raises(LedgerError, match="written to meanwhile"):
        ledger.replace(seen, shortened(seen, 0))
    assert everything(ledger) == before


def test_parts_that_do_not_fit_are_refused(ledger):
    """A leaf left out in the middle writes nothing."""
    for _ in range(2):
        ledger.check_in(a_gym_visit(visit=None))
    (seen,) = ledger.dump()
    with pytest.raises(Damaged):
        ledger.replace(seen, replace(seen, leaves=seen.leaves[1:], answers=()))
    assert everything(ledger)[0][1] == seen.leaves
