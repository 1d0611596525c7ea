"""Turns a request into its question: the caller, the point with the caller's right, the service, and the
presentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from flask import Request

from accounts.rights import Caller, Right
from cards.parts import Presentation
from cards.presentation import PresentationError, read
from cards.programme.types import AT_COUNTERS, Beneficiary, Point, Service
from cards.sun import LINK, read_link
from cards.verify import RefusedCard, Verified
from edge.fields import invalid
from edge.http import idempotency_key
from edge.problems import Problem, ProblemKind, register_problem
from verifier.counter.answers import CheckInRequest, LookRequest, MatterRequest
from verifier.counter.intents import Intent, Override
from verifier.counter.looks import LookAsked
from verifier.records.tags import TagRead
from verifier.rules.delegations import CODE_MOST, Delegation, read_code
from verifier.rules.matters import WrongMatter, opening_facts
from verifier.service import Authenticate, Verifier

Guessed = Callable[[datetime], None]
"""Called with the instant at which somebody showed a delegation code that does not exist."""


LOOK_OVER: Final = register_problem(
    ProblemKind(
        "look-over",
        404,
        "核对已超时，或不是本机的核对",
        "This look is over, or another device made the look",
        "Scan the card again. A look is valid for 120 seconds.",
    )
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown: the presentation, the time of the look if this request confirms one, and the tag or the code that
    was read.
    """

    presentation: Presentation
    looked_at: datetime | None = None
    tag: TagRead | None = None
    delegation: Delegation | None = None


