"""Statements over HTTP, for a point and for a department: the uses to be paid, by service and month, as CSV or JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.rights import Right
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import rfc3339
from edge.limits import RateLimit
from edge.openapi import describe
from verifier.api.asking import Asking
from verifier.counter.answers import Code
from verifier.desks.statements import StatementDesk
from verifier.records.store import Access
from verifier.service import Verifier
from verifier.services.statements.files import (
    TYPES,
    FileKind,
    Line,
    MonthAnswer,
    PaidLine,
    month_answer,
    month_file,
    paid_lines,
)
from verifier.services.statements.lines import (
    DepartmentLine,
    StatementLine,
    as_csv,
    department_csv,
    department_table,
    point_table,
)
from verifier.services.statements.service import paying_points

Month = Annotated[str, Meta(pattern=r"^[1-8][0-9]{3}-(0[1-9]|1[0-2])$(?!\n)")]


class StatementQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local months of a statement, both included; `format` csv, xlsx, pdf or json."""

    point: Code
    since: Month
    until: Month
    format: Literal["csv", "xlsx", "pdf", "json"] = "csv"


class DepartmentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local months of a department's statement, both included; `format` csv, xlsx, pdf or json."""

    department: Code
    since: Month
    until: Month
    format: Literal["csv", "xlsx", "pdf", "json"] = "csv"


class MonthQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A department's local month; `format` json, csv, xlsx or pdf."""

    department: Code
    month: Month
    format: Literal["json", "csv", "xlsx", "pdf"] = "json"


class MonthClosing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A department's local month to close: the month after the last closed month, once it is over."""

    department: Code
    month: Month


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
        answers={200: (Statement, *TYPES.values())},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def statement() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        asked = read_query(StatementQuery)
        asking.point(caller, Right.STATEMENT, asked.point)
        caller.require(Right.STATEMENT, asked.point)  # A statement covers the whole point
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
        answers={200: (DepartmentStatement, *TYPES.values())},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def department_statement() -> Response:
        at = request_instant()
        caller, asked = asking.authenticate(request), read_query(DepartmentQuery)
        StatementDesk(verifier).require(caller, asked.department)
        lines = verifier.statements.of_department(asked.department, (asked.since, asked.until), at)
        place = paying_points(verifier.programme, asked.department)[0]
        what = f"department {asked.department} {asked.since}..{asked.until}"
        verifier.store.record(Access("statement", caller.id, what, caller.operator_id, place), at)
        return _department_answer(verifier, asked, lines, at)


def add_months(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add GET and POST /v1/statements/months: a department's month, and its closing."""
    desk = StatementDesk(verifier)

    @found.get("/v1/statements/months")
    @describe(
        summary="A department's month as it was closed or as it stands, with corrections of months closed before",
        tag="statements",
        query=MonthQuery,
        answers={200: (MonthAnswer, *TYPES.values())},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def month() -> Response:
        caller, asked, at = asking.authenticate(request), read_query(MonthQuery), request_instant()
        told = desk.month(caller, asked.department, asked.month, at)
        if asked.format == "json":
            return answer(month_answer(told, at))
        body = month_file(told, verifier.programme, asked.format, at)
        return _saved(body, f"{asked.department}-{asked.month}", asked.format)

    @found.post("/v1/statements/months")
    @describe(
        summary="Close a department's month: its figures stay, later changes stand as corrections of the next",
        tag="statements",
        body=MonthClosing,
        answers={200: MonthAnswer},
        problems={"not-permitted", "invalid-field", "unavailable", "month-closed", "month-not-next"},
        writes=True,
    )
    def close_month() -> Response:
        caller, at = asking.authenticate(request), request_instant()
        limit.require(caller.id)
        idempotency_key()  # Required as for every writing call. A month is closed once, whatever the key
        asked = read_body(MonthClosing)
        return answer(month_answer(desk.closed(caller, asked.department, asked.month, at), at))


def _department_answer(
    verifier: Verifier, asked: DepartmentQuery, lines: tuple[DepartmentLine, ...], at: datetime
) -> Response:
    programme, months = verifier.programme, (asked.since, asked.until)
    if asked.format == "json":
        return answer(DepartmentStatement(asked.department, paid_lines(lines), rfc3339(at)))
    named = f"{asked.department}-{asked.since}-{asked.until}"
    if asked.format == "csv":
        return _saved(department_csv(lines, programme), named, "csv")
    if asked.format == "xlsx":
        from verifier.services.statements.xlsx import workbook  # noqa: PLC0415 - the library is large

        return _saved(workbook(department_table(lines, programme)), named, "xlsx")
    from verifier.services.statements.pdf import department_pdf  # noqa: PLC0415 - the PDF library is large

    body = department_pdf(lines, programme, programme.departments[asked.department], months, at)
    return _saved(body, named, "pdf")


def _saved(body: str | bytes, named: str, kind: FileKind) -> Response:
    """Return a statement as a file to save."""
    headers = {"Content-Disposition": f"attachment; filename=statement-{named}.{kind}"}
    return Response(body, 200, headers, content_type=TYPES[kind])


def _file(verifier: Verifier, asked: StatementQuery, lines: tuple[StatementLine, ...], at: datetime) -> Response:
    programme, named = verifier.programme, f"{asked.point}-{asked.since}-{asked.until}"
    if asked.format == "pdf":
        from verifier.services.statements.pdf import as_pdf  # noqa: PLC0415 - the PDF library is large

        pages = as_pdf(lines, programme, programme.points[asked.point], (asked.since, asked.until), at)
        return _saved(pages, named, "pdf")
    if asked.format == "xlsx":
        from verifier.services.statements.xlsx import workbook  # noqa: PLC0415 - the library is large

        return _saved(workbook(point_table(lines, programme, asked.point)), named, "xlsx")
    return _saved(as_csv(lines, programme, asked.point), named, "csv")
