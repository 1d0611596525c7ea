"""A point's statement as a PDF of A4 pages, for whoever settles it on paper. Says what the CSV says."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from verifier.wording import say_date

if TYPE_CHECKING:
    from cards.programme.types import Point, Programme
    from verifier.statement import StatementLine

# Adobe's own name for a Song face that every reader of PDF brings along: no font file to ship.
FONT: Final = "STSong-Light"
HEADINGS: Final = ("月份", "服务", "应付次数", "再次进入", "随行人数", "已撤销", "主管放行")
_WIDTHS: Final = (20 * mm, 66 * mm, 19 * mm, 19 * mm, 19 * mm, 16 * mm, 19 * mm)


def as_pdf(
    lines: Iterable[StatementLine], programme: Programme, point: Point, months: tuple[str, str], at: datetime
) -> bytes:
    """Return a statement as PDF. The same lines at the same instant are the same bytes."""
    registerFont(UnicodeCIDFont(FONT))
    listed = list(lines)
    body = [
        Paragraph(
            f"{programme.name.in_language('zh')}　使用结算单", ParagraphStyle("title", fontName=FONT, fontSize=16)
        ),
        Spacer(1, 6 * mm),
        Paragraph(
            _subtitle(programme, point, months, at), ParagraphStyle("sub", fontName=FONT, fontSize=9, leading=14)
        ),
        Spacer(1, 6 * mm),
        _table(listed, programme),
    ]
    written = io.BytesIO()
    title = f"{point.code} {months[0]}..{months[1]}"
    page = SimpleDocTemplate(written, pagesize=A4, title=title, author=programme.code, invariant=1)
    page.build(body)
    return written.getvalue()


def _subtitle(programme: Programme, point: Point, months: tuple[str, str], at: datetime) -> str:
    made = say_date(at, programme.zone).zh
    return f"{point.name.in_language('zh')}（{point.code}）　{months[0]} 至 {months[1]}　制表 {made}"


def _table(lines: list[StatementLine], programme: Programme) -> Table:
    rows: list[tuple[str, ...]] = [HEADINGS]
    for line in lines:
        service = programme.services.get(line.service)
        name = line.service if service is None else service.name.in_language("zh")
        counts = (line.paid, line.re_entries, line.companions, line.voided, line.overrides)
        rows.append((line.month, name, *map(str, counts)))
    rows.append(("合计", "", str(sum(line.paid for line in lines)), *[""] * 4))
    table = Table(rows, colWidths=_WIDTHS, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), FONT, 9),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                ("LINEABOVE", (0, -1), (-1, -1), 0.8, colors.black),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
            ]
        )
    )
    return table