class Asking:
    """Reads the requests to one verifier."""

    def __init__(self, verifier: Verifier, authenticate: Authenticate, guessed: Guessed | None = None) -> None:
        """Ask `authenticate` for the caller of each request. Call `guessed` for each delegation code that does not
        exist.
        """
        self._verifier = verifier
        self.authenticate = authenticate
        self._guessed = guessed

    def check_in(self, request: Request, body: CheckInRequest, at: datetime) -> Intent:
        """Return the check-in that a request asks for.

        Problems: not-permitted, invalid-field, malformed; not-found for a look that has ended or that is another
        device's.
        """
        caller = self.authenticate(request)
        operation = idempotency_key()
        service = self.service(body.service)
        point = self.point(caller, Right.CHECK_IN, body.point, service.code)
        override = body.override
        if override is not None:
            caller.require(Right.OVERRIDE, point.code, service.code)
        shown = self._presented(caller, body, at)
        beneficiary = _beneficiary(body, shown.delegation)
        return Intent(
            operation=operation,
            caller=caller,
            point=point,
            service=service,
            presentation=shown.presentation,
            beneficiary=beneficiary,
            reference=body.reference,
            id_checked=body.id_checked,
            not_holder=body.not_holder,
            client_time=body.client_time,
            looked_at=shown.looked_at,
            tag=shown.tag,
            call=body.look or caller.call,
            booking=body.booking,
            companions=body.companions,
            override=None if override is None else Override(override.reason, override.note),
            matter=_matter(service, body.matter),
            delegation=shown.delegation,
            represented=body.represented,
        )

    def look(self, request: Request, body: LookRequest, at: datetime) -> LookAsked:
        """Return the look that a request asks for: at the named service, or at every service of the point."""
        caller = self.authenticate(request)
        looking = replace(caller, needs_operator=False) if caller.unstaffed else caller
        point = self.point(looking, Right.CHECK_IN, body.point)
        services = self._services(point) if body.service is None else (self.service(body.service),)
        services = tuple(one for one in services if looking.may(Right.CHECK_IN, point.code, one.code))
        if not services:
            raise Problem("not-permitted", "no service of this point is used at a counter")
        shown = self.shown(body.presentation, at)
        beneficiary = Beneficiary.HOLDER if shown.delegation is None else Beneficiary.EMPLOYER
        return LookAsked(
            caller=caller,
            point=point,
            services=services,
            presentation=shown.presentation,
            beneficiary=beneficiary,
            tag=shown.tag,
            delegation=shown.delegation,
        )

    def point(self, caller: Caller, right: Right, named: str | None = None, service: str | None = None) -> Point:
        """Return the point of a call: the device's own point, or the point that an integrator names. Problem
        not-permitted otherwise.

        The caller must have the right there for `service`, or for at least one service if no service is named.
        """
        code = _point_of(caller, right) if named is None else named
        if code is None:
            raise invalid("$.point", "name the point: you have a right at more than one, or at none")
        if service is not None:
            caller.require(right, code, service)
        elif not caller.may_some(right, code):
            raise caller.refusal(right, code)
        point = self._verifier.programme.points.get(code)
        if point is None or caller.point not in (None, code):
            raise Problem("not-permitted")
        return point

    def service(self, code: str) -> Service:
        """Return a service that is used at counters. Problem invalid-field for any other code."""
        service = self._verifier.programme.services.get(code)
        if service is None:
            raise invalid("$.service", "no such service in this programme")
        if service.mode not in AT_COUNTERS:
            raise invalid("$.service", "this service is not used at a counter")
        return service

    def presentation(self, text: str) -> Presentation:
        """Step 1 of docs/design.md §5: read the presentation. Problem malformed if it cannot be read."""
        dictionaries = self._verifier.published.dictionaries
        try:
            return read(text, dictionaries)
        except PresentationError:
            raise Problem("malformed") from None

    def shown(self, text: str, at: datetime) -> Shown:
        """Step 1 for a counter: a presentation, or the link of a counting tag or the code of a delegation, which name
        the card.
        """
        code = read_code(text) if len(text) <= CODE_MOST else None
        if code is not None:
            found = self._verifier.store.delegations.by_code(code)
            if found is None and self._guessed is not None:
                self._guessed(at)
            return self._delegated(found, at)
        message = read_link(text) if LINK in text else None
        if message is None:
            return Shown(self.presentation(text))
        read_tag = self._verifier.store.tags.find(message)
        if read_tag is None:
            raise Problem("card-unknown", "no tag that was personalised for this verifier wrote this link")
        token, tag = read_tag
        return Shown(self.presentation(token), tag=tag)

    def verified(
        self, shown: Shown, caller: Caller, service: Service, at: datetime, *, vouched: bool
    ) -> tuple[Presentation, Verified | RefusedCard]:
        """Run steps 1 to 6 outside a check-in. Return the presentation with its card, and the verdict."""
        presentation = self._verifier.desk.resolved(shown.presentation)
        verdict = self._verifier.desk.verify(
            presentation,
            self._verifier.published(at),
            at,
            reader=caller.id,
            least=service.least_assurance,
            vouched=vouched,
            tag=shown.tag,
        )
        return presentation, verdict

    def _presented(self, caller: Caller, body: CheckInRequest, at: datetime) -> Shown:
        text, look, booking = body.presentation, body.look, body.booking
        if text is None and look is None and booking is not None and body.override is not None:
            return Shown(self._booked(booking, at))
        if (text is None) is (look is None):
            raise invalid("$.presentation", "give either a presentation or a look")
        if text is not None:
            return self.shown(text, at)
        found = self._verifier.store.look(look or "", caller.id, at)
        if found is None:
            raise Problem(LOOK_OVER.code)
        if found.delegation is not None:
            return self._delegated(self._verifier.store.delegations.find(found.delegation), at)
        return Shown(found.presentation, found.looked_at, found.tag)

    def _delegated(self, delegation: Delegation | None, at: datetime) -> Shown:
        """Return the newest card of the holder who gave out a code. This card must still be valid at each use."""
        if delegation is None:
            raise Problem("card-unknown", "no delegation with this code was made here")
        card = self._verifier.bookings.standing_card(delegation.subject, delegation.card, at)
        return Shown(Presentation(card, None), delegation=delegation)

    def _booked(self, booking: str, at: datetime) -> Presentation:
        """Return the card behind a booking. This is for a holder without anything to show, for whom a supervisor
        answers.
        """
        card = self._verifier.bookings.card_of(booking, at)
        if card is None:
            raise Problem("not-found", "no booking with details of its holder has this id")
        return Presentation(card, None)

    def _services(self, point: Point) -> tuple[Service, ...]:
        programme = self._verifier.programme
        return tuple(
            service for code, service in programme.services.items() if code in point.services and service.checked_in
        )


def _matter(service: Service, asked: MatterRequest | None) -> Mapping[str, str]:
    """Return the entry's fields for the matter that a check-in opens. Problem invalid-field for wrong values."""
    if asked is None and service.matter is None:
        return {}
    kind, decides = (None, None) if asked is None else (asked.kind, asked.decides)
    try:
        return opening_facts(service, kind, decides, kind_needed=True)
    except WrongMatter as error:
        raise invalid(error.path, str(error)) from None


def _beneficiary(body: CheckInRequest, delegation: Delegation | None) -> Beneficiary:
    """Return the beneficiary of a use. A clerk acts for the employer. Problem invalid-field for contradictions."""
    if delegation is None and not body.represented:
        return Beneficiary(body.beneficiary)
    if body.not_holder:
        raise invalid("$.not_holder", "an employer's clerk is not taken for the holder")
    if delegation is None and body.beneficiary != "employer":
        raise invalid("$.represented", "a clerk comes for the employer: say `beneficiary` employer")
    if body.beneficiary not in {"holder", "employer"}:
        raise invalid("$.beneficiary", "a delegation code is for the employer alone")
    return Beneficiary.EMPLOYER


def _point_of(caller: Caller, right: Right) -> str | None:
    if caller.point is not None:
        return caller.point
    held = caller.some_points(right)
    return next(iter(held)) if len(held) == 1 else None
