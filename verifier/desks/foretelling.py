"""Shows the reasons for or against a booking by telephone before it is made: from the typed fields, recording
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from accounts.rights import Caller, Right
from cards.claims import CardClaims
from cards.verify import RefusedCard
from edge.problems import Problem
from verifier.counter.checking_in import ledger_problems
from verifier.desks.bookings import TelephoneBooking
from verifier.desks.telephone import by_number
from verifier.records.events import Event
from verifier.records.places import is_full
from verifier.rules.bookings import BookingPlan, plan_booking
from verifier.rules.entitlement import Cost, cost_of
from verifier.rules.fields import Fields, read_partly
from verifier.service import Verifier
from verifier.services.bookings.events import place_for
from verifier.services.bookings.service import check_hours, held_at, rule_of

CARD: Final = "$.card_number"

Faults = list[tuple[str, str]]
"""The path of a field, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """The reasons for or against a booking. A part is None until the fields that it needs are typed.

    `faults`: the faults of the typed fields. `name` (masked) and `tier`: of the card. `entitled`: whether the tier
    includes the service. `plan_booking`: the first and the last minute for making the booking. `left`: the units left
    before it, also None if nothing is counted. `taken_by`: the service that was chosen instead. `full`: whether its
    hour or its event has no place left.
    """

    faults: tuple[tuple[str, str], ...] = ()
    name: str | None = None
    tier: str | None = None
    entitled: bool = False
    plan: BookingPlan | None = None
    left: int | None = None
    taken_by: str | None = None
    full: bool | None = None

    @property
    def says_something(self) -> bool:
        """Return whether there is anything to show."""
        return self.tier is not None or self.plan is not None


def foretell(verifier: Verifier, caller: Caller, asked: TelephoneBooking, at: datetime) -> Foretold:
    """Return the reasons for or against a booking, as far as it is typed. Problem not-permitted."""
    caller.require(Right.BOOKINGS, asked.point.code, asked.service.code)
    faults: Faults = []
    card = _card_of(verifier, asked.card_number, at, faults)
    wanted, full = _planned(verifier, asked, None if card is None else card.name, at, faults)
    if card is None:
        return Foretold(tuple(faults), plan=wanted, full=full)
    left, taken_by = None, None
    if wanted is not None:
        cost = cost_of(verifier.programme, asked.service, card.tier, wanted.period_at)
        left, taken_by = _left(verifier, card, cost, at)
    entitled = card.tier in asked.service.tiers
    return Foretold(tuple(faults), card.name, card.tier, entitled, wanted, left, taken_by, full)


def _card_of(verifier: Verifier, number: str, at: datetime, faults: Faults) -> CardClaims | None:
    if not number.strip():
        return None
    try:
        _, verdict = by_number(verifier, number, called_back=True, at=at)
    except Problem as problem:
        _tell(problem, faults)
        return None
    if isinstance(verdict, RefusedCard):
        faults.append((CARD, "card-refused"))
        return None
    return verdict.card


def _planned(
    verifier: Verifier, asked: TelephoneBooking, card_name: str | None, at: datetime, faults: Faults
) -> tuple[BookingPlan | None, bool | None]:
    """Return the plan once its time is typed, and whether its place is already full."""
    programme, service, point = verifier.programme, asked.service, asked.point
    rule = rule_of(programme, service)
    fields, found = read_partly(rule, service, asked.fields, programme.zone, card_name)
    faults += found
    event: Event | None = None
    try:
        event = verifier.bookings.seats.event_of(service, point, fields)
        check_hours(rule, point, fields, programme)
    except Problem as problem:
        _tell(problem, faults)
    fields = held_at(fields, event)
    if fields.starts_at is None and fields.year is None:
        return None, None
    return plan_booking(rule, service, fields, at, programme.zone), _full(verifier, asked, fields, event)


def _full(verifier: Verifier, asked: TelephoneBooking, fields: Fields, event: Event | None) -> bool | None:
    place = place_for(asked.service, asked.point, fields, event)
    if place is None:
        return None
    return is_full(place, verifier.store.places.spans(place.resource, place.starts_at, place.ends_at))


def _left(verifier: Verifier, card: CardClaims, cost: Cost, at: datetime) -> tuple[int | None, str | None]:
    """Return the units that are left, and the service that was chosen instead of this one."""
    with ledger_problems():
        used = verifier.ledger.usage(card.subject, at)
    left = [one.maximum - used.counters.get((one.limit, one.period), 0) for one in cost.charges]
    taken = None if cost.choice is None else used.choices.get((cost.choice.group, cost.choice.period))
    other = taken is not None and cost.choice is not None and taken.member != cost.choice.member
    return min(left, default=None), taken.service if taken is not None and other else None


def _tell(problem: Problem, faults: Faults) -> None:
    """Add a service's refusals of fields to the faults. Any other problem is raised again."""
    if problem.code == "card-unknown":
        faults.append((CARD, problem.code))
    elif problem.code == "invalid-field":
        found = cast("list[dict[str, str]]", problem.extra.get("fields", []))
        faults += [(one["path"], one["message"]) for one in found]
    else:
        raise problem
