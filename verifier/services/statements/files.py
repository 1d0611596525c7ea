"""A department's month as a file and as values, shared by its page, its call and its command."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

from cards.programme.types import Programme
from edge.instants import rfc3339
from verifier.services.statements.lines import DepartmentLine, settled_csv
from verifier.services.statements.service import DepartmentMonth

FileKind = Literal["csv", "xlsx", "pdf"]
TYPES: Final[dict[FileKind, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


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
    """One service in one month at one point, with the department that pays."""

    point: str
    payer: str


class MonthAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A department's month. If it is closed, the figures at its closing, which never change again.

    `corrections`: later changes of earlier closed months, settled with this month (negative: subtracted). `changed`:
    changes of this month since its closing, settled with the next closed month.
    """

    department: str
    month: str
    lines: tuple[PaidLine, ...]
    corrections: tuple[PaidLine, ...] = ()
    changed: tuple[PaidLine, ...] = ()
    closed_at: str | None = None
    may_close: bool
    server_time: str


def paid_lines(lines: Iterable[DepartmentLine]) -> tuple[PaidLine, ...]:
    """Return lines in the form of a call."""
    return tuple(
        PaidLine(
            point=one.point,
            payer=one.payer,
            **{name: getattr(one.line, name) for name in Line.__struct_fields__},
        )
        for one in lines
    )


def month_answer(told: DepartmentMonth, at: datetime) -> MonthAnswer:
    """Return a department's month in the form of a call."""
    return MonthAnswer(
        department=told.department,
        month=told.month,
        lines=paid_lines(told.lines),
        corrections=paid_lines(told.corrections),
        changed=paid_lines(told.changed),
        closed_at=None if told.closing is None else rfc3339(told.closing.closed_at),
        may_close=told.may_close,
        server_time=rfc3339(at),
    )


def month_file(
    told: DepartmentMonth, programme: Programme, kind: FileKind, at: datetime, *, point: str = ""
) -> str | bytes:
    """Return a department's month as a file, with corrections among its lines; only those of `point` if it is given.

    The file of a closed month gives the time of its closing. Any other file gives `at`.
    """
    lines = tuple(one for one in (*told.lines, *told.corrections) if point in {"", one.point})
    if kind == "csv":
        return settled_csv(lines, programme)
    if kind == "xlsx":
        from verifier.services.statements.xlsx import department_xlsx  # noqa: PLC0415 - the library is large

        return department_xlsx(lines, programme)
    from verifier.services.statements.pdf import department_pdf  # noqa: PLC0415 - the PDF library is large

    made_at = at if told.closing is None else told.closing.closed_at
    return department_pdf(lines, programme, programme.departments[told.department], (told.month, told.month), made_at)
