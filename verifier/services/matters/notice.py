"""The notice by which a green-channel window sends a matter to the departments that decide it. No person stands in it.

The guide, item 2: 《白云区“绿色通道”审批项目通知书》.
"""

from __future__ import annotations

import io
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

from cards.programme.types import Programme, Service
from verifier.rules.matters import Matter
from verifier.services.statements.pdf import FONT

_TITLE: Final = "{district}“绿色通道”审批项目通知书"
_ASK: Final = "以下事项已进入“绿色通道”。请按“优先办理、跟踪协调”的原则，在审批时限内从简从快办理，并将结果告知专窗。"
_SIGNED: Final = "发出单位（盖章）：　　　　　　　　　　收件人、日期："


def notice_title(programme: Programme) -> str:
    """Return what the notice is called."""
    return _TITLE.format(district=programme.district.in_language("zh"))


def notice_pdf(programme: Programme, matter: Matter, service: Service, at: datetime) -> bytes:
    """Return the notice. The same matter at the same instant is the same bytes."""
    registerFont(UnicodeCIDFont(FONT))
    title, written = notice_title(programme), io.BytesIO()
    rows = [(label, Paragraph(escape(text), _style(11))) for label, text in _rows(programme, matter, service, at)]
    table = Table(rows, colWidths=(38 * mm, 122 * mm))
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (0, -1), FONT, 11),
                ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 6),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ]
        )
    )
    body = [
        Paragraph(escape(title), _style(18, 26)),
        Spacer(1, 8 * mm),
        Paragraph(_ASK, _style(11, 18)),
        Spacer(1, 6 * mm),
        table,
        Spacer(1, 18 * mm),
        Paragraph(_SIGNED, _style(11)),
    ]
    SimpleDocTemplate(written, pagesize=A4, title=f"{title} {matter.id}", author=programme.code, invariant=1).build(
        body
    )
    return written.getvalue()


def _rows(programme: Programme, matter: Matter, service: Service, at: datetime) -> list[tuple[str, str]]:
    def when(instant: datetime | None) -> str:
        return "—" if instant is None else instant.astimezone(programme.zone).strftime("%Y-%m-%d %H:%M")

    rule, point = service.matter, programme.points.get(matter.point)
    decides = programme.departments.get(matter.decides or "")
    kind = None if rule is None else rule.kinds.get(matter.kind)
    promise = None if rule is None else rule.limit_text
    return [
        ("通知书编号", matter.reference or matter.id),
        ("送达部门", "—" if decides is None else decides.name.in_language("zh")),
        ("事项", service.name.in_language("zh")),
        ("类别", "—" if kind is None else kind.in_language("zh")),
        ("受理专窗", matter.point if point is None else point.name.in_language("zh")),
        ("受理时间", when(matter.opened_at)),
        ("材料齐全", when(matter.complete_at)),
        (
            "办结期限",
            when(matter.deadline) if matter.deadline else "" if promise is None else promise.in_language("zh"),
        ),
        ("制发时间", when(at)),
    ]


def _style(size: int, leading: int | None = None) -> ParagraphStyle:
    return ParagraphStyle(f"notice-{size}", fontName=FONT, fontSize=size, leading=leading or size * 1.5, wordWrap="CJK")
