"""Calendar periods in a programme's zone: months, years, and "ever". Half-open, and never 30 or 360 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class PeriodUnit(StrEnum):
    """How often a quota starts anew."""

    MONTH = "month"
    YEAR = "year"
    EVER = "ever"


@dataclass(frozen=True, slots=True)
class Period:
    """One calendar period: `key` names it in the log (`2026-10`, `2026`, `ever`); bounds are UTC, `ends_at` excluded.

    "Ever" has neither bound.
    """

    unit: PeriodUnit
    key: str
    starts_at: datetime | None
    ends_at: datetime | None

    def __contains__(self, at: datetime) -> bool:
        """Whether the instant `at` lies in this period."""
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


def period_of(unit: PeriodUnit, at: datetime, zone: ZoneInfo) -> Period:
    """Return the period of `unit` that holds the instant `at`, by the calendar of `zone`."""
    local = at.astimezone(zone)
    if unit is PeriodUnit.EVER:
        return Period(unit, "ever", None, None)
    if unit is PeriodUnit.YEAR:
        return _year(local.year, zone)
    return _month(local.year, local.month, zone)


def following(period: Period, zone: ZoneInfo) -> Period:
    """Return the period after `period`; "ever" has none and raises ValueError."""
    if period.ends_at is None:
        msg = f"no period follows {period.key!r}"
        raise ValueError(msg)
    return period_of(period.unit, period.ends_at, zone)


def _year(year: int, zone: ZoneInfo) -> Period:
    return Period(PeriodUnit.YEAR, f"{year:04d}", _midnight(year, 1, zone), _midnight(year + 1, 1, zone))


def _month(year: int, month: int, zone: ZoneInfo) -> Period:
    after = (year + 1, 1) if month == 12 else (year, month + 1)
    return Period(PeriodUnit.MONTH, f"{year:04d}-{month:02d}", _midnight(year, month, zone), _midnight(*after, zone))


def _midnight(year: int, month: int, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local month; where midnight does not exist, the instant the clock jumps past it."""
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)


def period_named(unit: PeriodUnit, key: str, zone: ZoneInfo) -> Period:
    """Return the period of `unit` whose key is `key`; ValueError when there is none."""
    if unit is PeriodUnit.EVER:
        return Period(unit, "ever", None, None)
    year, _, month = key.partition("-")
    return _year(int(year), zone) if unit is PeriodUnit.YEAR else _month(int(year), int(month), zone)
