"""Statements over HTTP, a point's and a department's: what is paid for, by service and month, as CSV or JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.rights import Right
from edge.http import answer, read_query, request_instant
from edge.instants import rfc3339
from edge.openapi import describe
from verifier.api.asking import Asking
from verifier.counter.answers import Code
from verifier.desks.statements import StatementDesk
from verifier.records.store import Access
from verifier.service import Verifier
from verifier.services.statements.lines import (
    DepartmentLine,
    StatementLine,
    as_csv,
    department_csv,
)
from verifier.services.statements.service import points_of

Month = Annotated[str, Meta(pattern=r"^[1-8][0-9]{3}-(0[1-9]|1[0-2])$(?!\n)")]
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


class StatementQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local months of a statement, both included; `format` csv, pdf or json."""

    point: Code
    since: Month
    until: Month
    format: Literal["csv", "pdf", "json"] = "csv"


class DepartmentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local months of a department's statement, both included; `format` csv, pdf or json."""

    department: Code
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
    held: int


class PaidLine(Line, frozen=True, kw_only=True):
    """One service in one month at one point, and the department that pays for it."""

    point: str
    payer: str


class DepartmentStatement(msgspec.Struct, frozen=True):
    """A department's statement: all its points."""

    department: str
    lines: tuple[PaidLine, ...]
    server_time: str


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
        answers={200: (Statement, "text/csv", "application/pdf")},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def statement() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        asked = read_query(StatementQuery)
        asking.point(caller, Right.STATEMENT, asked.point)
        caller.require(Right.STATEMENT, asked.point)  # a statement is of the whole point
        lines = verifier.statements.of_point(asked.point, (asked.since, asked.until), at)
        what = f"{asked.since}..{asked.until}"
        verifier.store.record(Access("statement", caller.id, what, caller.operator_id, asked.point), at)
        if asked.format != "json":
            return _file(verifier, asked, lines, at)
        told = tuple(Line(**{name: getattr(line, name) for name in Line.__struct_fields__}) for line in lines)
        return answer(Statement(asked.point, told, rfc3339(at)))


def add_department_statements(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add GET /v1/statements/department."""

    @found.get("/v1/statements/department")
    @describe(
        summary="A department's uses at all its points by month and service, and who pays for them",
        tag="statements",
        query=DepartmentQuery,
        answers={200: (DepartmentStatement, "text/csv", "application/pdf")},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def department_statement() -> Response:
        at = request_instant()
        caller, asked = asking.authenticate(request), read_query(DepartmentQuery)
        StatementDesk(verifier).require(caller, asked.department)
        lines = verifier.statements.of_department(asked.department, (asked.since, asked.until), at)
        place = points_of(verifier.programme, asked.department)[0]
        what = f"department {asked.department} {asked.since}..{asked.until}"
        verifier.store.record(Access("statement", caller.id, what, caller.operator_id, place), at)
        return _department_answer(verifier, asked, lines, at)


def _department_answer(
    verifier: Verifier, asked: DepartmentQuery, lines: tuple[DepartmentLine, ...], at: datetime
) -> Response:
    programme, months = verifier.programme, (asked.since, asked.until)
    if asked.format == "json":
        told = tuple(
            PaidLine(
                point=one.point,
                payer=one.payer,
                **{name: getattr(one.line, name) for name in Line.__struct_fields__},
            )
            for one in lines
        )
        said = DepartmentStatement(asked.department, told, rfc3339(at))
        return answer(said)
    if asked.format == "csv":
        return _saved(department_csv(lines, programme), f"{asked.department}-{asked.since}-{asked.until}", "csv")
    from verifier.services.statements.pdf import department_pdf  # noqa: PLC0415 - the PDF library is large

    body = department_pdf(lines, programme, programme.departments[asked.department], months, at)
    return _saved(body, f"{asked.department}-{asked.since}-{asked.until}", "pdf")


def _saved(body: str | bytes, named: str, kind: Literal["csv", "pdf"]) -> Response:
    """Return a statement as a file to be saved."""
    headers = {"Content-Disposition": f"attachment; filename=statement-{named}.{kind}"}
    return Response(body, 200, headers, content_type=_TYPES[kind])


def _file(verifier: Verifier, asked: StatementQuery, lines: tuple[StatementLine, ...], at: datetime) -> Response:
    programme, named = verifier.programme, f"{asked.point}-{asked.since}-{asked.until}"
    if asked.format == "pdf":
        from verifier.services.statements.pdf import as_pdf  # noqa: PLC0415 - the PDF library is large

        pages = as_pdf(lines, programme, programme.points[asked.point], (asked.since, asked.until), at)
        return _saved(pages, named, "pdf")
    return _saved(as_csv(lines, programme, asked.point), named, "csv")
