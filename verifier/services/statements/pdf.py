"""Statements of points and departments as A4 pages (PDF), to settle on paper. The PDF holds the same as the CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer, Table

from cards.programme.types import Department, Point, Programme
from edge.paper import pages, paragraph, styles_of, table
from verifier.rules.wording import say_date
from verifier.services.statements.lines import DepartmentLine, StatementLine

HEADINGS: Final = ("月份", "服务", "应付次数", "再次进入", "随行人数", "已撤销", "主管放行", "待核定")
DEPARTMENT_HEADINGS: Final = (
    "月份",
    "服务点",
    "服务",
    "结算部门",
    "应付次数",
    "再次进入",
    "随行人数",
    "已撤销",
    "待核定",
)
_DEPARTMENT_SHARES: Final = (15, 35, 37, 32, 15, 15, 15, 13, 13)
_SHARES: Final = (18, 58, 18, 18, 18, 15, 18, 15)


def as_pdf(
    lines: Iterable[StatementLine], programme: Programme, point: Point, months: tuple[str, str], at: datetime
) -> bytes:
    """Return a statement as PDF. The same lines at the same instant give the same bytes."""
    return _pages(
        programme, point.code, _subtitle(programme, f"{point.name.in_language('zh')}（{point.code}）", months, at),
        months, _table(list(lines), programme),
    )  # fmt: skip


def department_pdf(
    lines: Iterable[DepartmentLine], programme: Programme, department: Department, months: tuple[str, str], at: datetime
) -> bytes:
    """Return a department's statement as PDF: every point and service by month, and the payer."""
    named = f"{department.name.in_language('zh')}（{department.code}）"
    rows = _department_table(list(lines), programme)
    return _pages(programme, department.code, _subtitle(programme, named, months, at), months, rows)


def _pages(programme: Programme, code: str, subtitle: str, months: tuple[str, str], rows: Table) -> bytes:
    styles = styles_of("zh")
    parts = [
        paragraph(f"{programme.name.in_language('zh')}　使用结算单", styles.title),
        paragraph(subtitle, styles.small),
        Spacer(1, 4 * mm),
        rows,
    ]
    return pages(parts, title=f"{code} {months[0]}..{months[1]}", author=programme.code)


def _subtitle(programme: Programme, named: str, months: tuple[str, str], at: datetime) -> str:
    made = say_date(at, programme.zone).zh
    return f"{named}　{months[0]} 至 {months[1]}　制表 {made}"


def _table(lines: list[StatementLine], programme: Programme) -> Table:
    cell = styles_of("zh").cell
    rows: list[tuple[str | Flowable, ...]] = [HEADINGS]
    for line in lines:
        service = programme.services.get(line.service)
        name = line.service if service is None else service.name.in_language("zh")
        counts = (line.paid, line.re_entries, line.companions, line.voided, line.overrides, line.held)
        rows.append((line.month, paragraph(name, cell), *map(str, counts)))
    rows.append(("合计", "", str(sum(line.paid for line in lines)), *[""] * 5))
    return table(rows, _SHARES, numbers_from=2, sums=True)


def _department_table(lines: list[DepartmentLine], programme: Programme) -> Table:
    cell = styles_of("zh").cell
    rows: list[tuple[str | Flowable, ...]] = [DEPARTMENT_HEADINGS]
    for one in lines:
        point, payer = programme.points.get(one.point), programme.departments.get(one.payer)
        service = programme.services.get(one.line.service)
        names = [
            code if found is None else found.name.in_language("zh")
            for code, found in ((one.point, point), (one.line.service, service), (one.payer, payer))
        ]
        counts = (one.line.paid, one.line.re_entries, one.line.companions, one.line.voided, one.line.held)
        month = f"{one.line.month} 更正" if one.correction else one.line.month
        texts = (paragraph(text, cell) for text in (month, *names))
        rows.append((*texts, *map(str, counts)))
    rows.append(("合计", "", "", "", str(sum(one.line.paid for one in lines)), *[""] * 4))
    return table(rows, _DEPARTMENT_SHARES, numbers_from=4, sums=True)
