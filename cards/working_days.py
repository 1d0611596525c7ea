"""Working days by the programme's own calendar: weekends, holidays, working weekends. Pure; no clock."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from cards.programme.types import Programme

_SATURDAY: Final = 5
LONGEST_LEAVE: Final = 60
"""After this many days without work, a calendar is considered a mistake."""


def is_working_day(programme: Programme, day: date) -> bool:
    """Return whether the office works on a local day: no holiday, and no weekend except working weekends."""
    if day in programme.working_weekends:
        return True
    return day.weekday() < _SATURDAY and not is_holiday(programme, day)


def is_holiday(programme: Programme, day: date) -> bool:
    """Return whether a local day is a holiday: by its year's list, or by the yearly days before the list exists."""
    listed = programme.holidays.get(day.year)
    return f"{day:%m-%d}" in programme.fixed_holidays if listed is None else day in listed


def is_announced(programme: Programme, day: date) -> bool:
    """Return whether the calendar has the holidays of the day's year. Until then, a deadline in that year is
    provisional.
    """
    return not programme.holidays or day.year in programme.holidays


def after_working_days(programme: Programme, since: date, days: int) -> date:
    """Return the last day of a term of `days` working days that begins on the day after `since`.

    Raises ValueError if the calendar leaves no working day within two months.
    """
    day, left, idle = since, days, 0
    while left > 0:
        day += timedelta(days=1)
        worked = is_working_day(programme, day)
        left, idle = (left - 1, 0) if worked else (left, idle + 1)
        if idle > LONGEST_LEAVE:
            raise ValueError("the programme's calendar leaves no working day")
    return day


def working_days_between(programme: Programme, since: date, until: date) -> int:
    """Return the number of working days after `since` up to and including `until`, or a negative number if `until` is
    earlier.
    """
    if until < since:
        return -working_days_between(programme, until, since)
    days = ((since + timedelta(days=step)) for step in range(1, (until - since).days + 1))
    return sum(is_working_day(programme, day) for day in days)


def unannounced_year(programme: Programme, today: date) -> int | None:
    """Return the year whose holidays are due but missing from the programme: this year, or from 1 December the next
    year.

    None if nothing is due, and for a programme without any holidays.
    """
    due = [today.year, *([today.year + 1] if today.month == 12 else [])]
    return next((year for year in due if programme.holidays and year not in programme.holidays), None)
