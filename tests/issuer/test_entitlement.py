"""Which tier grounds give and until when: pure rules, by the calendar of the programme's zone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.periods import last_day
from issuer.register.entitlement import HeldGround, entitlement, longest_end
from tests.issuer.builders import EXAMPLE, NOON, programme

BAIYUN = programme()
ZONE = BAIYUN.zone


def ground(tier="silver", number=1, **told):
    """Return a ground that holds, with sensible defaults."""
    values = {
        "limb": None,
        "reference": None,
        "body": None,
        "contract_ends": None,
        "permit_ends": None,
        "basis_ends": None,
        "added_at": NOON,
        "withdrawn_at": None,
    }
    return HeldGround(id=number, code=f"{tier}-1", tier=tier, **(values | told))


def local(year, month, day, hour=0):
    """Return an instant of Guangzhou's clock."""
    return datetime(year, month, day, hour, tzinfo=ZONE).astimezone(UTC)


def test_nobody_without_a_ground_is_entitled():
    """No ground, no tier."""
    assert entitlement([], BAIYUN, NOON) is None


def test_the_highest_tier_of_all_grounds_wins():
    """Several grounds: one tier, the highest, whatever their order."""
    grounds = [ground("silver", 1), ground("diamond", 2), ground("gold", 3)]
    for order in (grounds, grounds[::-1]):
        assert entitlement(order, BAIYUN, NOON).ground.id == 2


def test_a_withdrawn_or_ended_ground_gives_way_to_the_next():
    """When the better ground is over, the lesser one still holds."""
    over = ground("diamond", 1, basis_ends=date(2026, 11, 1))
    taken = ground("gold", 2, withdrawn_at=NOON)
    assert entitlement([over, taken, ground("silver", 3)], BAIYUN, NOON).tier == "silver"


def test_a_last_day_counts_to_its_end():
    """A ground that ends on the 2nd holds until midnight, local time."""
    held = [ground(basis_ends=date(2026, 11, 2))]
    assert entitlement(held, BAIYUN, local(2026, 11, 3) - timedelta(seconds=1))
    assert entitlement(held, BAIYUN, local(2026, 11, 3)) is None


def test_validity_ends_at_the_earliest_of_contract_permit_and_ground():
    """The three ends, and the card's own five years."""
    held = ground(contract_ends=date(2029, 6, 30), permit_ends=date(2028, 1, 31), basis_ends=date(2030, 1, 1))
    found = entitlement([held], BAIYUN, NOON)
    assert found.valid_until == local(2028, 2, 1)
    assert last_day(found.valid_until, ZONE) == date(2028, 1, 31)


def test_of_grounds_for_one_tier_the_longest_leads():
    """A second ground for the same tier that lasts longer decides the end."""
    grounds = [ground(number=1, contract_ends=date(2027, 1, 1)), ground(number=2, contract_ends=date(2028, 1, 1))]
    assert entitlement(grounds, BAIYUN, NOON).ground.id == 2


def test_five_years_end_at_the_anniversary():
    """Issued on 2 November 2026, the last day is 1 November 2031."""
    assert last_day(longest_end(BAIYUN, NOON), ZONE) == date(2031, 11, 1)


def test_a_leap_day_has_an_anniversary():
    """Issued on 29 February, the last day five years later is 28 February."""
    assert last_day(longest_end(BAIYUN, local(2028, 2, 29, 9)), ZONE) == date(2033, 2, 28)


def test_the_local_day_of_issue_counts():
    """At 23:30 UTC it is already the next day in Guangzhou."""
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert last_day(longest_end(BAIYUN, late), ZONE) == date(2031, 12, 31)


@pytest.mark.parametrize("path", [None, EXAMPLE])
def test_each_programme_has_its_own_years_and_zone(path):
    """Nothing of one district stands in the rule."""
    here = BAIYUN if path is None else programme(path)
    years = {"baiyun": 5, "millbrook": 3}[here.code]
    assert longest_end(here, NOON).astimezone(here.zone).timetuple()[:5] == (2026 + years, 11, 2, 0, 0)


@given(st.lists(st.dates(date(2025, 1, 1), date(2035, 1, 1)), max_size=5), st.integers(0, 3000))
def test_validity_never_outlasts_its_ground_or_five_years(ends, days):
    """Whatever the grounds, the end lies after now and before every bound."""
    at = NOON + timedelta(days=days)
    grounds = [ground(number=number, contract_ends=end) for number, end in enumerate(ends)]
    found = entitlement(grounds, BAIYUN, at)
    if found is None:
        assert all(end < at.astimezone(ZONE).date() for end in ends)
        return
    assert at < found.valid_until <= longest_end(BAIYUN, at)
    assert last_day(found.valid_until, ZONE) <= found.ground.contract_ends
