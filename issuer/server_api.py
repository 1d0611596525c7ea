"""The issuer's call for other servers: all signed documents at once, holder marks among them, never for devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import flask
import msgspec
from flask import Blueprint, Request, request

from accounts.rights import EVERYWHERE, Caller, Right
from edge.http import answer
from edge.openapi import describe
from edge.problems import Problem
from issuer import folder as files
from issuer.desk import Desk

_FIRST: Final = (files.MARKS_FILE, files.PROGRAMME_FILE, files.JWKS_FILE)


class Published(msgspec.Struct, frozen=True):
    """The published folder: each file's text by its name in it."""

    documents: Annotated[dict[str, str], msgspec.Meta(description="File name to content.")]


def server_blueprint(desk: Desk, authenticate: Callable[[Request], Caller]) -> Blueprint:
    """Return GET /v1/published, for servers whose token has the right `documents` everywhere."""
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
        caller = authenticate(request)
        if caller.kind != "integrator":
            raise Problem("not-permitted")
        caller.require(Right.DOCUMENTS, EVERYWHERE)
        response = answer(Published(documents(desk)))
        response.add_etag()
        # Asked for every minute or so: what has not changed is not sent again.
        response.make_conditional(request)
        return response

    return made


def documents(desk: Desk) -> dict[str, str]:
    """Return the published files by name; Problem `not-found` before the first publication.

    The bundle is read last: lists may ask for a bundle at least as new as they are.
    """
    lists = sorted(path.name for path in (desk.published / files.LISTS_FOLDER).glob("*.jwt"))
    names = [*(f"{files.LISTS_FOLDER}/{name}" for name in lists), *_FIRST, files.BUNDLE_FILE]
    found = {name: content for name in names if (content := files.read_file(desk.published, name)) is not None}
    if files.BUNDLE_FILE not in found:
        raise Problem("not-found", "nothing is published yet")
    return {name: content.decode("utf-8") for name, content in found.items()}
