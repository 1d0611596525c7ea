"""The issuer's call for a holder's photo, to compare with an ID: for servers that may see names. It is logged, and the
photo is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from flask import Blueprint, Request, Response

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.openapi import describe
from edge.problems import Problem
from issuer.api.servers import asking_server
from issuer.issuing.issuing import find_card
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.holders import photo_of
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction

JPEG: Final = "image/jpeg"


def photo_blueprint(issuer: Issuer, authenticate: Callable[[Request], Caller]) -> Blueprint:
    """Return GET /v1/cards/<card>/photo, for servers whose token has the right `names` everywhere."""
    made = Blueprint("issuer-photos", __name__)

    @made.get("/v1/cards/<card>/photo")
    @describe(
        summary="The photo of a live card's holder, for a verifier on another machine; never for devices",
        tag="documents",
        answers={200: JPEG},
        problems={"not-permitted", "not-found"},
        auth="integrator",
    )
    def card_photo(card: str) -> Response:
        caller = asking_server(authenticate, Right.NAMES)
        photo = photo_for_check(issuer, card, request_instant(), by=f"integrator:{caller.id}")
        if photo is None:
            raise Problem("not-found")
        return Response(photo, content_type=JPEG)

    return made


def photo_for_check(issuer: Issuer, card_id: str, at: datetime, *, by: str) -> bytes | None:
    """Return the photo (JPEG) of a live card's holder, or None if there is none to show. The office log records the
    showing.
    """
    try:
        card = find_card(issuer, card_id)
    except RefusedError:
        return None
    photo = photo_of(issuer, card.holder_id) if card.state.live else None
    if photo is not None:
        with issuer.register.change() as connection:
            office_log.append(connection, OfficeAction.PHOTO_SHOWN, by=by, at=at, holder=card.holder_id, card=card.id)
    return photo
