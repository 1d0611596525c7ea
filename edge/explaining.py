"""The page behind a problem document's `type` (RFC 9457 §3.1.1): the code in both languages, its status, its remedy."""

from __future__ import annotations

from typing import Any

import flask
from flask import request

from edge.http import answer
from edge.openapi import describe
from edge.opening import public
from edge.problems import PROBLEMS, Problem, ProblemKind

_CACHED = {"Cache-Control": "public, max-age=3600"}


def problems_blueprint() -> flask.Blueprint:
    """Return GET /problems (every code) and /problems/<code>: JSON, or plain text for a browser."""
    found = flask.Blueprint("problems", __name__)

    @found.get("/problems")
    @describe(
        summary="Every problem code", tag="about", answers={200: (list[dict[str, Any]], "text/plain")}, auth="none"
    )
    @public
    def problems() -> flask.Response:
        kinds = [PROBLEMS[code] for code in sorted(PROBLEMS)]
        return _told("\n\n".join(map(_words, kinds)), [_members(kind) for kind in kinds])

    @found.get("/problems/<code>")
    @describe(
        summary="What a problem code means, and what to do",
        tag="about",
        answers={200: (dict[str, Any], "text/plain")},
        problems={"not-found"},
        auth="none",
    )
    @public
    def problem(code: str) -> flask.Response:
        kind = PROBLEMS.get(code)
        if kind is None:
            raise Problem("not-found")
        return _told(_words(kind), _members(kind))

    return found


def _told(words: str, members: object) -> flask.Response:
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        response = flask.Response(f"{words}\n", 200, _CACHED, content_type="text/plain; charset=utf-8")
    else:
        response = answer(members, 200, _CACHED)
    response.vary.add("Accept")
    return response


def _members(kind: ProblemKind) -> dict[str, object]:
    return {
        "type": kind.type,
        "code": kind.code,
        "status": kind.status,
        "title": kind.en,
        "hint": kind.hint,
        "message": {"zh": kind.zh, "en": kind.en},
    }


def _words(kind: ProblemKind) -> str:
    return f"{kind.code} ({kind.status})\n{kind.zh}\n{kind.en}.\n{kind.hint}"
