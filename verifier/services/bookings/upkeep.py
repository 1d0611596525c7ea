"""Bookings that end without a call: missed bookings are recorded, and bookings of ended cards are released.

Each such end is a logged operation of its own. Any number of processes may sweep at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cards.claims import CardClaims
from cards.marks import MarkKind
from cards.periods import PeriodUnit, period_of
from edge.clock import Clock
from edge.instants import to_epoch
from edge.problems import Problem
from edge.repeating import Job
from ledger.bookings import Booking, BookingQuery, BookingState
from ledger.interface import Ledger
from ledger.paging import every_entry
from ledger.values import Outcome, Query
from verifier.records.store import VerifierStore
from verifier.rules.bookings import span_of_day
from verifier.services.bookings.asked import Asker, BookingAsked
from verifier.services.bookings.service import CARD_ENDED, BookingService
from verifier.trust.published import Documents

HELD: Final = frozenset({BookingState.HELD})
SWEEPER: Final = Asker("sweeper", "sweeper", "sweeper")
EVERY: Final = timedelta(minutes=5)
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """The result of a sweep: bookings recorded as missed, and bookings released because their holder had no card."""

    missed: int
    released: int


@dataclass(frozen=True, slots=True)
class MissedOften:
    """A holder, by the name in the log, with too many missed bookings of a rule in a year. `last`: the time, place and
    service of the newest one.
    """

    holder: str
    rule: str
    missed: int
    last: str
    point: str
    service: str


class BookingUpkeep:
    """Sweeps bookings. It reads the ledger in pages, and every end is a separate step there."""

    def __init__(
        self, documents: Callable[[datetime], Documents], ledger: Ledger, store: VerifierStore, desk: BookingService
    ) -> None:
        """Keep the parts that sweeping needs."""
        self._documents = documents
        self._ledger = ledger
        self._store = store
        self._desk = desk
        self._ended_of: int | None = None

    def sweep(self, at: datetime) -> Swept:
        """Record bookings that were missed by `at`, and release bookings without a card."""
        documents = self._documents(at)
        missed = released = 0
        while over := self._ledger.bookings(BookingQuery(over_at=at, states=HELD, limit=_AT_ONCE)):
            ended = [self._close(booking, documents, at) for booking in over]
            missed += ended.count("missed")
            released += ended.count("released")
            if ended.count(None) == len(ended):
                break  # Other processes ended these bookings, or they cannot end yet: the next sweep looks again
        self._store.places.resolve(at, self._desk.seats.became)
        return Swept(missed, released + self._release_ended(documents, at))

    def _release_ended(self, documents: Documents, at: datetime) -> int:
        """Release what holders booked before the day on which their renewal was refused, once for each document of
        marks.
        """
        marks = documents.marks
        if marks is None or marks.serial == self._ended_of:
            return 0
        ended = [(mark.subject, mark.value) for mark in marks.marks if mark.kind is MarkKind.ENDED]
        count = sum(self._ended(subject, day, documents, at) for subject, day in ended)
        self._ended_of = marks.serial
        return count

    def _ended(self, subject: str, day: str, documents: Documents, at: datetime) -> int:
        try:
            _, until = span_of_day(date.fromisoformat(day), documents.programme.zone)
        except ValueError:
            return 0  # Without a day, the mark names nothing to release
        held = self._ledger.bookings(BookingQuery(subject=subject, states=HELD))
        return sum(self._released(booking, at) is not None for booking in held if booking.booked_at < until)

    def _close(self, booking: Booking, documents: Documents, at: datetime) -> str | None:
        """End a booking whose window is over: missed, or released if its holder had no card left for its use."""
        details = self._store.bookings.find(booking.id)
        service = documents.programme.services.get(booking.service)
        card = None if details is None else self._desk.newest_card(details, min(at, booking.window.closes_at))
        ended = details is not None and (card is None or service is None or card[1].tier not in service.tiers)
        asked = _swept(booking)
        try:
            self._desk.end(asked, booking, CARD_ENDED if ended else "missed", documents, at, missed=not ended)
        except Problem as problem:
            if problem.code in {"unavailable", "clock-skew"}:
                raise
            return None
        return "released" if ended else "missed"

    def release(self, card: CardClaims, at: datetime) -> tuple[Booking, ...]:
        """Release what a holder booked with an older card if this newer card no longer includes it."""
        documents = self._documents(at)
        released = []
        for booking in self._ledger.bookings(BookingQuery(subject=card.subject, states=HELD)):
            service = documents.programme.services.get(booking.service)
            details = self._store.bookings.find(booking.id)
            older = details is not None and details.card_issued_at < to_epoch(card.issued_at)
            if older and service is not None and card.tier not in service.tiers and self._released(booking, at):
                released.append(booking)
        return tuple(released)

    def _released(self, booking: Booking, at: datetime) -> Outcome | None:
        try:
            return self._desk.end(_swept(booking), booking, CARD_ENDED, self._documents(at), at)
        except Problem as problem:
            if problem.code in {"unavailable", "clock-skew"}:
                raise
            return None

    def missed_often(
        self, at: datetime, counts_at: Callable[[str, str], bool] = lambda _point, _service: True
    ) -> tuple[MissedOften, ...]:
        """Return the holders to report to the office: those with the reported number of missed bookings of a rule in
        the year of `at`.

        `counts_at`: whether misses at a point for a service are counted.
        """
        programme = self._documents(at).programme
        year = period_of(PeriodUnit.YEAR, at, programme.zone)
        counts: Counter[tuple[str, str]] = Counter()
        last: dict[tuple[str, str], tuple[str, str, str]] = {}
        query = Query(kind="booking-missed", since=year.starts_at, until=year.ends_at, limit=_AT_ONCE)
        for entry in every_entry(self._ledger, query):
            leaf = entry.leaf
            service = programme.services.get(leaf.service)
            if service is not None and service.booking is not None and counts_at(leaf.point, leaf.service):
                key = leaf.holder or "", service.booking
                counts[key] += 1
                last.setdefault(key, (leaf.target or "", leaf.point, leaf.service))
        listed = {code: rule.missed_listed_from for code, rule in programme.booking_rules.items()}
        return tuple(
            MissedOften(holder, rule, missed, *last[holder, rule])
            for (holder, rule), missed in sorted(counts.items())
            if (least := listed.get(rule)) is not None and missed >= least
        )


def _swept(booking: Booking) -> BookingAsked:
    """Return the sweeper's operation on a booking: the same for every sweeper, and another after the window moved."""
    closes = to_epoch(booking.window.closes_at.astimezone(UTC))
    return BookingAsked(f"sweep-{booking.id}-{booking.held_by}-{closes}", SWEEPER, booking.id)


def booking_upkeep(upkeep: BookingUpkeep, clock: Clock) -> Job:
    """Return the job that sweeps bookings. Each run also sweeps what an earlier run left."""
    return Job("bookings", EVERY.total_seconds(), lambda: upkeep.sweep(clock.now()))
