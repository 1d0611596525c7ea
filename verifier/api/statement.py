"""A point's statement over HTTP: what it is paid for, by service and month, as CSV or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.rights import Right
from edge.http import answer, read_query, request_instant
from edge.instants import rfc3339
from edge.openapi import describe
from edge.problems import Problem
from verifier.answers import Code
from verifier.api.asking import Asking
from verifier.checkin import LATE_WINDOW, ledger_problems
from verifier.ledger.interface import Entry, Query
from verifier.service import Verifier
from verifier.statement import StatementLine, as_csv, month_span, statement_lines
from verifier.statement_pdf import as_pdf
from verifier.store import Access

Month = Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
LONGEST: Final = timedelta(days=366)
_PAGE: Final = 500
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


class StatementQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local months of a statement, both included; `format` csv, pdf or json."""

    point: Code
    since: Month
    until: Month
    format: Literal["csv", "pdf", "json"] = "csv"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One service in one month."""

    month: str
    service: str
    paid: int
    re_entries: int
    companions: int
    voided: int
    overrides: int


class Statement(msgspec.Struct, frozen=True):
    """A point's statement."""

    point: str
    lines: tuple[Line, ...]
    server_time: str


def add_statements(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add GET /v1/statements."""

    @found.get("/v1/statements")
    @describe(
        summary="A point's uses by service and month: those it is paid for, re-entries, voided ones",
        tag="statements",
        query=StatementQuery,
        answers={200: Statement},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def statement() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        asked = read_query(StatementQuery)
        asking.point(caller, Right.STATEMENT, asked.point)
        lines = _lines(verifier, asked)
        operator = None if caller.operator is None else caller.operator.id
        what = f"{asked.since}..{asked.until}"
        verifier.store.record(Access("statement", caller.id, what, operator, asked.point), at)
        if asked.format != "json":
            return _file(verifier, asked, lines, at)
        told = tuple(Line(**{name: getattr(line, name) for name in Line.__struct_fields__}) for line in lines)
        return answer(Statement(asked.point, told, rfc3339(at)), headers={"Cache-Control": "no-store"})


def _file(verifier: Verifier, asked: StatementQuery, lines: tuple[StatementLine, ...], at: datetime) -> Response:
    """Return a statement as a file to be saved."""
    programme = verifier.programme
    body: str | bytes = as_csv(lines, programme, asked.point)
    if asked.format == "pdf":
        body = as_pdf(lines, programme, programme.points[asked.point], (asked.since, asked.until), at)
    named = f"attachment; filename=statement-{asked.point}-{asked.since}-{asked.until}.{asked.format}"
    headers = {"Content-Disposition": named, "Cache-Control": "no-store"}
    return Response(body, 200, headers, content_type=_TYPES[asked.format])


def _lines(verifier: Verifier, asked: StatementQuery) -> tuple[StatementLine, ...]:
    months, zone = (asked.since, asked.until), verifier.programme.zone
    since, until = month_span(months, zone)
    if not since < until <= since + LONGEST:
        fault = {"path": "$.until", "message": "a statement covers one month to twelve"}
        raise Problem("invalid-field", extra={"fields": [fault]})
    # What was recorded offline is entered later than it was used, by the late window at most.
    with ledger_problems():
        return statement_lines(_entries(verifier, asked.point, since, until + LATE_WINDOW), months, zone)


def _entries(verifier: Verifier, point: str, since: datetime, until: datetime) -> Iterator[Entry]:
    query = Query(point=point, since=since, until=until, outcome="granted", limit=_PAGE)
    while True:
        page = verifier.ledger.entries(query)
        yield from page.entries
        if page.next is None:
            return
        query = replace(query, before=page.next)
