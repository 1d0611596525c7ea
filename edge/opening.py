"""Public data is open to pages of other origins, and sent again only after a change. Never for an answer about a
person: such a call takes no cookie and no credential.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import flask
from flask import request

from edge.http import problem_response
from edge.problems import Problem

PublicView = Callable[..., flask.Response]
SECONDS_A_PREFLIGHT: Final = "86400"


def public(view: PublicView) -> PublicView:
    """Let pages of any origin read a view's answers (CORS, Fetch §3.2), and its problems too. Use it below `describe`.

    A browser first asks (OPTIONS) whether it may send `If-None-Match`.
    """

    @wraps(view)
    def opened(**arguments: Any) -> flask.Response:  # noqa: ANN401 - a rule's arguments
        if request.method == "OPTIONS":
            response = flask.Response(status=204)
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD"
            response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
            response.headers["Access-Control-Max-Age"] = SECONDS_A_PREFLIGHT
            return open_to_all(response)
        try:
            return open_to_all(view(**arguments))
        except Problem as problem:
            return open_to_all(problem_response(problem))

    opened.required_methods = ("OPTIONS",)  # type: ignore[attr-defined] # Flask reads both from the view
    opened.provide_automatic_options = False  # type: ignore[attr-defined]
    return opened


def open_to_all(response: flask.Response) -> flask.Response:
    """Mark an answer as readable by pages of any origin."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def revalidated(response: flask.Response) -> flask.Response:
    """Give an answer a name by its content, and answer 304 to a client that has it (RFC 9110 §8.8.3, §13).

    The name is weak: compressed and plain answers have the same content.
    """
    response.add_etag(weak=True)
    response.make_conditional(request)
    return response
