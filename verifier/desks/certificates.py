"""Certificates that a department hands out, one for each holder and tier: the list of them, to print and sign.

The programme tells which services these are: they are checked in with a number of their own and counted once for each
tier. The verifier knows only masked names. The person who prints types the full name from the holder's papers; it is
compared with the masked name and never kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from accounts.rights import Caller, Right
from cards.programme.types import Point, Programme, QuotaScope, Service
from cards.typed import fits_mask, name
from edge.fields import invalid
from edge.problems import Problem
from ledger.paging import every_entry
from ledger.values import Entry, Query
from verifier.counter.checking_in import ledger_problems
from verifier.records.store import Access
from verifier.rules.bookings import span_of_day
from verifier.service import Verifier

READING: Final = "certificates"
"""The kind of line in the access log."""
NAME_MOST: Final = 60
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was given: the entry of its check-in, its number, the tier, and the day.

    `masked`: the name on the holder's newest card, or None if no valid card is known here.
    """

    entry: str
    service: Service
    point: Point
    number: str
    tier: str
    given_at: datetime
    masked: str | None


def certificate_services(programme: Programme) -> tuple[Service, ...]:
    """Return the services that hand out certificates."""
    once_a_tier = {code for code, quota in programme.quotas.items() if quota.scope is QuotaScope.TIER}
    return tuple(one for one in programme.services.values() if one.quota in once_a_tier and one.reference is not None)


class CertificateDesk:
    """Lists certificates for a caller, and prints one of them."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's services."""
        self._verifier = verifier

    def places(self, caller: Caller) -> tuple[tuple[Service, Point], ...]:
        """Return the services and points whose certificates the caller prints, by the right to names there."""
        programme = self._verifier.programme
        return tuple(
            (service, point)
            for service in certificate_services(programme)
            for point in programme.points.values()
            if service.code in point.services
            and all(caller.may(right, point.code, service.code) for right in (Right.BOOKINGS, Right.NAMES))
        )

    def listed(self, caller: Caller, year: int, at: datetime) -> tuple[Certificate, ...]:
        """Return the certificates of a year, newest first, without voided ones. The access log records the reading.

        Problem not-permitted for a caller who prints none.
        """
        places = self.places(caller)
        if not places:
            raise Problem("not-permitted")
        for _, point in places:
            self._verifier.store.record(Access(READING, caller.id, f"{year}", caller.operator_id, point.code), at)
        found = (self._of(entry, service, point, at) for entry, service, point in self._entries(places, year))
        return tuple(sorted(found, key=lambda one: one.given_at, reverse=True))

    def find(self, caller: Caller, entry_id: str, at: datetime) -> Certificate:
        """Return one certificate. Problem not-found for any other entry."""
        with ledger_problems():
            entry = self._verifier.ledger.entry(entry_id)
        for service, point in self.places(caller):
            if entry is not None and _is_given(entry, service, point):
                return self._of(entry, service, point, at)
        raise Problem("not-found")

    def named(self, caller: Caller, certificate: Certificate, typed: str, at: datetime) -> str:
        """Return the full name for a certificate that is printed now. Problem invalid-field for the name of another
        person.
        """
        spelled = name(typed)
        fits = certificate.masked is None or fits_mask(spelled, certificate.masked)
        if not 1 <= len(spelled) <= NAME_MOST or not fits:
            raise invalid("$.name", "it is not the name on the card")
        what = f"printed {certificate.entry}"
        self._verifier.store.record(Access(READING, caller.id, what, caller.operator_id, certificate.point.code), at)
        return spelled

    def _entries(self, places: tuple[tuple[Service, Point], ...], year: int) -> Iterator[tuple[Entry, Service, Point]]:
        zone = self._verifier.programme.zone
        since, until = span_of_day(date(year, 1, 1), zone)[0], span_of_day(date(year, 12, 31), zone)[1]
        for service, point in places:
            query = Query(
                point=point.code, service=service.code, since=since, until=until, kind="check-in", outcome="granted",
                limit=_AT_ONCE,
            )  # fmt: skip
            with ledger_problems():
                found = [one for one in every_entry(self._verifier.ledger, query) if _is_given(one, service, point)]
            yield from ((one, service, point) for one in found)

    def _of(self, entry: Entry, service: Service, point: Point, at: datetime) -> Certificate:
        leaf = entry.leaf
        return Certificate(
            entry.id, service, point, leaf.reference or "", leaf.tier or "", leaf.happened_at, self._masked(entry, at)
        )

    def _masked(self, entry: Entry, at: datetime) -> str | None:
        with ledger_problems():
            subject = self._verifier.ledger.subject_of(entry.id)
        card = None if subject is None else self._verifier.bookings.newest_of(subject, at)
        return None if card is None else card.name


def _is_given(entry: Entry, service: Service, point: Point) -> bool:
    leaf = entry.leaf
    told = (leaf.kind, leaf.outcome, leaf.service, leaf.point)
    return told == ("check-in", "granted", service.code, point.code) and not entry.voided
