"""Holders who often missed bookings this year, for the offices that must know. Each office sees only misses at its own
points.
"""

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
    """A holder who missed `missed` bookings of a rule in the year. The last missed booking was at `last`, at `point`.

    The name and the tier are None after the last booking's details are erased. The name is the full name if the booking
    asked for it and the caller has the right to names, otherwise the masked name on the card.
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
    """Return the holders who often missed bookings at the points where the caller makes bookings. The access log of
    each holder records the reading.

    Bookings missed at other points are not counted here. The department's own reference names the holder, so that two
    departments cannot join their lists. Problem not-permitted for a caller who makes no bookings.
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
