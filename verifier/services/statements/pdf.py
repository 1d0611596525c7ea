"""A statement, a point's or a department's, as a PDF of A4 pages, to be settled on paper. Says what the CSV says."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from cards.programme.types import Department, Point, Programme
from verifier.rules.wording import say_date
from verifier.services.statements.lines import DepartmentLine, StatementLine

# Adobe's own name for a Song face that every reader of PDF brings along: no font file to ship.
FONT: Final = "STSong-Light"
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
_DEPARTMENT_WIDTHS: Final = (15 * mm, 35 * mm, 37 * mm, 32 * mm, 15 * mm, 15 * mm, 15 * mm, 13 * mm, 13 * mm)
_WIDTHS: Final = (18 * mm, 58 * mm, 18 * mm, 18 * mm, 18 * mm, 15 * mm, 18 * mm, 15 * mm)


def as_pdf(
    lines: Iterable[StatementLine], programme: Programme, point: Point, months: tuple[str, str], at: datetime
) -> bytes:
    """Return a statement as PDF. The same lines at the same instant are the same bytes."""
    return _pages(
        programme, point.code, _subtitle(programme, f"{point.name.in_language('zh')}（{point.code}）", months, at),
        months, _table(list(lines), programme),
    )  # fmt: skip


def department_pdf(
    lines: Iterable[DepartmentLine], programme: Programme, department: Department, months: tuple[str, str], at: datetime
) -> bytes:
    """Return a department's statement as PDF: every point and service by month, and who pays."""
    registerFont(UnicodeCIDFont(FONT))  # before the first cell, which measures its text
    named = f"{department.name.in_language('zh')}（{department.code}）"
    table = _department_table(list(lines), programme)
    return _pages(programme, department.code, _subtitle(programme, named, months, at), months, table)


def _pages(programme: Programme, code: str, subtitle: str, months: tuple[str, str], table: Table) -> bytes:
    registerFont(UnicodeCIDFont(FONT))
    body = [
        Paragraph(
            f"{programme.name.in_language('zh')}　使用结算单", ParagraphStyle("title", fontName=FONT, fontSize=16)
        ),
        Spacer(1, 6 * mm),
        Paragraph(subtitle, ParagraphStyle("sub", fontName=FONT, fontSize=9, leading=14)),
        Spacer(1, 6 * mm),
        table,
    ]
    written = io.BytesIO()
    title = f"{code} {months[0]}..{months[1]}"
    page = SimpleDocTemplate(written, pagesize=A4, title=title, author=programme.code, invariant=1)
    page.build(body)
    return written.getvalue()


def _subtitle(programme: Programme, named: str, months: tuple[str, str], at: datetime) -> str:
    made = say_date(at, programme.zone).zh
    return f"{named}　{months[0]} 至 {months[1]}　制表 {made}"


def _table(lines: list[StatementLine], programme: Programme) -> Table:
    rows: list[tuple[str, ...]] = [HEADINGS]
    for line in lines:
        service = programme.services.get(line.service)
        name = line.service if service is None else service.name.in_language("zh")
        counts = (line.paid, line.re_entries, line.companions, line.voided, line.overrides, line.held)
        rows.append((line.month, name, *map(str, counts)))
    rows.append(("合计", "", str(sum(line.paid for line in lines)), *[""] * 5))
    return _styled(rows, _WIDTHS, numbers_from=2)


def _department_table(lines: list[DepartmentLine], programme: Programme) -> Table:
    rows: list[tuple[str | Paragraph, ...]] = [DEPARTMENT_HEADINGS]
    for one in lines:
        point, payer = programme.points.get(one.point), programme.departments.get(one.payer)
        service = programme.services.get(one.line.service)
        names = [
            code if found is None else found.name.in_language("zh")
            for code, found in ((one.point, point), (one.line.service, service), (one.payer, payer))
        ]
        counts = (one.line.paid, one.line.re_entries, one.line.companions, one.line.voided, one.line.held)
        month = f"{one.line.month} 更正" if one.correction else one.line.month
        rows.append((_cell(month), *map(_cell, names), *map(str, counts)))
    rows.append(("合计", "", "", "", str(sum(one.line.paid for one in lines)), *[""] * 4))
    return _styled(rows, _DEPARTMENT_WIDTHS, numbers_from=4)


def _cell(text: str) -> Paragraph:
    """A cell whose text may need more than one line."""
    return Paragraph(escape(text), ParagraphStyle("cell", fontName=FONT, fontSize=8, leading=10, wordWrap="CJK"))


def _styled(rows: Sequence[tuple[str | Paragraph, ...]], widths: Sequence[float], *, numbers_from: int) -> Table:
    table = Table(rows, colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), FONT, 9),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                ("LINEABOVE", (0, -1), (-1, -1), 0.8, colors.black),
                ("ALIGN", (numbers_from, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table
