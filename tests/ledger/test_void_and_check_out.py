"""The contract of taking a check-in back and of leaving a visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.values import ClockSkew, Figure, LedgerError, OperationConflict, TargetState
from tests.ledger.builders import (
    FLIGHT,
    HOLDER,
    START,
    a_booking_draft,
    a_charge,
    a_check_in,
    a_check_out,
    a_choice,
    a_claim,
    a_gym_visit,
    a_hold,
    a_use,
    a_void,
)

MINUTE = timedelta(minutes=1)


def code_of(change, write) -> str:
    """The code of the refusal that a change meets."""
    with pytest.raises(TargetState) as refusal:
        write(change)
    return refusal.value.code


def test_a_void_returns_the_units_to_their_period(ledger):
    """The answer shows the counter after it; the entry is marked, never changed."""
    outcome = ledger.check_in(a_gym_visit())
    before = ledger.entry(outcome.entry)
    void = ledger.void(a_void(outcome.entry))
    assert (void.granted, void.figures) == (True, (Figure("gym", "2026-10", 0, 2),))
    after = ledger.entry(outcome.entry)
    assert (before.voided, after.voided) == (False, True)
    assert after.data == before.data
    assert ledger.usage(HOLDER, START).counters == {}
    entry = ledger.entry(void.entry)
    assert (entry.leaf.kind, entry.leaf.target) == ("void", outcome.entry)
    assert (entry.leaf.reason, entry.leaf.holder) == ("scanned-by-mistake", ledger.pseudonym(HOLDER))


def test_a_check_in_is_voided_once(ledger):
    """A second void, by whatever operation, is told so and returns nothing more."""
    ledger.check_in(a_gym_visit())
    second = ledger.check_in(a_check_in(charges=(a_charge(),)))
    ledger.void(a_void(second.entry))
    assert code_of(a_void(second.entry), ledger.void) == "already-voided"
    assert ledger.usage(HOLDER, START).counters == {("gym", "2026-10"): 1}


def test_a_void_sent_again_gets_its_first_answer(ledger, clock):
    """A retry is not a second void."""
    void = a_void(ledger.check_in(a_gym_visit()).entry)
    first = ledger.void(void)
    clock.advance(MINUTE)
    assert ledger.void(replace(void, at=clock.now())) == replace(first, replayed=True)


def test_a_voids_operation_id_for_another_request_is_a_conflict(ledger):
    """Bound to one request as a check-in's is."""
    void = a_void(ledger.check_in(a_gym_visit()).entry)
    ledger.void(void)
    with pytest.raises(OperationConflict):
        ledger.void(replace(void, request=b"x" * 32))


def test_a_void_frees_a_choice_at_no_uses(ledger):
    """With another use left the choice stands; with none the other member is free."""
    first = ledger.check_in(a_check_in(choice=a_choice("union")))
    second = ledger.check_in(a_check_in(choice=a_choice("union")))
    ledger.void(a_void(first.entry))
    assert ledger.check_in(a_check_in(choice=a_choice("official"))).reason == "excluded"
    ledger.void(a_void(second.entry))
    assert ledger.check_in(a_check_in(choice=a_choice("official"))).granted


@pytest.mark.parametrize("target", ["", "nonsense", "zz-000001", "7f-1", "7f-000000", "7f-000001", "7F-000001"])
def test_no_entry_no_void(ledger, target):
    """An id that is none, or of no entry."""
    assert code_of(a_void(target), ledger.void) == "not-found"
    assert code_of(a_check_out(target), ledger.check_out) == "not-found"


def test_only_a_granted_check_in_is_voided_or_left(ledger):
    """Neither a denial nor a void."""
    denied = ledger.check_in(a_gym_visit(findings=("not-entitled",)))
    void = ledger.void(a_void(ledger.check_in(a_gym_visit()).entry))
    for target in (denied.entry, void.entry):
        assert code_of(a_void(target), ledger.void) == "not-granted"
        assert code_of(a_check_out(target), ledger.check_out) == "not-granted"


def test_a_refusal_before_any_holder_cannot_be_voided(ledger):
    """It granted nothing."""
    denied = ledger.check_in(
        a_check_in(holder="device:tablet-1", findings=("bad-signature",), draft=replace(a_check_in().draft, card=None))
    )
    assert code_of(a_void(denied.entry), ledger.void) == "not-granted"


