"""The issuer's calls for other servers: all signed documents at once, a card by its number, and the end of an
entitlement.

Never for devices: each call requires the right `documents` everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import flask
import msgspec
from flask import Blueprint, Request, request

from accounts.rights import EVERYWHERE, Caller, Right
from edge.http import answer, request_instant
from edge.instants import rfc3339_or_none
from edge.openapi import describe
from edge.problems import Problem
from issuer.enrolment.phone import entitled_until
from issuer.issuing.issuing import find_card
from issuer.publishing import folder as files
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer

_FIRST: Final = (files.MARKS_FILE, files.PROGRAMME_FILE, files.JWKS_FILE)


class Published(msgspec.Struct, frozen=True):
    """The published folder: the text of each file by its name."""

    documents: Annotated[dict[str, str], msgspec.Meta(description="File name to content.")]


class NumberedCard(msgspec.Struct, frozen=True):
    """The token of a live card."""

    card: str


class Entitled(msgspec.Struct, frozen=True):
    """Until when the holder of a card is entitled to its tier (RFC 3339), or null if no ground holds."""

    entitled_until: str | None


def asking_server(authenticate: Callable[[Request], Caller], right: Right) -> Caller:
    """Return the server that sent this request. Problem `not-permitted` unless it has the right everywhere."""
    caller = authenticate(request)
    if caller.kind != "integrator":
        raise Problem("not-permitted")
    caller.require(right, EVERYWHERE)
    return caller


def server_blueprint(issuer: Issuer, authenticate: Callable[[Request], Caller]) -> Blueprint:
    """Return GET /v1/published, /v1/cards/by-number/… and /v1/cards/…/entitlement."""
    made = Blueprint("issuer-servers", __name__)

    @made.get("/v1/published")
    @describe(
        summary="All signed documents, for a verifier on another machine",
        tag="documents",
        answers={200: Published},
        problems={"not-permitted", "not-found"},
        auth="integrator",
    )
    def published() -> flask.Response:
        asking_server(authenticate, Right.DOCUMENTS)
        response = answer(Published(documents(issuer)))
        response.add_etag()
        # Servers ask every minute or so: unchanged documents are not sent again.
        response.make_conditional(request)
        return response

    @made.get("/v1/cards/by-number/<number>")
    @describe(
        summary="The card of a number read out on the telephone, for a verifier on another machine",
        tag="documents",
        answers={200: NumberedCard},
        problems={"not-permitted", "not-found"},
        auth="integrator",
    )
    def numbered_card(number: str) -> flask.Response:
        asking_server(authenticate, Right.DOCUMENTS)
        token = token_of_number(issuer, number)
        if token is None:
            raise Problem("not-found")
        return answer(NumberedCard(token))

    @made.get("/v1/cards/<card>/entitlement")
    @describe(
        summary="Until when a card's holder is entitled, for a verifier on another machine",
        tag="documents",
        answers={200: Entitled},
        problems={"not-permitted"},
        auth="integrator",
    )
    def entitlement(card: str) -> flask.Response:
        asking_server(authenticate, Right.DOCUMENTS)
        until = entitled_until(issuer, card, request_instant())
        return answer(Entitled(rfc3339_or_none(until)))

    return made


def token_of_number(issuer: Issuer, number: str) -> str | None:
    """Return the token of the card with a typed number, or None if there is none."""
    try:
        return find_card(issuer, number).token
    except RefusedError:
        return None


def documents(issuer: Issuer) -> dict[str, str]:
    """Return the published files by name. Problem `not-found` before the first publication.

    The bundle is read last: lists may need a bundle at least as new as they are.
    """
    lists = sorted(path.name for path in (issuer.published / files.LISTS_FOLDER).glob("*.jwt"))
    places = (files.LISTS_FOLDER, files.BINDINGS_FOLDER)  # A list before its bindings, which may be newer, never older
    names = [*(f"{place}/{name}" for place in places for name in lists), *_FIRST, files.BUNDLE_FILE]
    found = {name: content for name in names if (content := files.read_file(issuer.published, name)) is not None}
    if files.BUNDLE_FILE not in found:
        raise Problem("not-found", "nothing is published yet")
    return {name: content.decode("utf-8") for name, content in found.items()}
