"""The holders who requested a counted service in a period, such as a year's newspaper: a list with names, or a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from accounts.rights import Caller, Right
from cards.periods import Period, PeriodUnit, period_named
from cards.programme.types import Mode, Service
from edge.fields import invalid
from edge.instants import rfc3339
from edge.spreadsheets import csv_file
from ledger.filtering import cell_of
from verifier.desks.matters import READING
from verifier.records.bookings import BookingDetails
from verifier.records.store import Access
from verifier.rules.matters import Matter
from verifier.service import Verifier
from verifier.services.requests.service import GIVES_BACK, department_place

COLUMNS = ("request", "opened_at", "holder_ref", "channel")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A request that was not withdrawn, with its fields unless they are erased."""

    matter: Matter
    details: BookingDetails | None
    holder_ref: str | None


def subscribed_services(verifier: Verifier, caller: Caller) -> tuple[Service, ...]:
    """Return the counted services whose subscribers a caller may list with names and addresses."""
    return tuple(
        one
        for one in verifier.programme.services.values()
        if one.mode is Mode.REQUESTED
        and one.quota is not None
        and all(
            caller.may(right, department_place(one.departments[0]), one.code) for right in (Right.BOOKINGS, Right.NAMES)
        )
    )


def subscribers(
    verifier: Verifier, caller: Caller, service: Service, period: str, at: datetime
) -> tuple[Subscriber, ...]:
    """List the subscribers of a period (`2026`), without withdrawn and refused requests.

    The access log records the reading.

    Only callers with the right to names may read the list. Problems: not-permitted, invalid-field.
    """
    place = department_place(service.departments[0])
    caller.require(Right.BOOKINGS, place, service.code)
    caller.require(Right.NAMES, place, service.code)
    if service.quota is None:
        raise invalid("$.service", "this service is not counted by period")
    named = _period(verifier, verifier.programme.quotas[service.quota].unit, period)
    listed = verifier.store.matters.of_service(place, service.code, named.starts_at, named.ends_at)
    what = f"subscribers {service.code} {period}"
    verifier.store.record(Access(READING, caller.id, what, caller.operator_id, place), at)
    return tuple(_subscriber(verifier, one) for one in listed if one.outcome not in {*GIVES_BACK, "voided"})


def _subscriber(verifier: Verifier, matter: Matter) -> Subscriber:
    details = verifier.requests.details(matter.id)
    known = None if details is None else verifier.answering.reference(matter.department, details.subject)
    return Subscriber(matter, details, known)


def subscribers_csv(service: Service, rows: Iterable[Subscriber]) -> str:
    """Return subscribers as CSV."""
    fields = () if service.request is None else tuple(one.code for one in service.request.fields)
    told = [(*COLUMNS, *fields)]
    for row in rows:
        details = {} if row.details is None else row.details.fields
        ref = "" if row.holder_ref is None else cell_of("holder", row.holder_ref)
        channel = "" if row.details is None else row.details.channel
        begins = (cell_of("id", row.matter.id), rfc3339(row.matter.opened_at), ref, channel)
        told.append((*begins, *(str(details.get(code, "")) for code in fields)))
    return csv_file(told)


def _period(verifier: Verifier, unit: PeriodUnit, key: str) -> Period:
    try:
        return period_named(unit, key, verifier.programme.zone)
    except (ValueError, OverflowError):  # Another unit's period, or a year at the ends of the calendar
        raise invalid("$.period", f"a period such as {'2026' if unit is PeriodUnit.YEAR else '2026-10'}") from None
