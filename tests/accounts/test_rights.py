"""Rights as values: what is allowed where, and what no combination may add."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.rights import (
    EVERYWHERE,
    PEOPLE_ONLY,
    SUPERVISING,
    Caller,
    Grant,
    Operator,
    Right,
    load_rights,
    parse_rights,
    rights_of_grants,
    save_rights,
)
from edge.problems import Problem

POINTS = st.sampled_from(["gym", "museum", EVERYWHERE])
RIGHTS = st.dictionaries(POINTS, st.frozensets(st.sampled_from(list(Right))))
OPERATORS = st.none() | RIGHTS.map(lambda rights: Operator("o", "王小明", rights))
CALLERS = st.builds(lambda rights, operator: Caller("device", "d", rights, "gym", operator), RIGHTS, OPERATORS)


@given(CALLERS, st.sampled_from(list(Right)), st.sampled_from(["gym", "museum", "nowhere"]))
def test_a_right_is_in_force_only_if_caller_and_operator_both_hold_it(caller, right, point):
    """No operator adds to a device, no device to an operator."""

    def holds(rights):
        return right in rights.get(point, ()) or right in rights.get(EVERYWHERE, ())

    both = holds(caller.rights) and (caller.operator is None or holds(caller.operator.rights))
    assert caller.may(right, point) == (both and not (right in SUPERVISING and caller.operator is None))


@given(CALLERS, st.sampled_from(list(Right)), st.sampled_from(["gym", "museum"]))
def test_the_points_of_a_right_are_those_where_it_may_be_used(caller, right, point):
    """`points` and `may` never disagree."""
    points = caller.points(right)
    assert (point in points or EVERYWHERE in points) == caller.may(right, point)


@given(RIGHTS)
def test_rights_come_back_from_the_store_as_they_went(rights):
    """Saved and loaded are the same."""
    assert load_rights(save_rights(rights)) == rights


def test_a_refusal_names_no_point():
    """Another's point and no point are one answer."""
    caller = Caller("device", "d", {"gym": frozenset({Right.CHECK_IN})}, "gym")
    caller.require(Right.CHECK_IN, "gym")
    for point in ("museum", "nowhere", "", "../gym"):
        with pytest.raises(Problem) as refused:
            caller.require(Right.CHECK_IN, point)
        assert refused.value.document() == Problem("not-permitted").document()


def test_nothing_named_is_the_smallest_right():
    """Check-in alone; a name that is no right is an error."""
    assert parse_rights([]) == {Right.CHECK_IN}
    with pytest.raises(ValueError, match="fly"):
        parse_rights(["fly"])


def test_a_right_narrowed_to_a_service_holds_for_that_alone():
    """Neither for another service, nor for the whole point; both sides may narrow it."""
    gym = {"gym/gym-visit": frozenset({Right.CHECK_IN}), "museum": frozenset({Right.CHECK_IN})}
    caller = Caller("device", "d", gym, "gym")
    assert caller.may(Right.CHECK_IN, "gym", "gym-visit")
    assert not caller.may(Right.CHECK_IN, "gym", "airport-dom-departure")
    assert not caller.may(Right.CHECK_IN, "gym")
    assert caller.may_some(Right.CHECK_IN, "gym")
    assert caller.points(Right.CHECK_IN) == {"museum"}
    assert caller.some_points(Right.CHECK_IN) == {"gym", "museum"}
    everywhere = Operator("o", "王小明", {"*/museum-visit": frozenset({Right.CHECK_IN})})
    both = Caller("device", "d", gym, "gym", everywhere)
    assert not both.may_some(Right.CHECK_IN, "gym")
    assert both.may(Right.CHECK_IN, "museum", "museum-visit")


@given(CALLERS, st.sampled_from(list(Right)), st.sampled_from(["gym", "museum"]))
def test_a_device_that_needs_an_operator_never_has_more_without(caller, right, point):
    """Whatever it holds, and whatever its operator holds."""
    without = replace(caller, operator=None, needs_operator=True)
    assert not without.may(right, point)
    assert not without.may_some(right, point)
    assert without.points(right) == frozenset()


@pytest.mark.parametrize(
    ("text", "right", "reaches"),
    [
        ("approver:gold", Right.APPROVE, {"gold"}),
        ("approver", Right.APPROVE, {"gold", "silver"}),
        ("reviewer:silver", Right.REVIEW, {"silver"}),
        ("reviewer:silver", Right.APPROVE, set()),
        ("desk:gold", Right.BOOKINGS, {"gold"}),
    ],
)
def test_a_grant_reaches_its_tier_or_department_alone(text, right, reaches):
    """Narrowed to one, or everywhere."""
    grants = frozenset({Grant.parse(text)})
    who = Caller("person", "a", rights_of_grants(grants, {"gold": ["gym"]}), grants=grants)
    assert {scope for scope in ("gold", "silver") if who.covers(right, scope)} == reaches


def test_a_desk_of_a_department_has_its_rights_at_that_departments_points_alone():
    """Also a department that the programme no longer knows gives nothing."""
    grants = [Grant.parse("desk:sports"), Grant.parse("desk:gone")]
    rights = rights_of_grants(grants, {"sports": ["gym", "pool"], "culture": ["library"]})
    who = Caller("person", "a", rights, grants=frozenset(grants))
    assert who.points(Right.BOOKINGS) == {"gym", "pool", "dept-sports"}
    assert not who.may(Right.BOOKINGS, "library")


@pytest.mark.parametrize("text", ["officer:gold", "nobody", "", ":gold", "auditor:sports"])
def test_a_role_that_cannot_be_narrowed_is_refused_with_a_scope(text):
    """Else a typo would give the whole right."""
    with pytest.raises(ValueError, match=r"nobody|officer|auditor|''"):
        Grant.parse(text)


def test_no_device_is_given_what_belongs_to_people():
    """Registers, keys and accounts come with a role alone."""
    for right in PEOPLE_ONLY:
        with pytest.raises(ValueError, match="role"):
            parse_rights([right])
