"""The issuer's call for the telephone number to call a holder back at: to a server that may see names, logged.

The number leaves the register for one call-back (docs/desks.md); whoever asks keeps it nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import flask
import msgspec
from flask import Blueprint, Request

from accounts.rights import Caller, Right
from edge.http import answer, request_instant
from edge.openapi import describe
from edge.problems import Problem
from issuer.api.servers import asking_server
from issuer.issuing.issuing import find_card
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction


class RegisteredTelephone(msgspec.Struct, frozen=True):
    """The telephone number that a holder left with the office; null where none was left."""

    phone: str | None


def telephone_blueprint(issuer: Issuer, authenticate: Callable[[Request], Caller]) -> Blueprint:
    """Return GET /v1/cards/<card>/telephone, for servers whose token has the right `names` everywhere."""
    made = Blueprint("issuer-telephones", __name__)

    @made.get("/v1/cards/<card>/telephone")
    @describe(
        summary="The number to call a live card's holder back at, for a verifier on another machine; never for devices",
        tag="documents",
        answers={200: RegisteredTelephone},
        problems={"not-permitted", "not-found"},
        auth="integrator",
    )
    def card_telephone(card: str) -> flask.Response:
        caller = asking_server(authenticate, Right.NAMES)
        phone = telephone_for_call_back(issuer, card, request_instant(), by=f"integrator:{caller.id}")
        if phone is None:
            raise Problem("not-found")
        return answer(RegisteredTelephone(phone or None))

    return made


def telephone_for_call_back(issuer: Issuer, card_id: str, at: datetime, *, by: str) -> str | None:
    """Return the registered number of a live card's holder and log that it was shown; empty where none was left.

    None for a card that is not live or not known.
    """
    try:
        card = find_card(issuer, card_id)
    except RefusedError:
        return None
    if not card.state.live:
        return None
    phone = find_holder(issuer, card.holder_id).phone
    if phone:
        with issuer.register.change() as connection:
            office_log.append(connection, OfficeAction.PHONE_SHOWN, by=by, at=at, holder=card.holder_id, card=card.id)
    return phone or ""
