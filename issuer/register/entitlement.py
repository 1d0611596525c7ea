"""Which tier a holder's grounds give, and until when. Pure rules: no store, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cards.programme.types import Programme


@dataclass(frozen=True, slots=True)
class HeldGround:
    """An approved ground (申领条件) of a holder. The dates are the last local days on which it holds.

    `tier` is the ground's own or, for `special`, the tier that the leading group (`body`) fixed under `reference`.
    """

    id: int
    code: str
    limb: str | None
    tier: str
    reference: str | None
    body: str | None
    contract_ends: date | None
    permit_ends: date | None
    basis_ends: date | None
    added_at: datetime
    withdrawn_at: datetime | None

    @property
    def last_day(self) -> date | None:
        """The earliest end of contract, permit and ground, or None if nothing ends."""
        return min(filter(None, (self.contract_ends, self.permit_ends, self.basis_ends)), default=None)

    def holds_at(self, at: datetime, zone: ZoneInfo) -> bool:
        """Return whether the ground counts at the instant `at`."""
        ended = self.last_day is not None and at >= after_day(self.last_day, zone)
        return self.withdrawn_at is None and not ended


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A holder's tier, its ground, and the end of a card that is issued now."""

    tier: str
    ground: HeldGround
    valid_until: datetime


def entitlement(grounds: Iterable[HeldGround], programme: Programme, at: datetime) -> Entitlement | None:
    """Return the highest tier that any current ground gives, or None (docs/guide-coverage.md, Assumptions: all grounds
    are kept).

    Of several grounds for this tier, the ground that lasts longest counts. The validity ends at the earliest end of
    contract, permit and ground, and at the latest after the programme's longest time.
    """
    zone = programme.zone
    current = [ground for ground in grounds if ground.tier in programme.tiers and ground.holds_at(at, zone)]
    if not current:
        return None
    latest = longest_end(programme, at)
    lead = max(current, key=lambda ground: (programme.tiers[ground.tier].rank, _end(ground, latest, zone), -ground.id))
    return Entitlement(lead.tier, lead, _end(lead, latest, zone))


def longest_end(programme: Programme, at: datetime) -> datetime:
    """Return the end of the longest validity: midnight at the anniversary of the local day of issue, in UTC."""
    local = at.astimezone(programme.zone).date()
    year = local.year + programme.validity.longest_years
    try:
        anniversary = local.replace(year=year)
    except ValueError:  # 29 February: two years later there is none
        anniversary = date(year, 3, 1)
    return _midnight(anniversary, programme.zone)


def after_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant after the local `day`, as UTC."""
    return _midnight(day + timedelta(days=1), zone)


def _end(ground: HeldGround, latest: datetime, zone: ZoneInfo) -> datetime:
    return latest if ground.last_day is None else min(latest, after_day(ground.last_day, zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
