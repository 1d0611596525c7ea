"""A booking desk: shows a point's day, finds bookings, makes them by telephone, changes and ends them.

Checks rights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from accounts.rights import Caller, Right
from cards.numbers import CardNumberError, check
from cards.programme.types import Point, Programme, Service
from cards.typed import masks_of, plate
from edge.encoding import b64u, digest
from edge.fields import invalid
from edge.problems import Problem
from ledger.bookings import Booking, BookingQuery, BookingState
from verifier.counter.booking_views import masked_fields
from verifier.counter.checking_in import ledger_problems
from verifier.desks.telephone import by_number
from verifier.records.bookings import BookingDetails, SoughtIn
from verifier.records.places import peak, room_of
from verifier.records.store import Access
from verifier.rules.bookings import span_of_day
from verifier.rules.fields import FLIGHT
from verifier.rules.slots import open_spans
from verifier.service import Verifier
from verifier.services.bookings.asked import TELEPHONE, Asker, BookingAsked, BookingWish
from verifier.services.bookings.service import Booked, point_of, rule_of, service_of

READING: Final = "bookings"
REOPEN_MOST: Final = timedelta(days=2)
"""How far ahead a supervisor may reopen a booking."""
DAY_MOST: Final = 2000
"""The greatest number of bookings of a point's day, above what any of the programme's points could serve."""
MANY: Final = 10_000
"""The greatest number of bookings of a point's fortnight, or of its year for notices, above what any point could
serve.
"""
FOUND_MOST: Final = 40
"""The greatest number of bookings that a search shows. It says so at this number, and the user types more of the
text.
"""
SOUGHT: Final = timedelta(days=7)
"""How many days around the shown day are searched for a flight, a plate or a name."""
_HOUR: Final = timedelta(hours=1)
OPENS: Final = timedelta(hours=8)
"""The local hour at which a room's day begins if the programme names no hours of its point."""
_HELD: Final = frozenset({BookingState.HELD})
_OPEN_TO_ALL: Final = (FLIGHT, "plates")
_NEXT: Final = "\0"
"""Between two bookings' texts: nobody types it, and no spelling takes it away."""
_NOTHING: Final = SoughtIn({}, "")


@dataclass(frozen=True, slots=True)
class DeskBooking:
    """A booking as a desk shows it. `fields` are masked without the right to names, and None after their erasure.

    `look` is the state at the instant: held, delayed, open (its window runs), over (nobody came, and this is not
    recorded yet), used, cancelled, missed.
    """

    booking: Booking
    look: str
    fields: Mapping[str, Any] | None
    names: bool
    holder_name: str | None = None
    holder_ref: str | None = None
    tier: str | None = None
    channel: str | None = None
    party: int | None = None

    @property
    def flight(self) -> str | None:
        """The flight of an airport's booking, or None."""
        found = (self.fields or {}).get(FLIGHT)
        return None if found is None else str(found)

    @property
    def plates(self) -> tuple[str, ...]:
        """The number plates that staff at the kerb look for."""
        found = (self.fields or {}).get("plates")
        return tuple(map(str, found)) if isinstance(found, list) else ()


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour of a room: how many bookings the room takes at once, and the greatest number that it has within the
    hour.
    """

    service: str
    starts_at: datetime
    capacity: int
    taken: int

    @property
    def free(self) -> int:
        """How many more bookings the hour takes."""
        return max(0, self.capacity - self.taken)


@dataclass(frozen=True, slots=True)
class Day:
    """A point's local day: its bookings by expected time, and its rooms' hours. `version` changes after any change."""

    point: Point
    day: date
    bookings: tuple[DeskBooking, ...]
    slots: tuple[Slot, ...]
    counts: Mapping[str, int]
    version: str


@dataclass(frozen=True, slots=True)
class TelephoneBooking:
    """A booking requested on the telephone. `fields` are those that the service's rule asks for."""

    operation: str
    service: Service
    point: Point
    card_number: str
    fields: Mapping[str, Any]
    called_back: bool


@dataclass(frozen=True, slots=True)
class BookingAct:
    """One intended change of a booking: the operation id and the booking."""

    operation: str
    booking: str


