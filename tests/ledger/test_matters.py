"""The contract of matters' steps: entries that follow the check-in which opened one, once each, and count nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.matters import MatterStep
from ledger.values import LedgerError, OperationConflict, Query, TargetState
from tests.ledger.builders import (
    GYM_VISIT,
    KEPT,
    START,
    a_booking_draft,
    a_charge,
    a_check_in,
    a_draft,
    a_hold,
    a_void,
    fresh_id,
)


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
    leaf = ledger.entry(first.entry).leaf
    assert (leaf.kind, leaf.target, leaf.stage) == ("matter", opened, "complete")
    assert leaf.deadline == int(deadline.timestamp() * 1000)
    assert ledger.entry(opened).leaf.matter == "construction"


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


def a_request(**changes):
    """What a phone asks for without a counter: a unit of one a year, and a matter."""
    draft = a_draft(point="dept-media", service="steward-newspaper", extra={"matter": "steward-newspaper"})
    return a_check_in(
        **{"kind": "request", "draft": draft, "charges": (a_charge(1, limit="newspaper", period="2026"),)} | changes
    )


def test_a_request_counts_like_a_use_and_takes_steps_like_a_matter(ledger):
    """One a year; the second is refused and logged; closed without a counter."""
    first = ledger.check_in(a_request())
    second = ledger.check_in(a_request())
    assert (first.granted, second.reason) == (True, "quota-spent")
    kinds = [ledger.entry(one.entry).leaf.kind for one in (first, second)]
    assert kinds == ["request", "request"]
    assert ledger.follow(a_step(first.entry, "closed", reason="done")).granted


def test_a_request_taken_back_gives_its_unit_back(ledger):
    """And then stands for nothing more."""
    first = ledger.check_in(a_request())
    (figure,) = ledger.void(a_void(first.entry)).figures
    assert (figure.limit, figure.used) == ("newspaper", 0)
    assert refusal(ledger, a_step(first.entry)) == "already-voided"
    assert ledger.check_in(a_request()).granted


def test_requests_are_no_uses_of_a_counter(ledger):
    """They are found among the entries, and not in the counts of a point's day."""
    ledger.check_in(a_request())
    ledger.check_in(a_request())
    assert ledger.counts(Query()) == {"granted": 0, "denied": 0}
    assert ledger.counts(Query(point="dept-media")) == {"granted": 0, "denied": 0}
    assert len(ledger.entries(Query(kind="request")).entries) == 2


@pytest.mark.parametrize("changes", [{"visit": GYM_VISIT}, {"booking": "00-000001", "charges": ()}])
def test_a_request_opens_no_visit_and_uses_no_booking(ledger, changes):
    """What makes no entry is refused before anything is written."""
    if "booking" in changes:
        made = ledger.hold(a_hold())
        changes = {**changes, "booking": made.booking, "draft": a_booking_draft(extra={})}
    with pytest.raises(LedgerError):
        ledger.check_in(a_request(**changes))
