"""Step 10 as a pure function: each rule at its very edge, without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.bookings import Booking, BookingState
from ledger.judgement import (
    STANDS,
    MoveVerdict,
    Standing,
    Verdict,
    booking_reasons,
    first_of,
    judge,
    judge_move,
    other_member,
)
from ledger.values import Charge, Figure, Taken, VisitState, VisitWindow
from tests.ledger.builders import A_TRIP, FLIGHT, START, a_charge, a_check_in, a_choice, a_gym_visit, a_use, a_window

GYM = ("gym", "2026-10")
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
ENTRY = "AAAAAAAAAAE"


def standing(**changes) -> Standing:
    """Nothing used, nobody inside, nothing chosen."""
    return replace(Standing(proof_used=False, visit=None, used={}, taken=None), **changes)


def inside(**changes) -> VisitState:
    """A visit that began an hour ago and runs for another."""
    return replace(VisitState("first", START - HOUR, START + HOUR), **changes)


def taken(member: str = "union", group: str = "annual-health") -> Taken:
    """A choice made before."""
    return Taken(group, member, "check-up", START - HOUR, "first")


def booking(state: BookingState = BookingState.HELD, **changes) -> Booking:
    """A departure in twelve hours."""
    made = Booking(
        id="booking-1",
        holder="h",
        service="airport-dom-departure",
        point="air-dom",
        state=state,
        window=a_window(FLIGHT),
        booked_at=START,
        charges=(A_TRIP,),
        choice=None,
        holds=True,
        held_by="first",
    )
    return replace(made, **changes)


def judged(change=None, **changes) -> Verdict:
    """The verdict on a gym visit at START."""
    return judge(change or a_gym_visit(), START, ENTRY, standing(**changes))


# -- Quota and period --


@pytest.mark.parametrize(("used", "granted"), [(0, True), (1, True), (2, False), (3, False)])
def test_the_last_unit_is_granted_and_the_one_after_it_is_not(used, granted):
    """Two a month: a grant counts one more, a refusal shows what was used and counts nothing."""
    verdict = judged(used={GYM: used})
    assert (verdict.granted, verdict.reason) == (granted, None if granted else "quota-spent")
    assert verdict.figures == (Figure("gym", "2026-10", used + granted, 2),)


def test_another_period_and_another_limit_are_other_counters():
    """What was used in September, or in the pool, takes nothing from October's gym."""
    verdict = judged(used={("gym", "2026-09"): 2, ("pool", "2026-10"): 2})
    assert verdict.figures == (Figure("gym", "2026-10", 1, 2),)


@pytest.mark.parametrize(("units", "granted"), [(2, True), (3, False)])
def test_units_of_one_use_count_together(units, granted):
    """A use of two units takes the whole month; one of three never fits."""
    verdict = judged(a_gym_visit(charges=(a_charge(units=units),)))
    assert verdict.granted is granted
    assert verdict.figures[0].used == (units if granted else 0)


def test_two_charges_on_one_counter_are_judged_as_their_sum():
    """Neither is over the limit, both together are."""
    two = (a_charge(units=1), a_charge(units=2))
    assert judged(a_gym_visit(charges=two)).reason == "quota-spent"
    assert judged(a_gym_visit(charges=(a_charge(units=1), a_charge(units=1)))).figures == (Figure(*GYM, 2, 2),)


@pytest.mark.parametrize("spent", [GYM, ("year", "2026")])
def test_the_strictest_of_several_limits_wins_and_none_is_counted_then(spent):
    """All or nothing: the other limit keeps its unit."""
    both = (a_charge(), Charge("year", "2026", 2))
    verdict = judged(a_gym_visit(charges=both), used={spent: 2})
    assert verdict.reason == "quota-spent"
    assert {figure.used for figure in verdict.figures} == {0, 2}


# -- Replay --


def test_a_used_proof_is_told_before_all_else_and_waived_by_nobody():
    """Replay comes first, even where a supervisor answers for every other reason."""
    change = a_gym_visit(findings=("not-entitled",), waived=frozenset({"proof-used", "not-entitled", "already-in"}))
    verdict = judged(change, proof_used=True, visit=inside())
    assert (verdict.reason, verdict.granted) == ("proof-used", False)
    assert verdict.figures[0].used == 0


