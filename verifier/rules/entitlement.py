"""Steps 7 to 9 of a check-in as pure functions: what the programme says about this card, service, point and instant.

Nothing here opens anything or reads a clock. The cost of a use (charges, choice, visit) is computed here and handed to
the ledger, which judges the counters (step 10).
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
    """The request for one verified card: this service, here, for this beneficiary, now.

    `elsewhere`: the kinds of benefit granted elsewhere that the holder's marks name and no ruling has settled.
    `not_holder`: staff say that the person here is not the holder. `booked`: there is a booking of this service to
    judge, or one is being made. `misplaced`: the visitor's booking is used at another point.
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
    """The cost of one use: charges, a choice, a visit. It is empty for a service without limits."""

    charges: tuple[Charge, ...] = ()
    choice: Choice | None = None
    visit: VisitWindow | None = None


@dataclass(frozen=True, slots=True)
class Intended:
    """The rules' answer to a wish: the reasons against it, the marks of its entry, and the cost of the use."""

    findings: tuple[str, ...]
    marks: tuple[str, ...]
    cost: Cost


def intended(
    programme: Programme, wish: Wish, at: datetime, *, against: tuple[str, ...] = (), free: bool = False
) -> Intended:
    """Judge a wish by steps 7 to 9. Check-ins, bookings and requests all use this function.

    `at` fixes the counted period. `against`: the reasons that the caller's own rules found. `free`: the use costs
    nothing, because a booking holds its units.
    """
    cost = Cost() if free else cost_of(programme, wish.service, wish.tier, at)
    return Intended((*findings(wish), *against), notes(wish), cost)


def findings(wish: Wish) -> tuple[str, ...]:
    """Return every reason of steps 7 to 9 against the wish, without order."""
    return tuple(code for code, found in _checks(wish) if found)


def _checks(wish: Wish) -> Iterable[tuple[str, bool]]:
    service = wish.service
    # 7. Open, offered here, for this beneficiary.
    yield "service-not-open", service.closed is not None
    yield "not-offered-here", wish.misplaced or service.code not in wish.point.services
    yield "not-for-beneficiary", wish.beneficiary not in service.beneficiaries
    yield "not-holder", wish.not_holder
    # 8. The tier is entitled, and no benefit granted elsewhere waits for a ruling.
    yield "not-entitled", wish.tier not in service.tiers
    yield "refer-to-department", any(service.referral.get(kind) == "hold" for kind in wish.elsewhere)
    # 9. A booking, if the service needs one.
    yield "booking-needed", service.mode is Mode.BOOKED and not wish.booked


RESIDENT_ID = re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx](?![0-9])")
"""A resident's identity number. It is never accepted as a reference, whatever the service's pattern allows."""


def reference_fault(service: Service, reference: str | None) -> str | None:
    """Return what is wrong with the reference of a use of `service`, or None if it has the service's form."""
    rule = service.reference
    if reference is None:
        return "this service needs a reference" if rule is not None and rule.required else None
    if rule is None:
        return "this service takes no reference"
    if RESIDENT_ID.search(reference):
        return "this looks like an identity number, which the log may not hold"
    return None if re.fullmatch(rule.pattern, reference) else "the reference does not have the expected form"


def fault_of(service: Service, reference: str | None, companions: int) -> tuple[str, str] | None:
    """Return the field of a check-in that `service` does not accept, and why, or None if there is none."""
    fault = reference_fault(service, reference)
    if fault is not None:
        return "$.reference", fault
    most = service.companions_most
    if companions > most:
        message = f"this service takes at most {most} with the holder" if most else "this service is the holder's alone"
        return "$.companions", message
    return None


def notes(wish: Wish) -> tuple[str, ...]:
    """Return the marks on a grant for benefits granted elsewhere that are only noted."""
    return tuple(f"elsewhere:{kind}" for kind in sorted(wish.elsewhere) if wish.service.referral.get(kind) == "note")


def quota_period(programme: Programme, quota: Quota, at: datetime) -> Period:
    """Return the calendar period of `quota` that contains the instant `at`."""
    return period_of(quota.unit, at, programme.zone)


def limit_key(service: Service, quota: Quota, tier: str) -> str:
    """Return the name under which a use of `service` is counted.

    Each member of an exclusion has its own counter, so that `excluded` and `quota-spent` stay distinct (docs/design.md
    §6). A quota of each tier counts by tier.
    """
    key = quota.code
    if service.exclusion is not None:
        key = f"{key}/{service.exclusion[1]}"
    if quota.scope is QuotaScope.TIER:
        key = f"{key}@{tier}"
    return key


def cost_of(programme: Programme, service: Service, tier: str, at: datetime) -> Cost:
    """Return the cost of one use at the instant `at`.

    `at` is the instant that fixes the period: the use, the booking's scheduled time, or the notice's year
    (docs/design.md §6).
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
    """Return the quota of a counter's name (`annual-health/union` → `annual-health`)."""
    return programme.quotas[limit.split("@", 1)[0].split("/", 1)[0]]


def places_of(programme: Programme, service: Service) -> tuple[Point, ...]:
    """Return the points that offer a service, in the programme's order."""
    return tuple(point for point in programme.points.values() if service.code in point.services)


def numbers_of(programme: Programme, service: Service) -> tuple[tuple[Text, str], ...]:
    """Return the numbers to call about a service: the place's own numbers if there is only one place, then the
    departments'.

    Each number comes once, under its first name in the list.
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
    """Return, for every service at counters, whether cards of `tier` include it."""
    return {code: tier in service.tiers for code, service in programme.services.items() if service.checked_in}
