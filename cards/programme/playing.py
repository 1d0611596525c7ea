"""A month of one holder on paper: the result of a programme's tiers, quotas and exclusions, day by day.

For authors of programme files: they see the result of the figures without a card, a ledger or a booking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from cards.periods import Period, PeriodUnit, period_of
from cards.programme.types import AT_COUNTERS, Programme, Service


@dataclass(frozen=True, slots=True)
class Played:
    """The result of one service, tried once a day for a month by a holder of one tier.

    `granted` counts the days on which it was granted. `refused_on` is the first day on which it was refused, `reason`
    is the code of the reason, and `again_on` is the day from which it is granted again, or None if that is never or if
    there was no refusal.
    """

    service: Service
    granted: int
    refused_on: date | None
    reason: str | None
    again_on: date | None


@dataclass(frozen=True, slots=True)
class _Counts:
    """The holder's choice in each exclusion group, and the used units of each quota, by code and period."""

    chosen: dict[tuple[str, str], str] = field(default_factory=dict)
    used: dict[tuple[str, str], int] = field(default_factory=dict)


def play_month(programme: Programme, tier: str, month: date) -> Iterator[Played]:
    """Yield the result of each counter service, tried once each day of a month, in the programme's order.

    A service of an exclusion group is played after those before it: the first use of the period fixes the member.
    """
    counts = _Counts()
    days = list(_days(month))
    for service in programme.services.values():
        if service.mode in AT_COUNTERS:
            yield _played(programme, service, tier, days, counts)


def _days(month: date) -> Iterator[date]:
    day = month.replace(day=1)
    while day.month == month.month:
        yield day
        day += timedelta(days=1)


def _played(
    programme: Programme,
    service: Service,
    tier: str,
    days: list[date],
    counts: _Counts,
) -> Played:
    always = "not-entitled" if tier not in service.tiers else "service-not-open" if service.closed else None
    granted, first = 0, None
    for day in days:
        at = datetime.combine(day, time(12), programme.zone)
        reason = always or _refusal(programme, service, at, counts)
        if reason is None:
            granted += 1
        elif first is None:
            first = (day, reason, None if always else _again(programme, service, reason, at))
    refused, why, again = first or (None, None, None)
    return Played(service, granted, refused, why, again)


def _refusal(
    programme: Programme,
    service: Service,
    at: datetime,
    counts: _Counts,
) -> str | None:
    """Return why a use is refused, or None if it is granted. A granted use is counted."""
    group = None
    if service.exclusion is not None:
        code, member = service.exclusion
        group = (code, period_of(programme.exclusions[code].unit, at, programme.zone).key)
        if counts.chosen.get(group, member) != member:
            return "excluded"
    if service.quota is not None:
        quota = programme.quotas[service.quota]
        counted = (quota.code, period_of(quota.unit, at, programme.zone).key)
        if counts.used.get(counted, 0) >= quota.maximum:
            return "quota-spent"
        counts.used[counted] = counts.used.get(counted, 0) + 1
    if group is not None and service.exclusion is not None:
        counts.chosen[group] = service.exclusion[1]
    return None


def _again(programme: Programme, service: Service, reason: str, at: datetime) -> date | None:
    unit = PeriodUnit.EVER
    if reason == "quota-spent" and service.quota is not None:
        unit = programme.quotas[service.quota].unit
    elif service.exclusion is not None:
        unit = programme.exclusions[service.exclusion[0]].unit
    ends: Period = period_of(unit, at, programme.zone)
    return None if ends.ends_at is None else ends.ends_at.astimezone(programme.zone).date()