def test_after_a_check_out_only_a_supervisors_void_goes_through(ledger):
    """Without `after_check_out` it is told so."""
    entry = ledger.check_in(a_gym_visit()).entry
    ledger.check_out(a_check_out(entry))
    assert code_of(a_void(entry), ledger.void) == "checked-out"
    assert ledger.void(a_void(entry, after_check_out=True)).granted
    assert ledger.usage(HOLDER, START).visits == {}


def test_a_voided_proof_stays_spent(ledger):
    """A void gives the unit back, not the proof."""
    ledger.void(a_void(ledger.check_in(a_gym_visit(claim=a_claim())).entry))
    assert ledger.check_in(a_gym_visit(claim=a_claim())).reason == "proof-used"


def test_the_void_of_a_re_entry_takes_back_only_that(ledger, clock):
    """The visitor counts as gone again, as before; the unit stays used and another re-entry is free."""
    first = ledger.check_in(a_gym_visit())
    ledger.check_out(a_check_out(first.entry))
    clock.advance(MINUTE)
    back = ledger.check_in(a_gym_visit(clock.now()))
    ledger.void(a_void(back.entry, clock.now()))
    usage = ledger.usage(HOLDER, clock.now())
    visit = usage.visits[("gym-visit", "gym")]
    assert (visit.re_entries, visit.left_at) == (0, START)
    assert usage.counters == {("gym", "2026-10"): 1}
    assert ledger.check_in(a_gym_visit(clock.now())).re_entry


def test_voiding_the_opening_closes_the_visit_whoever_is_inside(ledger, clock):
    """The next scan opens a new visit for a new unit."""
    first = ledger.check_in(a_gym_visit())
    ledger.check_out(a_check_out(first.entry))
    back = ledger.check_in(a_gym_visit())
    ledger.void(a_void(first.entry, after_check_out=True))
    assert code_of(a_check_out(back.entry), ledger.check_out) == "no-visit"
    again = ledger.check_in(a_gym_visit())
    assert (again.granted, again.re_entry, again.figures[0].used) == (True, False, 1)


def test_a_void_of_an_older_visit_leaves_the_running_one_alone(ledger, clock):
    """Yesterday's mistake does not throw out who is inside today."""
    first = ledger.check_in(a_gym_visit())
    clock.advance(timedelta(hours=3))
    second = ledger.check_in(a_gym_visit(clock.now()))
    ledger.void(a_void(first.entry, clock.now()))
    assert ledger.usage(HOLDER, clock.now()).visits[("gym-visit", "gym")].entry == second.entry


def test_leaving_is_recorded_with_its_time(ledger, clock):
    """The visit shows when it was left; recorded later than it happened."""
    entry = ledger.check_in(a_gym_visit()).entry
    clock.advance(30 * MINUTE)
    left = ledger.check_out(a_check_out(entry, clock.now(), out_at=START + 20 * MINUTE))
    assert (left.granted, left.visit.left_at) == (True, START + 20 * MINUTE)
    assert ledger.usage(HOLDER, clock.now()).visits[("gym-visit", "gym")] == left.visit
    leaf = ledger.entry(left.entry).leaf
    assert (leaf.kind, leaf.target, leaf.visit.entry) == ("check-out", entry, entry)


def test_leaving_sent_again_gets_its_first_answer(ledger):
    """The visit comes back as it was answered."""
    change = a_check_out(ledger.check_in(a_gym_visit()).entry)
    assert ledger.check_out(change) == replace(ledger.check_out(change), replayed=False)


@pytest.mark.parametrize("minutes", [-1, 31])
def test_nobody_leaves_before_coming_or_after_now(ledger, clock, minutes):
    """The departure lies between the entry and the present."""
    entry = ledger.check_in(a_gym_visit()).entry
    clock.advance(30 * MINUTE)
    change = a_check_out(entry, clock.now(), out_at=START + minutes * MINUTE)
    assert code_of(change, ledger.check_out) == "out-of-range"


def test_nobody_leaves_again_before_having_come_back(ledger, clock):
    """After a re-entry the departure lies after that, not only after the opening."""
    entry = ledger.check_in(a_gym_visit()).entry
    ledger.check_out(a_check_out(entry))
    clock.advance(30 * MINUTE)
    back = ledger.check_in(a_gym_visit(clock.now()))
    change = a_check_out(back.entry, clock.now(), out_at=START + 10 * MINUTE)
    assert code_of(change, ledger.check_out) == "out-of-range"


