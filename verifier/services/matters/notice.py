"""The notice with which a green-channel window sends a matter to the deciding departments. It names no person.

The guide, item 2: 《白云区“绿色通道”审批项目通知书》.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from cards.programme.types import Programme, Service
from edge.paper import pages, paragraph, styles_of, table
from verifier.rules.matters import Matter

_TITLE: Final = "{district}“绿色通道”审批项目通知书"
_ASK: Final = "以下事项已进入“绿色通道”。请按“优先办理、跟踪协调”的原则，在审批时限内从简从快办理，并将结果告知专窗。"
_SIGNED: Final = "发出单位（盖章）：____________________　收件人、日期：____________________"


def notice_title(programme: Programme) -> str:
    """Return the title of the notice. The guide names the district without its city."""
    return _TITLE.format(district=programme.district.in_language("zh").rpartition("市")[2])


def notice_pdf(programme: Programme, matter: Matter, service: Service, at: datetime) -> bytes:
    """Return the notice. The same matter at the same instant gives the same bytes."""
    styles, title = styles_of("zh"), notice_title(programme)
    rows = [(label, paragraph(text, styles.text)) for label, text in _rows(programme, matter, service, at)]
    parts = [
        paragraph(title, styles.title),
        Spacer(1, 6 * mm),
        paragraph(_ASK, styles.text),
        Spacer(1, 4 * mm),
        table([("项目", "内容"), *rows], (38, 122), numbers_from=2),
        Spacer(1, 18 * mm),
        paragraph(_SIGNED, styles.text),
    ]
    return pages(parts, title=f"{title} {matter.id}", author=programme.code)


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
