"""Working days where a year's holidays are not announced yet: the fixed days hold, the rest is told as provisional."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cards.programme.load import load_programme
from cards.working_days import after_working_days, is_announced, is_working_day, unannounced_year

PROGRAMME = load_programme(Path(__file__).parents[2] / "cards/programmes/baiyun.toml")


@pytest.mark.parametrize("day", ["2027-01-01", "2027-10-01", "2028-05-01"])
def test_a_statutory_holiday_is_no_working_day_in_a_year_without_a_list(day):
    """1 January, 1 May and 1 to 3 October never wait for an announcement."""
    assert not is_working_day(PROGRAMME, date.fromisoformat(day))
    assert not is_announced(PROGRAMME, date.fromisoformat(day))


def test_a_deadline_over_new_year_leaves_the_holiday_out():
    """One working day after Thursday, 31 December 2026 is Monday: Friday is New Year's Day."""
    assert after_working_days(PROGRAMME, date(2026, 12, 31), 1) == date(2027, 1, 4)


def test_the_list_of_an_announced_year_rules_alone():
    """A fixed day that a year's list leaves out is worked in that year."""
    listed = replace(PROGRAMME, holidays={2030: frozenset({date(2030, 1, 2)})})
    assert is_working_day(listed, date(2030, 1, 1))
    assert not is_working_day(listed, date(2030, 1, 2))


@pytest.mark.parametrize(
    ("today", "year"), [("2026-11-30", None), ("2026-12-01", 2027), ("2027-03-01", 2027), ("2026-06-01", None)]
)
def test_from_december_on_the_next_years_list_is_due(today, year):
    """Whoever runs the system is told while there is time."""
    assert unannounced_year(PROGRAMME, date.fromisoformat(today)) == year


def test_a_programme_without_any_list_is_not_nagged():
    """A district that counts no holidays has nothing to add."""
    assert unannounced_year(replace(PROGRAMME, holidays={}), date(2026, 12, 31)) is None
