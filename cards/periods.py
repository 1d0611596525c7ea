"""Calendar periods in a programme's zone: months, years, and "ever". They are half-open, and never 30 or 360 days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


def last_day(end: datetime, zone: ZoneInfo) -> date:
    """Return the last local day of a validity that ends before the instant `end`. This day is printed on the card, and
    every page, letter and command shows it as "until".
    """
    return (end - _SECOND).astimezone(zone).date()


class PeriodUnit(StrEnum):
    """How often a quota starts again."""

    MONTH = "month"
    YEAR = "year"
    EVER = "ever"


_KEYS = {
    PeriodUnit.MONTH: re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII),
    PeriodUnit.YEAR: re.compile(r"\d{4}", re.ASCII),
    PeriodUnit.EVER: re.compile(r"ever"),
}


@dataclass(frozen=True, slots=True)
class Period:
    """One calendar period. `key` names it in the log (`2026-10`, `2026`, `ever`). Bounds are UTC, and `ends_at` is
    excluded.

    "Ever" has no bounds.
    """

    unit: PeriodUnit
    key: str
    starts_at: datetime | None
    ends_at: datetime | None

    def __contains__(self, at: datetime) -> bool:
        """Return whether the instant `at` lies in this period."""
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


def period_of(unit: PeriodUnit, at: datetime, zone: ZoneInfo) -> Period:
    """Return the period of `unit` that contains the instant `at`, by the calendar of `zone`.

    A period begins at the first instant whose local date lies in it. If clocks go back over the midnight between two
    periods (St John's, 1 November 2009, from 00:01 to 23:01), the repeated hour stays in the later period, so that
    periods never overlap. Raises ValueError or OverflowError at the ends of the calendar, in the years 1 and 9999.
    """
    if unit is PeriodUnit.EVER:
        return Period(unit, "ever", None, None)
    local = at.astimezone(zone)
    period = _period(unit, local.year, local.month, zone)
    return period if at in period else following(period, zone)


def following(period: Period, zone: ZoneInfo) -> Period:
    """Return the period after `period`. Raises ValueError for "ever"."""
    if period.ends_at is None:
        msg = f"no period follows {period.key!r}"
        raise ValueError(msg)
    return _period(period.unit, *_next_start(period.unit, *_first_month(period.key)), zone)


def period_named(unit: PeriodUnit, key: str, zone: ZoneInfo) -> Period:
    """Return the period that a log's key names (`2026-10`, `2026`, `ever`). Raises ValueError for a key of another
    unit.
    """
    if not _KEYS[unit].fullmatch(key):
        raise ValueError(f"{key!r} names no {unit}")
    if unit is PeriodUnit.EVER:
        return Period(unit, "ever", None, None)
    return _period(unit, *_first_month(key), zone)


def _first_month(key: str) -> tuple[int, int]:
    return int(key[:4]), int(key[5:] or 1)


def _period(unit: PeriodUnit, year: int, month: int, zone: ZoneInfo) -> Period:
    starts_at = _first_instant(year, month if unit is PeriodUnit.MONTH else 1, zone)
    ends_at = _first_instant(*_next_start(unit, year, month), zone)
    key = f"{year:04d}-{month:02d}" if unit is PeriodUnit.MONTH else f"{year:04d}"
    return Period(unit, key, starts_at, ends_at)


def _next_start(unit: PeriodUnit, year: int, month: int) -> tuple[int, int]:
    if unit is PeriodUnit.YEAR or month == 12:
        return year + 1, 1
    return year, month + 1


@lru_cache(maxsize=4096)
def _first_instant(year: int, month: int, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local month, aware UTC.

    This is midnight of the 1st, the earlier midnight if it comes twice. If the clock jumps over it, it is the instant
    of the jump.
    """
    midnight = datetime(year, month, 1, tzinfo=zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    # In a gap, the two folds read midnight with the offsets before and after the jump, which lies between them.
    before = midnight.replace(fold=1).astimezone(UTC)
    while instant - before > _SECOND:
        middle = before + (instant - before) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) < midnight.replace(tzinfo=None):
            before = middle
        else:
            instant = middle
    return instant
