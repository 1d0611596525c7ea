"""Who missed bookings often this year, for the offices that hear of it: each its own points' misses alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.rights import Caller, Right
from cards.programme.types import BookingRule
from edge.problems import Problem
from verifier.counter.checking_in import ledger_problems
from verifier.records.store import Access
from verifier.rules.entitlement import places_of
from verifier.rules.fields import HOLDER_NAME
from verifier.service import Verifier
from verifier.services.bookings.upkeep import MissedOften


@dataclass(frozen=True, slots=True)
class MissedRow:
    """A holder who missed bookings of a rule `missed` times in the year, the last of them `last` at `point`.

    The name and the tier are None once the last booking's details are erased; the name is the whole name where the
    booking asked for it and the caller has the right to names, else the masked name of the card.
    """

    code: str
    rule: BookingRule
    missed: int
    last: str
    point: str
    service: str
    holder_ref: str | None = None
    name: str | None = None
    tier: str | None = None


def missed_rows(verifier: Verifier, caller: Caller, at: datetime) -> tuple[MissedRow, ...]:
    """Return who missed often at the points where the caller takes bookings; kept in the access log of each.

    What was missed elsewhere is not counted here, and a holder goes by the department's own name: two departments
    cannot join their lists. Problem not-permitted for whoever takes no bookings.
    """
    programme = verifier.programme
    mine = {
        (place.code, service.code)
        for service in programme.services.values()
        if service.booking is not None
        for place in places_of(programme, service)
        if caller.may(Right.BOOKINGS, place.code, service.code)
    }
    if not mine:
        raise Problem("not-permitted")
    with ledger_problems():
        found = verifier.upkeep.missed_often(at, lambda point, service: (point, service) in mine)
    for point in sorted({point for point, _ in mine}):
        verifier.store.record(Access("bookings", caller.id, "missed often", caller.operator_id, point), at)
    return tuple(_row(verifier, caller, one) for one in found)


def _row(verifier: Verifier, caller: Caller, one: MissedOften) -> MissedRow:
    programme, details = verifier.programme, verifier.store.bookings.find(one.last)
    told: dict[str, Any] = {}
    if details is not None:
        names = caller.may(Right.NAMES, one.point)
        department = programme.points[one.point].department
        told = {
            "holder_ref": verifier.answering.reference(department, details.subject),
            "name": str(details.fields.get(HOLDER_NAME) or details.name) if names else details.name,
            "tier": details.tier,
        }
    rule = programme.booking_rules[one.rule]
    return MissedRow(one.rule, rule, one.missed, one.last, one.point, one.service, **told)
