"""Small frames and clocks for the tests of edge."""

from datetime import UTC, datetime
from typing import Annotated

import flask
import msgspec

from edge.clock import Clock, FixedClock
from edge.http import answer, body_limit, create_frame, idempotency_key, read_body, read_query, request_instant
from edge.instants import rfc3339
from edge.problems import Problem

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    count: int
    label: str = ""
    children: list["Leaf"] = []


class Narrow(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=0, le=9)]


class Paging(msgspec.Struct, forbid_unknown_fields=True):
    on: str
    most: int = 10


class CountingClock:
    """Tells another second at each call, and how often it was asked."""

    def __init__(self):
        self.asked = 0

    def now(self):
        self.asked += 1
        return NOON.replace(second=self.asked)


def a_frame(clock: Clock | None = None, max_body: int = 4096) -> flask.Flask:
    """A frame with a view for each thing it does."""
    app = create_frame("edge", clock=clock or FixedClock(NOON), max_body=max_body)
    app.add_url_rule("/v1/leaves", "leaves", _leaves, methods=["POST"])
    app.add_url_rule("/v1/narrow", "narrow", lambda: answer(read_body(Narrow)), methods=["POST"])
    app.add_url_rule("/v1/large", "large", _large, methods=["POST"])
    app.add_url_rule("/v1/operations", "operations", lambda: answer({"operation": idempotency_key()}), methods=["POST"])
    app.add_url_rule("/v1/things/<code>", "thing", lambda code: answer({"code": code}))
    app.add_url_rule("/v1/numbers/<int:number>", "number", lambda number: answer({"number": number}))
    app.add_url_rule("/v1/pages", "pages", lambda: answer(read_query(Paging)))
    app.add_url_rule("/v1/instants", "instants", _instants)
    app.add_url_rule("/v1/fails", "fails", _fails)
    app.add_url_rule("/v1/away", "away", _away)
    app.add_url_rule("/page", "page", lambda: flask.Response("<p>hello", mimetype="text/html"))
    app.add_url_rule("/cached", "cached", lambda: answer({}, headers={"Cache-Control": "public, max-age=60"}))
    return app


def a_client(**wanted):
    """A client of a_frame."""
    return a_frame(**wanted).test_client()


def _leaves():
    return answer(read_body(Leaf), 201)


@body_limit(100_000)
def _large():
    return answer(read_body(Leaf), 201)


def _instants():
    return answer([rfc3339(request_instant()), rfc3339(request_instant())])


def _fails():
    raise RuntimeError("the-inner-secret")


def _away():
    raise Problem("unavailable", "The ledger is away.", retry_after=7, extra={"store": "ledger"})