# -- Visits --


def test_a_grant_opens_a_visit_of_the_service_s_length():
    """It has the new entry's id."""
    assert judged().visit == VisitState(ENTRY, START, START + 2 * HOUR)


@pytest.mark.parametrize(("ends", "reason"), [(START + SECOND, "already-in"), (START, None), (START - SECOND, None)])
def test_a_visit_is_over_at_exactly_its_end(ends, reason):
    """Up to the last second a second scan is denied, and the running visit stays as it is."""
    running = inside(ends_at=ends)
    verdict = judged(visit=running)
    assert verdict.reason == reason
    assert verdict.visit == (running if reason else VisitState(ENTRY, START, START + 2 * HOUR))


@pytest.mark.parametrize(("before", "re_entry"), [(0, True), (1, False)])
def test_after_a_departure_one_re_entry_is_free(before, re_entry):
    """It counts nothing, even with the quota spent, and the visit keeps its start and its entry."""
    left = inside(left_at=START - SECOND, re_entries=before)
    verdict = judged(visit=left, used={GYM: 2})
    assert (verdict.re_entry, verdict.granted) == (re_entry, re_entry)
    assert verdict.figures == (Figure(*GYM, 2, 2),)
    assert verdict.left_before == (left.left_at if re_entry else None)
    assert verdict.visit == (replace(left, re_entries=1, left_at=None) if re_entry else left)


def test_without_a_departure_or_for_a_service_without_visits_nobody_re_enters():
    """Inside without a departure is `already-in`; a service that keeps no visits takes the old one for nothing."""
    assert judged(visit=inside()).reason == "already-in"
    verdict = judged(a_check_in(charges=(a_charge(),)), visit=inside(left_at=START))
    assert (verdict.reason, verdict.re_entry, verdict.visit) == (None, False, None)


def test_a_re_entry_that_something_else_forbids_is_no_re_entry():
    """A refused person did not come in again: the departure stays."""
    left = inside(left_at=START - SECOND)
    verdict = judged(a_gym_visit(findings=("not-entitled",)), visit=left)
    assert (verdict.reason, verdict.re_entry, verdict.left_before, verdict.visit) == ("not-entitled", False, None, left)


def test_a_service_that_allows_no_re_entry_grants_none():
    """The cap is the programme's."""
    change = a_gym_visit(visit=VisitWindow(2 * HOUR, re_entries=0))
    assert judged(change, visit=inside(left_at=START)).reason == "already-in"


# -- Exclusion groups --


def test_the_same_member_again_is_no_conflict_and_another_is():
    """Of two check-ups one: the union's stays the union's."""
    same, other = taken("union"), taken("hospital")
    assert judged(a_check_in(choice=a_choice("union")), taken=same).granted
    verdict = judged(a_check_in(choice=a_choice("union")), taken=other)
    assert (verdict.reason, verdict.taken) == ("excluded", other)
    assert other_member(None, other) is None
    assert other_member(a_choice(), None) is None


# -- Findings, order, waiving --


def test_of_several_reasons_the_first_in_order_is_given():
    """Spent and inside and excluded at once."""
    change = a_gym_visit(choice=a_choice("union"), findings=("not-entitled",))
    against = {"visit": inside(), "used": {GYM: 2}, "taken": taken("hospital")}
    assert judged(change, **against).reason == "already-in"
    for order, reason in ((("excluded",), "excluded"), (("quota-spent", "already-in"), "quota-spent")):
        assert judged(replace(change, order=order), **against).reason == reason


def test_a_reason_without_a_rank_comes_last_and_none_is_none():
    """Unknown ones are told only where nothing else is."""
    assert first_of(["strange", "b"], ("a", "b")) == "b"
    assert first_of(["strange"], ("a",)) == "strange"
    assert first_of(["b", "a"], ("a", "b")) == "a"
    assert first_of([], ("a",)) is None


def test_what_a_supervisor_answers_for_does_not_count_against_a_use_and_nothing_else_is_waived():
    """Waived spent quota is granted and counted over the limit; another reason stays."""
    change = a_gym_visit(waived=frozenset({"quota-spent"}))
    verdict = judged(change, used={GYM: 2})
    assert (verdict.granted, verdict.figures) == (True, (Figure(*GYM, 3, 2),))
    assert judged(change, visit=inside()).reason == "already-in"


