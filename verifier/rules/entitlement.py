"""Steps 7 to 9 of a check-in as pure functions: what the programme says of this card, service, point and instant.

Nothing here opens anything or reads a clock. What a use would count (charges, choice, visit) is worked out here and
handed to the ledger, which judges the counters (step 10).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cards.periods import Period, period_of
from cards.programme.types import Beneficiary, Mode, Point, Programme, Quota, QuotaScope, Service, Text
from ledger.values import Charge, Choice, VisitWindow


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of one verified card: this service, here, for this beneficiary, now.

    `elsewhere` are the kinds of benefit granted elsewhere that the holder's marks tell and no ruling has settled;
    `not_holder` is staff's word that the person here is not the holder. `booked`: a booking of this service is there to
    be judged, or is being made. `misplaced`: the visitor's booking is one that is used at another point.
    """

    service: Service
    point: Point
    tier: str
    beneficiary: Beneficiary = Beneficiary.HOLDER
    not_holder: bool = False
    elsewhere: Collection[str] = ()
    booked: bool = False
    misplaced: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What one use counts: charges, a choice, a visit. Empty for a service without limits."""

    charges: tuple[Charge, ...] = ()
    choice: Choice | None = None
    visit: VisitWindow | None = None


@dataclass(frozen=True, slots=True)
class Intended:
    """What the rules say of a wish: the reasons against it, the marks of its entry, and what the use would count."""

    findings: tuple[str, ...]
    marks: tuple[str, ...]
    cost: Cost


def intended(
    programme: Programme, wish: Wish, at: datetime, *, against: tuple[str, ...] = (), free: bool = False
) -> Intended:
    """Judge a wish by steps 7 to 9: one way for check-ins, bookings and requests.

    `at` fixes the period that is counted. `against`: reasons that the caller's own rules found. `free`: the use counts
    nothing, since a booking holds what it counts.
    """
    cost = Cost() if free else cost_of(programme, wish.service, wish.tier, at)
    return Intended((*findings(wish), *against), notes(wish), cost)


def findings(wish: Wish) -> tuple[str, ...]:
    """Return every reason of steps 7 to 9 that speaks against the wish, in no order."""
    return tuple(code for code, found in _checks(wish) if found)


def _checks(wish: Wish) -> Iterable[tuple[str, bool]]:
    service = wish.service
    # 7. Open, offered here, to this beneficiary.
    yield "service-not-open", service.closed is not None
    yield "not-offered-here", wish.misplaced or service.code not in wish.point.services
    yield "not-for-beneficiary", wish.beneficiary not in service.beneficiaries
    yield "not-holder", wish.not_holder
    # 8. The tier is entitled; nothing granted elsewhere awaits a ruling.
    yield "not-entitled", wish.tier not in service.tiers
    yield "refer-to-department", any(service.referral.get(kind) == "hold" for kind in wish.elsewhere)
    # 9. A booking, where the service needs one.
    yield "booking-needed", service.mode is Mode.BOOKED and not wish.booked


RESIDENT_ID = re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx](?![0-9])")
"""A resident's identity number: no reference is one, whatever the service's pattern admits."""


def reference_fault(service: Service, reference: str | None) -> str | None:
    """Return what is wrong with the reference of a use of `service`, or None if it is as the service wants it."""
    rule = service.reference
    if reference is None:
        return "this service needs a reference" if rule is not None and rule.required else None
    if rule is None:
        return "this service takes no reference"
    if RESIDENT_ID.search(reference):
        return "this looks like an identity number, which the log may not hold"
    return None if re.fullmatch(rule.pattern, reference) else "the reference does not have the expected form"


def fault_of(service: Service, reference: str | None, companions: int) -> tuple[str, str] | None:
    """Return the field of a check-in that `service` does not take as it is, and why, or None if all is well."""
    fault = reference_fault(service, reference)
    if fault is not None:
        return "$.reference", fault
    most = service.companions_most
    if companions > most:
        message = f"this service takes at most {most} with the holder" if most else "this service is the holder's alone"
        return "$.companions", message
    return None


def notes(wish: Wish) -> tuple[str, ...]:
    """Return the marks that a grant carries all the same: benefits granted elsewhere that are only noted."""
    return tuple(f"elsewhere:{kind}" for kind in sorted(wish.elsewhere) if wish.service.referral.get(kind) == "note")


def quota_period(programme: Programme, quota: Quota, at: datetime) -> Period:
    """Return the calendar period of `quota` that the instant `at` falls in."""
    return period_of(quota.unit, at, programme.zone)


def limit_key(service: Service, quota: Quota, tier: str) -> str:
    """Return the name under which a use of `service` is counted.

    Members of an exclusion count apart, so that `excluded` and `quota-spent` stay apart (docs/design.md §6); a quota
    of each tier counts by tier.
    """
    key = quota.code
    if service.exclusion is not None:
        key = f"{key}/{service.exclusion[1]}"
    if quota.scope is QuotaScope.TIER:
        key = f"{key}@{tier}"
    return key


def cost_of(programme: Programme, service: Service, tier: str, at: datetime) -> Cost:
    """Return what one use at the instant `at` counts.

    `at` is what fixes the period: the use, the booking's scheduled time, or the notice's year (docs/design.md §6).
    """
    return Cost(_charges(programme, service, tier, at), _choice(programme, service, at), _visit(service))


def _charges(programme: Programme, service: Service, tier: str, at: datetime) -> tuple[Charge, ...]:
    if service.quota is None:
        return ()
    quota = programme.quotas[service.quota]
    return (Charge(limit_key(service, quota, tier), quota_period(programme, quota, at).key, quota.maximum),)


def _choice(programme: Programme, service: Service, at: datetime) -> Choice | None:
    if service.exclusion is None:
        return None
    group, member = service.exclusion
    return Choice(group, period_of(programme.exclusions[group].unit, at, programme.zone).key, member)


def _visit(service: Service) -> VisitWindow | None:
    return None if service.visit is None else VisitWindow(service.visit.length, service.visit.re_entries)


def quota_of_limit(programme: Programme, limit: str) -> Quota:
    """Return the quota that a counter's name belongs to (`annual-health/union` → `annual-health`)."""
    return programme.quotas[limit.split("@", 1)[0].split("/", 1)[0]]


def places_of(programme: Programme, service: Service) -> tuple[Point, ...]:
    """Return the points that offer a service, in the programme's order."""
    return tuple(point for point in programme.points.values() if service.code in point.services)


def numbers_of(programme: Programme, service: Service) -> tuple[tuple[Text, str], ...]:
    """Return whom to call about a service: the place's own numbers where there is one place, then the departments'.

    Each number comes once, under the name that it is listed by first.
    """
    places = places_of(programme, service)
    told = [(phone.label, phone.number) for phone in (places[0].phones if len(places) == 1 else ())]
    for department in (programme.departments[code] for code in service.departments):
        told += [(department.name, phone.number) for phone in department.phones]
    named: dict[str, Text] = {}
    for label, number in told:
        named.setdefault(number, label)
    return tuple((label, number) for number, label in named.items())


def entitled_services(programme: Programme, tier: str) -> Mapping[str, bool]:
    """Return, for every service used at a counter, whether cards of `tier` carry it."""
    return {code: tier in service.tiers for code, service in programme.services.items() if service.checked_in}
