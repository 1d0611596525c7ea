"""`/department/statements`: the month of a department and its points, as files to save. Months are closed here."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, cast

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.statements import StatementDesk
from verifier.services.statements.files import FileKind, month_file
from verifier.services.statements.lines import DepartmentLine
from verifier.services.statements.service import DepartmentMonth, months_before, paying_points
from web.department.shared import DeskPages
from web.staff.forms import FilterForm, Needed, StaffForm, figures, option

_MONTH: Final = re.compile(r"[1-8][0-9]{3}-(0[1-9]|1[0-2])")


class MonthFilter(FilterForm):
    """Which statement."""

    department = SelectField("department.department", choices=[], validate_choice=False)
    month = StringField("department.month", filters=[figures])
    point = SelectField("department.point", choices=[], validate_choice=False)


class CloseMonthForm(StaffForm):
    """Closes the month. The form asks for a tick, because the figures of a closed month stay."""

    sure = BooleanField("department.close-month-sure", [Needed("department.close-month-tick")])


def add_statements(found: Blueprint, pages: DeskPages) -> None:
    """Add the statement's page, its files and the closing of a month."""
    desk = StatementDesk(pages.verifier)

    @found.get("/department/statements")
    @pages.staff.needs(Right.STATEMENT)
    def statements(who: Caller) -> ResponseReturnValue:
        mine = desk.departments(who)
        if not mine:
            return pages.staff.fault(403, "fault.not-permitted")
        asked = request.args.get("department", "")
        department, month = asked if asked in mine else mine[0], _month(pages, request.args.get("month", ""))
        return _page(pages, mine, desk.month(who, department, month, request_instant()), CloseMonthForm())

    @found.get("/department/statements/<department>/<month>.<any('csv', 'xlsx', 'pdf'):kind>")
    @pages.staff.needs(Right.STATEMENT)
    def statement_file(who: Caller, department: str, month: str, kind: str) -> ResponseReturnValue:
        if not _MONTH.fullmatch(month) or department not in desk.departments(who):
            raise Problem("not-found")
        told = desk.month(who, department, month, request_instant())
        point = request.args.get("point", "")
        named = point if point in paying_points(pages.programme, department) else department
        body = month_file(told, pages.programme, cast("FileKind", kind), request_instant(), point=point)
        return pages.file(body, f"statement-{named}-{month}", kind)

    @found.post("/department/statements/<department>/<month>/close")
    @pages.staff.needs(Right.STATEMENT)
    def close_month(who: Caller, department: str, month: str) -> ResponseReturnValue:
        if not _MONTH.fullmatch(month) or department not in desk.departments(who):
            raise Problem("not-found")
        form, at = CloseMonthForm(), request_instant()
        if not form.validate_on_submit():
            return _page(pages, desk.departments(who), desk.month(who, department, month, at), form, 422)
        path = f"/department/statements?department={department}&month={month}"
        return pages.act(path, "department.month-closed", lambda: desk.close(who, department, month, at))


def _month(pages: DeskPages, asked: str) -> str:
    """Return the month in the address, otherwise the month before the present one, which is settled now."""
    if _MONTH.fullmatch(asked):
        return asked
    today: date = request_instant().astimezone(pages.programme.zone).date()
    return months_before(f"{today:%Y-%m}", 1)


def _page(
    pages: DeskPages, mine: tuple[str, ...], told: DepartmentMonth, form: CloseMonthForm, status: int = 200
) -> ResponseReturnValue:
    point = request.args.get("point", "")
    filters = MonthFilter(data={"department": told.department, "month": told.month, "point": point})
    points = paying_points(pages.programme, told.department)
    filters.point.choices = [option("", pages.staff.word("department.any"))]
    filters.point.choices += [option(code, pages.point_name(code)) for code in points]
    filters.department.choices = pages.department_choices(mine)
    if len(mine) < 2:
        del filters.department
    lines = _of_point(told.lines, point)
    return pages.page(
        "statements",
        status,
        told=told,
        lines=lines,
        corrections=_of_point(told.corrections, point),
        changed=_of_point(told.changed, point),
        paid=sum(one.line.paid for one in lines),
        filter=filters,
        form=form,
        point=point,
    )


def _of_point(lines: tuple[DepartmentLine, ...], point: str) -> tuple[DepartmentLine, ...]:
    return tuple(one for one in lines if point in {"", one.point})
