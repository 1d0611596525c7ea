"""Where an application can go, by whom, and by when."""

from datetime import date
from itertools import product

import pytest

from issuer.applications.states import (
    Act,
    Objection,
    OfficePerson,
    State,
    decision_objection,
    due_on,
    next_state,
    resumed_due,
    review_objection,
)
from tests.issuer.builders import programme

OFFICER = OfficePerson("person:1", reviews=frozenset({"hrss"}))
ALL_ROLES = OfficePerson("person:2", reviews=frozenset({"*"}), decides=frozenset({"*"}))
GOLD = OfficePerson("person:3", decides=frozenset({"gold", "silver"}))
MACHINE = OfficePerson("cli:root", reviews=frozenset({"*"}), decides=frozenset({"*"}))

PATH = {
    (State.DRAFT, Act.SUBMIT): State.SUBMITTED,
    (State.SUBMITTED, Act.CLAIM): State.IN_REVIEW,
    (State.IN_REVIEW, Act.RELEASE): State.SUBMITTED,
    (State.IN_REVIEW, Act.ASK): State.SUPPLEMENT,
    (State.IN_REVIEW, Act.FORWARD): State.IN_DECISION,
    (State.SUPPLEMENT, Act.SUPPLY): State.IN_REVIEW,
    (State.IN_DECISION, Act.RETURN): State.IN_REVIEW,
    (State.IN_DECISION, Act.APPROVE): State.APPROVED,
    (State.IN_DECISION, Act.REFUSE): State.REFUSED,
    **{(state, Act.WITHDRAW): State.WITHDRAWN for state in State if not state.final},
}


@pytest.mark.parametrize(("state", "act"), list(product(State, Act)))
def test_nothing_but_the_path_can_be_walked(state, act):
    """Every act in every state leads where the path says, or nowhere: no card without review and decision."""
    assert next_state(state, act) == PATH.get((state, act))


def test_what_is_final_stays():
    """Approved, refused and withdrawn applications change no more."""
    assert [state for state in State if state.final] == [State.APPROVED, State.REFUSED, State.WITHDRAWN]
    assert not any(next_state(state, act) for state in State if state.final for act in Act)
    assert {state for state in State if state.open}.isdisjoint({State.DRAFT, State.APPROVED})


@pytest.mark.parametrize("role", ["recorded", "reviewed"])
def test_whoever_took_part_does_not_decide(role):
    """One person with every right is still one person."""
    gold = programme().grounds["gold-6"]
    involved = {"recorded": ["person:2", "person:1"], "reviewed": ["web:applicant", "person:2"]}[role]
    assert decision_objection(ALL_ROLES, gold, involved) is Objection.SECOND_PERSON
    assert decision_objection(ALL_ROLES, gold, ["person:1", None]) is None


def test_a_right_covers_its_tiers_alone():
    """Gold's approver decides neither diamond nor case by case; an officer decides nothing."""
    grounds = programme().grounds
    assert decision_objection(GOLD, grounds["gold-6"], []) is None
    assert decision_objection(GOLD, grounds["diamond-1"], []) is Objection.NOT_YOUR_TIER
    assert decision_objection(GOLD, grounds["special"], []) is Objection.NOT_YOUR_TIER
    assert decision_objection(OFFICER, grounds["gold-6"], []) is Objection.NOT_YOUR_TIER


def test_a_command_line_neither_reviews_nor_decides():
    """A machine's user is no person who answers for it, whatever rights are claimed."""
    assert decision_objection(MACHINE, programme().grounds["gold-6"], []) is Objection.NOT_A_PERSON
    assert review_objection(MACHINE, "hrss", None) is Objection.NOT_A_PERSON


def test_a_department_reviews_its_own_and_one_person_at_a_time():
    """First review is by the ground's department, and by whoever claimed it."""
    assert review_objection(OFFICER, "hrss", None) is None
    assert review_objection(OFFICER, "hrss", "person:1") is None
    assert review_objection(OFFICER, "hrss", "person:9") is Objection.ANOTHERS_CLAIM
    assert review_objection(OFFICER, "union", None) is Objection.NOT_YOUR_DEPARTMENT


def test_terms_are_counted_in_working_days():
    """The term begins on the day after, weekends and holidays do not count, worked weekends do."""
    friday = date(2026, 10, 30)
    assert due_on(programme(), State.SUBMITTED, friday) == date(2026, 11, 6)
    assert due_on(programme(), State.IN_DECISION, date(2026, 9, 30)) == date(2026, 10, 13)
    assert due_on(programme(), State.SUPPLEMENT, friday) == date(2026, 11, 13)
    assert due_on(programme(), State.APPROVED, friday) is None


def test_waiting_for_the_applicant_costs_the_office_no_time():
    """What was left when the supplement was asked for is left when it comes; a day at least."""
    due, asked = date(2026, 11, 6), date(2026, 11, 3)
    assert resumed_due(programme(), due, asked, date(2026, 11, 16)) == date(2026, 11, 19)
    assert resumed_due(programme(), due, date(2026, 11, 9), date(2026, 11, 16)) == date(2026, 11, 17)
