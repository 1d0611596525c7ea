"""The contract of matters' steps: entries that follow the check-in which opened one, once each, and count nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.verifier.ledger.builders import KEPT, START, a_check_in, a_draft, a_void, fresh_id
from verifier.ledger.interface import OperationConflict, TargetState
from verifier.ledger.matters import MatterStep


def a_step(target: str, stage: str = "complete", **changes) -> MatterStep:
    """A step of a matter, now."""
    draft = a_draft(card=None, tier=None, form=None, assurance=None)
    step = MatterStep("tablet-1", fresh_id(), b"m" * 32, START, START + KEPT, target, draft, stage)
    return replace(step, **changes)


@pytest.fixture
def opened(ledger):
    """A check-in that opened a matter."""
    return ledger.check_in(a_check_in(draft=a_draft(extra={"matter": "construction", "decides": "market"}))).entry


def refusal(ledger, step) -> str:
    """The code by which a step is refused."""
    with pytest.raises(TargetState) as raised:
        ledger.follow(step)
    return raised.value.code


def test_a_step_is_an_entry_of_its_own(ledger, opened):
    """It names the check-in, the stage, the deadline, and later how it was closed."""
    deadline = START + timedelta(days=1)
    first = ledger.follow(a_step(opened, deadline=deadline))
    ledger.follow(a_step(opened, "closed", reason="done"))
    leaf = ledger.entry(first.entry).fields
    assert (leaf["kind"], leaf["target"], leaf["stage"]) == ("matter", opened, "complete")
    assert leaf["deadline"] == int(deadline.timestamp() * 1000)
    assert ledger.entry(opened).fields["matter"] == "construction"


def test_a_step_is_answered_again_and_happens_once(ledger, opened):
    """Retries, and another request under the same id."""
    step = a_step(opened)
    first = ledger.follow(step)
    assert ledger.follow(replace(step, refusal="matter-closed")) == replace(first, replayed=True)
    with pytest.raises(OperationConflict):
        ledger.follow(replace(step, request=b"x" * 32))


def test_only_a_matter_that_stands_takes_a_step(ledger, opened):
    """Not a plain check-in, a refused or a voided one, nor what is no entry; nor what the rules refused."""
    plain = ledger.check_in(a_check_in()).entry
    denied = ledger.check_in(a_check_in(findings=("not-entitled",), draft=a_draft(extra={"matter": "other"}))).entry
    assert refusal(ledger, a_step(plain)) == "no-matter"
    assert refusal(ledger, a_step(denied)) == "no-matter"
    assert refusal(ledger, a_step("00-000001")) == "not-found"
    assert refusal(ledger, a_step(opened, refusal="matter-closed")) == "matter-closed"
    ledger.void(a_void(opened))
    assert refusal(ledger, a_step(opened)) == "already-voided"