def test_a_visit_is_left_once(ledger):
    """Until it is entered again; then by either entry's id."""
    first = ledger.check_in(a_gym_visit())
    ledger.check_out(a_check_out(first.entry))
    assert code_of(a_check_out(first.entry), ledger.check_out) == "checked-out"
    back = ledger.check_in(a_gym_visit())
    assert ledger.check_out(a_check_out(first.entry)).visit.re_entries == 1
    assert code_of(a_check_out(back.entry), ledger.check_out) == "checked-out"


def test_a_departure_forgotten_is_recorded_after_the_next_visit_began(ledger, clock):
    """The running visit is not touched by it."""
    first = ledger.check_in(a_gym_visit())
    clock.advance(timedelta(hours=3))
    second = ledger.check_in(a_gym_visit(clock.now()))
    left = ledger.check_out(a_check_out(first.entry, clock.now(), out_at=START + 90 * MINUTE))
    assert left.visit.entry == first.entry
    assert ledger.usage(HOLDER, clock.now()).visits[("gym-visit", "gym")] == second.visit
    assert code_of(a_check_out(first.entry, clock.now()), ledger.check_out) == "checked-out"


def test_there_is_no_visit_to_leave_where_none_was_opened(ledger):
    """A plain check-in opens none; a voided one has none any more."""
    plain = ledger.check_in(a_check_in())
    assert code_of(a_check_out(plain.entry), ledger.check_out) == "no-visit"
    visited = ledger.check_in(a_gym_visit())
    ledger.void(a_void(visited.entry))
    assert code_of(a_check_out(visited.entry), ledger.check_out) == "already-voided"


def test_voids_and_departures_keep_the_clock_too(ledger):
    """More than 2 s off is refused, nothing written."""
    entry = ledger.check_in(a_gym_visit()).entry
    with pytest.raises(ClockSkew):
        ledger.void(a_void(entry, START + 3 * MINUTE))
    with pytest.raises(ClockSkew):
        ledger.check_out(a_check_out(entry, START - 3 * MINUTE))
    assert not ledger.entry(entry).voided


def test_a_void_whose_draft_makes_no_leaf_returns_nothing(ledger):
    """What it had changed before it failed is undone."""
    entry = ledger.check_in(a_gym_visit()).entry
    with pytest.raises(LedgerError):
        ledger.void(a_void(entry, reason=""))
    assert not ledger.entry(entry).voided
    assert ledger.usage(HOLDER, START).counters == {("gym", "2026-10"): 1}


def a_delivery(target: str, *delivered: str, **changes):
    """What was given of a service's checklist."""
    draft = a_booking_draft(card=None, tier=None, form=None, assurance=None, extra={"delivered": delivered})
    return a_check_out(target, **{"draft": draft, **changes})


def test_what_was_delivered_closes_a_booked_use_once(ledger, clock):
    """A booked trip has no visit: the check-out says what was given, and stands once."""
    booking = ledger.hold(a_hold()).booking
    clock.set(FLIGHT)
    use = ledger.check_in(a_use(booking)).entry
    given = a_delivery(use, "1", "3", at=FLIGHT, out_at=FLIGHT)
    first = ledger.check_out(given)
    leaf = ledger.entry(first.entry).leaf
    assert (leaf.kind, leaf.delivered, leaf.visit) == ("check-out", ("1", "3"), None)
    assert ledger.check_out(given) == replace(first, replayed=True)
    assert code_of(a_delivery(use, "2", at=FLIGHT, out_at=FLIGHT), ledger.check_out) == "checked-out"


def test_a_use_that_was_delivered_is_voided_by_a_supervisor_alone(ledger):
    """As after any check-out; a voided one delivers nothing any more."""
    use = ledger.check_in(a_check_in()).entry
    ledger.check_out(a_delivery(use, "1"))
    assert code_of(a_void(use), ledger.void) == "checked-out"
    ledger.void(a_void(use, after_check_out=True))
    assert code_of(a_delivery(use, "1"), ledger.check_out) == "already-voided"
    assert code_of(
        a_delivery(ledger.check_in(a_check_in(findings=("not-entitled",))).entry, "1"), ledger.check_out
    ) == ("not-granted")


def test_what_was_delivered_of_a_visit_stands_with_its_end(ledger):
    """Where there is a visit, one entry says both."""
    visited = ledger.check_in(a_gym_visit())
    left = ledger.check_out(a_delivery(visited.entry, "1"))
    assert left.visit.left_at == START
    leaf = ledger.entry(left.entry).leaf
    assert (leaf.delivered, leaf.visit.entry) == (("1",), visited.entry)