class BookingDesk:
    """The calls of a booking desk."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's services."""
        self._verifier = verifier

    @property
    def programme(self) -> Programme:
        """The programme whose services are booked."""
        return self._verifier.programme

    def points(self, caller: Caller) -> tuple[Point, ...]:
        """Return the points with booked services where the caller makes bookings, in the programme's order."""
        return tuple(
            point
            for point in self.programme.points.values()
            if self.services(point) and caller.may_some(Right.BOOKINGS, point.code)
        )

    def services(self, point: Point) -> tuple[Service, ...]:
        """Return the booked services of a point."""
        known = self.programme.services
        return tuple(one for code, one in known.items() if code in point.services and one.booking is not None)

    def point(self, caller: Caller, code: str) -> Point:
        """Return a point where the caller makes bookings. Problem not-permitted for any other point."""
        found = self.programme.points.get(code)
        if found is None or not caller.may_some(Right.BOOKINGS, code):
            raise caller.refusal(Right.BOOKINGS, code)
        return found

    def day(self, caller: Caller, point: Point, day: date, at: datetime) -> Day:
        """Return a point's day. The reading is recorded in the access log."""
        self._record(caller, point.code, day.isoformat(), at)
        found = self._of_day(point, day)
        rows = self._all_shown(caller, found, at)
        counts = Counter(row.look for row in rows)
        return Day(point, day, rows, tuple(self._slots(point, day)), counts, _version(found))

    def version(self, caller: Caller, point: Point, day: date) -> str:
        """Return a text that changes after any change of a point's day. Pages ask for it every few seconds."""
        self.point(caller, point.code)
        return _version(self._of_day(point, day))

    def week(self, point: Point, first: date) -> tuple[tuple[date, int], ...]:
        """Return the number of bookings on each of seven days."""
        zone = self.programme.zone
        days = days_of_week(first)
        since, until = span_of_day(days[0], zone)[0], span_of_day(days[-1], zone)[1]
        states = frozenset(BookingState) - {BookingState.CANCELLED}
        query = BookingQuery(point=point.code, since=since, until=until, states=states, limit=MANY)
        with ledger_problems():
            found = self._verifier.ledger.booking_times(query)
        counts = Counter(expected.astimezone(zone).date() for _, expected in found)
        return tuple((day, counts[day]) for day in days)

    def find(self, caller: Caller, point: Point, day: date, sought: str, at: datetime) -> tuple[DeskBooking, ...]:
        """Return bookings for a card number, a flight, a plate or, with the right to names, a name. The next booking
        comes first.

        A name finds the names that were typed for a booking, and the holders whose card masks this name.
        """
        self._record(caller, point.code, f"search around {day.isoformat()}", at)
        subject = self._subject(sought, at)
        if subject is not None:
            mine = self._search(BookingQuery(subject=subject, point=point.code))
            return self._all_shown(caller, mine, at)
        found = self._around(caller, point, day, sought)
        return self._all_shown(caller, found, at)

    def _around(self, caller: Caller, point: Point, day: date, sought: str) -> tuple[Booking, ...]:
        """Return the bookings around a day whose details contain a text. Only these bookings are read in full."""
        zone, store = self.programme.zone, self._verifier.store.bookings
        since, until = span_of_day(day - SOUGHT, zone)[0], span_of_day(day + SOUGHT, zone)[1]
        with ledger_problems():
            times = self._verifier.ledger.booking_times(
                BookingQuery(point=point.code, since=since, until=until, limit=MANY)
            )
        told = dict(store.sought_in(one for one, _ in times))
        fitting = _fitting([one for one, _ in times], told, sought, names=caller.may(Right.NAMES, point.code))
        with ledger_problems():
            return self._verifier.ledger.bookings_of(list(islice(fitting, FOUND_MOST)))

    def _subject(self, sought: str, at: datetime) -> str | None:
        """Return the holder of a typed card number, or None if the text is no number of a card known here."""
        try:
            number = check(sought, self.programme.card_prefix)
        except CardNumberError:
            return None
        token = self._verifier.card_by_number(number)
        verdict = None if token is None else self._verifier.bookings.declared(token, at)
        return None if verdict is None or verdict.card is None else verdict.card.subject

    def opened(self, caller: Caller, booking_id: str, at: datetime) -> DeskBooking:
        """Return a booking with its details, and record in the access log that it was opened. Problem not-found."""
        booking = self.require(caller, booking_id, Right.BOOKINGS)
        self._record(caller, booking.point, f"opened {booking.id}", at)
        return self._shown(caller, booking, self._verifier.store.bookings.find(booking.id), at)

    def book(self, caller: Caller, asked: TelephoneBooking, at: datetime) -> Booked:
        """Make a booking on the telephone. Problems: not-permitted, invalid-field, card-unknown, and the ledger's."""
        service, point = asked.service, asked.point
        rule_of(self.programme, service)
        if service.code not in point.services:
            raise invalid("$.point", "this service is not offered there")
        caller.require(Right.BOOKINGS, point.code, service.code)
        number, called_back = asked.card_number, asked.called_back
        presentation, verdict = by_number(self._verifier, number, called_back=called_back, at=at)
        asker = Asker.staff(caller, TELEPHONE)
        wish = BookingWish(asked.operation, asker, service, point, asked.fields, presentation, verdict)
        return self._verifier.bookings.book(wish, at)

    def change(
        self, caller: Caller, asked: BookingAct, service: Service | None, fields: Mapping[str, Any], at: datetime
    ) -> Booked:
        """Replace a booking's fields, or its service."""
        booking = self.require(caller, asked.booking, Right.BOOKINGS)
        if service is not None:
            rule_of(self.programme, service)
            place = point_of(self.programme, service, caller.point or "")
            caller.require(Right.BOOKINGS, place.code, service.code)
        return self._verifier.bookings.change(_asked(caller, asked, booking), service, fields, at)

    def delay(self, caller: Caller, asked: BookingAct, expected: datetime, at: datetime) -> Booked:
        """Move a booking to the new time of its carrier or organiser."""
        booking = self.require(caller, asked.booking, Right.BOOKINGS)
        return self._verifier.bookings.delay(_asked(caller, asked, booking), expected, at)

    def reopen(self, caller: Caller, asked: BookingAct, until: datetime, note: str, at: datetime) -> Booked:
        """Reopen a booking that is over, by a supervisor's word."""
        booking = self.require(caller, asked.booking, Right.OVERRIDE)
        if not at < until <= at + REOPEN_MOST:
            raise invalid("$.reopen.until", "a booking is opened again for two days at most")
        return self._verifier.bookings.reopen(_asked(caller, asked, booking), until, note, at)

    def cancel(self, caller: Caller, asked: BookingAct, reason: str, at: datetime) -> Booked:
        """Cancel a booking for its holder."""
        booking = self.require(caller, asked.booking, Right.BOOKINGS)
        return self._verifier.bookings.cancel(_asked(caller, asked, booking), reason, at)

    def miss(self, caller: Caller, asked: BookingAct, at: datetime) -> None:
        """Record that nobody came, after the booking's time. Problem booking-not-over before that."""
        booking = self.require(caller, asked.booking, Right.BOOKINGS)
        documents = self._verifier.published(at)
        self._verifier.bookings.end(_asked(caller, asked, booking), booking, "missed", documents, at, missed=True)

    def require(self, caller: Caller, booking_id: str, right: Right) -> Booking:
        """Return a booking of a point where the caller has the right. Problem not-found for any other booking."""
        booking = self._verifier.bookings.booking(booking_id)
        if booking is None or booking.point not in self.programme.points:
            raise Problem("not-found")
        if not caller.may(right, booking.point, booking.service):
            works = caller.may_some(Right.CHECK_IN, booking.point) or caller.may_some(Right.BOOKINGS, booking.point)
            known = works or caller.unstaffed
            raise caller.refusal(right, booking.point, booking.service) if known else Problem("not-found")
        return booking

    def service_of(self, booking: Booking) -> Service:
        """Return a booking's service. Problem not-found if the programme no longer has the service."""
        return service_of(self.programme, booking)

    def _of_day(self, point: Point, day: date) -> tuple[Booking, ...]:
        since, until = span_of_day(day, self.programme.zone)
        return self._search(BookingQuery(point=point.code, since=since, until=until, limit=DAY_MOST))

    def _search(self, query: BookingQuery) -> tuple[Booking, ...]:
        with ledger_problems():
            return self._verifier.ledger.bookings(query)

    def _may(self, caller: Caller, booking: Booking) -> bool:
        return caller.may(Right.BOOKINGS, booking.point, booking.service)

    def _all_shown(self, caller: Caller, bookings: Iterable[Booking], at: datetime) -> tuple[DeskBooking, ...]:
        """Return bookings with their details, without those of services that the caller does not handle."""
        mine = [one for one in bookings if self._may(caller, one)]
        details = self._verifier.store.bookings.find_all(one.id for one in mine)
        return tuple(self._shown(caller, one, details.get(one.id), at) for one in mine)

    def _shown(self, caller: Caller, booking: Booking, details: BookingDetails | None, at: datetime) -> DeskBooking:
        names = caller.may(Right.NAMES, booking.point)
        if details is None:
            return DeskBooking(booking, look_of(booking, at), None, names)
        department = self.programme.points[booking.point].department
        return DeskBooking(
            booking=booking,
            look=look_of(booking, at),
            fields=self._fields(booking, details, names=names),
            names=names,
            holder_name=details.name,
            holder_ref=self._verifier.answering.reference(department, details.subject),
            tier=details.tier,
            channel=details.channel,
            party=details.party,
        )

    def _fields(self, booking: Booking, details: BookingDetails, *, names: bool) -> Mapping[str, Any]:
        service = self.programme.services.get(booking.service)
        rule = None if service is None else self.programme.booking_rules.get(service.booking or "")
        if names:
            return details.fields
        return {} if rule is None else masked_fields(rule, details.fields)

    def _slots(self, point: Point, day: date) -> Iterator[Slot]:
        """Yield the hours of a point's rooms in which the point is open."""
        since, until = span_of_day(day, self.programme.zone)
        spans = open_spans(point, day, self.programme.zone) if point.hours else ((since + OPENS, until),)
        for service in self.services(point):
            if service.capacity is None:
                continue
            taken = self._verifier.store.places.spans(room_of(service.code, point.code), since, until)
            for opens, closes in spans:
                for starts in _hours(opens, closes):
                    within = [one for one in taken if one[0] < starts + _HOUR and one[1] > starts]
                    yield Slot(service.code, starts, service.capacity, _peak(within, starts))

    def _record(self, caller: Caller, point: str, what: str, at: datetime) -> None:
        self._verifier.store.record(Access(READING, caller.id, what, caller.operator_id, point), at)


