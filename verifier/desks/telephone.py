"""Requests by telephone: the card is found by its number, and counts as shown once staff called its holder back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.rights import Caller, Right
from cards.numbers import CardNumberError, check
from cards.parts import Presentation
from cards.programme.types import Service
from cards.verify import RefusedCard, Verified
from edge.fields import invalid
from edge.problems import Problem
from verifier.rules.matters import WrongMatter, opening_facts
from verifier.service import Verifier
from verifier.services.bookings.asked import TELEPHONE, Asker
from verifier.services.requests.service import Requested, RequestWish, can_be_asked, department_for, department_place


@dataclass(frozen=True, slots=True)
class TelephoneRequest:
    """A request made on the telephone. `fields` are those that the service's rule asks for."""

    operation: str
    service: Service
    department: str
    card_number: str
    fields: Mapping[str, Any]
    called_back: bool
    confirmed: bool = False
    reference: str | None = None


def by_number(
    verifier: Verifier, typed: str, *, called_back: bool, at: datetime
) -> tuple[Presentation, Verified | RefusedCard]:
    """Find the card with a number that somebody read out. Staff called the holder back at the telephone number in the
    register.
    """
    if not called_back:
        raise invalid("$.called_back", "call the holder back first, and say so")
    try:
        number = check(typed, verifier.programme.card_prefix)
    except CardNumberError as error:
        raise invalid("$.card_number", str(error)) from None
    token = verifier.card_by_number(number)
    if token is None:
        raise Problem("card-unknown", "no card of this number can be looked up here")
    return Presentation(token, None), verifier.bookings.declared(token, at)


def askable(verifier: Verifier, caller: Caller) -> tuple[tuple[Service, str], ...]:
    """Return the services for which a caller may take requests, each with its departments."""
    return tuple(
        (service, department)
        for service in verifier.programme.services.values()
        if can_be_asked(service, by_office=True)
        for department in service.departments
        if caller.may(Right.BOOKINGS, department_place(department), service.code)
    )


def ask_by_telephone(verifier: Verifier, caller: Caller, asked: TelephoneRequest, at: datetime) -> Requested:
    """Take a request on the telephone. Problems: not-permitted, invalid-field, card-unknown."""
    service, department = asked.service, department_for(asked.service, asked.department)
    caller.require(Right.BOOKINGS, department_place(department), service.code)
    presentation, verdict = by_number(verifier, asked.card_number, called_back=asked.called_back, at=at)
    wish = RequestWish(
        operation=asked.operation,
        asker=Asker.staff(caller, TELEPHONE),
        service=service,
        department=department,
        fields=asked.fields,
        presentation=presentation,
        verdict=verdict,
        reference=asked.reference,
        confirmed=asked.confirmed,
        matter=matter_opened(service, None, None),
    )
    return verifier.requests.ask(wish, at)


def matter_opened(service: Service, kind: str | None, decides: str | None) -> dict[str, str]:
    """Return a request entry's fields for its matter. Problem invalid-field for values that do not fit."""
    try:
        return dict(opening_facts(service, kind, decides))
    except WrongMatter as error:
        raise invalid(error.path, str(error)) from None