@pytest.mark.parametrize("reason", sorted(STANDS))
def test_some_reasons_no_supervisor_can_waive(reason):
    """A booking without a unit, a proof that was used."""
    change = a_gym_visit(findings=(reason,), waived=frozenset({reason}))
    assert judged(change).reason == reason


# -- Bookings --


WINDOW = a_window(FLIGHT)


@pytest.mark.parametrize(
    ("at", "reasons"),
    [
        (WINDOW.opens_at - SECOND, ["booking-too-early"]),
        (WINDOW.opens_at, []),
        (WINDOW.closes_at, []),
        (WINDOW.closes_at + SECOND, ["booking-missed"]),
    ],
)
def test_both_ends_of_a_booking_s_window_are_included(at, reasons):
    """A second earlier is early, a second later is missed."""
    assert booking_reasons(booking(), "airport-dom-departure", at) == reasons


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (BookingState.CANCELLED, "booking-needed"),
        (BookingState.USED, "booking-used"),
        (BookingState.MISSED, "booking-missed"),
    ],
)
def test_a_booking_that_is_over_serves_nobody(state, reason):
    """Whatever the time."""
    assert booking_reasons(booking(state), "airport-dom-departure", FLIGHT) == [reason]


def test_a_booking_serves_its_own_service_alone():
    """No booking, and another service's, are the same to the desk."""
    assert booking_reasons(None, "airport-dom-departure", FLIGHT) == ["booking-needed"]
    assert booking_reasons(booking(), "airport-int-departure", FLIGHT) == ["booking-needed"]


def test_a_use_with_a_booking_shows_the_booking_s_figures_and_counts_nothing():
    """The unit was counted when it was held."""
    state = standing(booking=booking(), used={("airport", "2026"): 1})
    verdict = judge(a_use("booking-1"), FLIGHT, ENTRY, state)
    assert (verdict.granted, verdict.figures) == (True, (Figure("airport", "2026", 1, 2),))
    missing = judge(a_use("booking-1"), FLIGHT, ENTRY, standing())
    assert (missing.reason, missing.figures) == ("booking-needed", ())


# -- Moving a booking --


def moved(wanted=((A_TRIP,), None), held=((A_TRIP,), None), findings=(), order=("x",), **changes) -> MoveVerdict:
    """The verdict on a moved departure."""
    return judge_move(findings, order, wanted, held, standing(**changes))


TRIPS = ("airport", "2026")


def test_the_unit_that_a_booking_holds_never_counts_against_its_own_move():
    """With the year full the move stands, and the counter is where it was; without it the move is refused."""
    assert moved(used={TRIPS: 2}) == MoveVerdict(None, (Figure(*TRIPS, 2, 2),), None)
    refused = moved(held=((), None), used={TRIPS: 2})
    assert refused == MoveVerdict("quota-spent", (Figure(*TRIPS, 2, 2),), None)


def test_a_move_to_another_year_takes_that_year_s_unit():
    """What is given back lies in the old year."""
    new = Charge("airport", "2027", 2)
    assert moved(wanted=((new,), None), used={TRIPS: 2, ("airport", "2027"): 1}).figures == (
        Figure("airport", "2027", 2, 2),
    )
    assert moved(wanted=((new,), None), used={TRIPS: 1, ("airport", "2027"): 2}).reason == "quota-spent"


def test_a_move_keeps_to_its_choice_and_to_the_rules_findings():
    """Another member is excluded; the first reason in order is given."""
    other = taken("hospital")
    verdict = moved(wanted=((), a_choice("union")), held=((), None), taken=other)
    assert (verdict.reason, verdict.taken) == ("excluded", other)
    both = moved(held=((), None), used={TRIPS: 2}, findings=("late",), order=("late", "quota-spent"))
    assert both.reason == "late"


def test_a_refused_move_shows_what_is_counted_with_the_unit_that_stays_held():
    """Nothing was given back: the counter shows the held unit still."""
    refused = moved(used={TRIPS: 2}, findings=("late",), order=("late",))
    assert refused == MoveVerdict("late", (Figure(*TRIPS, 2, 2),), None)