def days_of_week(first: date) -> tuple[date, ...]:
    """Return seven days from a first day on."""
    return tuple(first + timedelta(days=step) for step in range(7))


def look_of(booking: Booking, at: datetime) -> str:
    """Return the state of a booking at an instant, in one word of `DeskBooking.look`."""
    window = booking.window
    if booking.state is not BookingState.HELD:
        return booking.state.value
    if at > window.closes_at:
        return "over"
    if window.expected_at != window.scheduled_at:
        return "delayed"
    return "open" if window.opens_at <= at else "held"


def _asked(caller: Caller, asked: BookingAct, booking: Booking) -> BookingAsked:
    return BookingAsked(asked.operation, Asker.staff(caller), booking.id)


def _fitting(bookings: Sequence[str], told: Mapping[str, SoughtIn], sought: str, *, names: bool) -> Iterator[str]:
    """Yield those with a text in the id, the flight, the plates; with the right to names in any field, and those whose
    holder's card masks this name.

    All are spelled at once: thousands of short texts, each spelled alone, would take most of a search's time.
    """
    wanted, masks = _spelled(sought), _masks(sought) if names else frozenset()
    named = [told.get(one, _NOTHING) for one in bookings]
    texts = (_told(one, known.fields, names=names) for one, known in zip(bookings, named, strict=True))
    spelled = _spelled(_NEXT.join(texts)).split(_NEXT) if wanted and _NEXT not in wanted else []
    each = zip(bookings, spelled, named, strict=False)
    return (one for one, text, known in each if wanted in text or known.name.casefold() in masks)


def _masks(sought: str) -> frozenset[str]:
    """Return how a card may mask a text that can be a name: a flight and a plate have figures."""
    return frozenset() if any(letter.isdigit() for letter in sought) else masks_of(sought)


def _told(booking: str, fields: Mapping[str, Any], *, names: bool) -> str:
    shown = fields.values() if names else [fields[code] for code in _OPEN_TO_ALL if code in fields]
    texts = ["|".join(map(str, value)) if isinstance(value, list) else str(value) for value in shown]
    return "|".join((booking, *texts)).replace(_NEXT, "|")


def _spelled(text: str) -> str:
    """Return a text in the form for comparison: half width, capitals, without blanks, dots and dashes."""
    return plate(text)


def _hours(opens: datetime, closes: datetime) -> Iterator[datetime]:
    """Yield the beginnings of the whole hours between two instants."""
    while opens + _HOUR <= closes:
        yield opens
        opens += _HOUR


def _peak(spans: Iterable[tuple[datetime, datetime, int]], since: datetime) -> int:
    return peak(((int(a.timestamp()), int(b.timestamp()), units) for a, b, units in spans), int(since.timestamp()))


def _version(bookings: Iterable[Booking]) -> str:
    told = [f"{one.id} {one.state} {one.window.expected_at} {one.window.closes_at} {one.held_by}" for one in bookings]
    return b64u(digest("\n".join(told).encode()))[:22]
