"""The monthly report as A4 pages. The file contains the Chinese font, so it prints the same on every machine."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from audit.figures.report import MonthlyReport, WitnessLine
from audit.figures.report_words import KINDS, REASONS, WORDS
from audit.figures.usage import Bar, TakeUp
from cards.programme.types import Programme, Text
from edge import paper
from edge.fonts import FONTS
from edge.paper import BRAND, INK, LINE, MARGIN, NO, QUIET, WIDTH, Language, NoFont, paragraph

__all__ = ["Language", "NoFont", "report_pdf"]

_FACTS: Final = (
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (0, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 1),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
)
_FEW: Final = 20
"""The number of table rows that stay on one page with their heading."""


def report_pdf(report: MonthlyReport, programme: Programme, language: Language, fonts: Path = FONTS) -> bytes:
    """Return the report as PDF; the same report gives the same bytes. Raises NoFont if the font's files are missing."""
    made = _Pages(report, programme, language, fonts)
    title = f"{programme.name.in_language(language)} {report.month} {made.department}"
    return paper.pages(made.parts(), title=title, author=programme.code, language=language, foot=made.foot, fonts=fonts)


class _Pages:
    """One report in one language."""

    def __init__(self, report: MonthlyReport, programme: Programme, language: Language, fonts: Path) -> None:
        self._report, self._programme, self._language = report, programme, language
        self._fonts, self._styles = fonts, paper.styles_of(language, fonts)
        self._plain = paper.font("regular", fonts)
        # Every cell needs a font, even an empty cell: otherwise the reader's machine chooses one.
        self._own = ("FONT", (0, 0), (-1, -1), self._plain)
        code = report.department
        self.department = self._word("all") if code is None else self._named(programme.departments, code)

    def parts(self) -> list[Flowable]:
        """Return the report from top to bottom."""
        return [*self._top(), *self._use(), *self._odd(), *self._integrity(), *self._end()]

    def foot(self, canvas: Canvas, _document: object) -> None:
        """Write the foot of a page: the log's name and the page number."""
        canvas.setFont(self._plain, 8)
        canvas.setFillColor(QUIET)
        root = b64encode(self._report.root).decode()[:12]
        canvas.drawString(MARGIN, 10 * mm, f"{self._programme.issuer} · {self._report.size} · {root}…")
        canvas.drawRightString(MARGIN + WIDTH, 10 * mm, self._word("page", page=canvas.getPageNumber()))

    def _top(self) -> list[Flowable]:
        report, total = self._report, self._report.figures.total
        heading = f"{self._say(self._programme.name)} {self._word('title')}"
        facts = [
            f"{self._word('month')} {report.month}",
            f"{self._word('department')} {self.department}",
            f"{self._word('made')} {self._moment(report.at)}",
            *([f"{self._word('by')} {report.by}"] if report.by else []),
        ]
        share = _share(total.denied, total.granted + total.denied)
        summary = self._word("summary", granted=total.granted, denied=total.denied, share=share, voided=total.voided)
        return [
            paragraph(heading, self._styles.title),
            paragraph(" · ".join(facts), self._styles.small),
            Spacer(1, 4 * mm),
            paragraph(summary, self._styles.text),
            *self._chart(),
        ]

    def _chart(self) -> list[Flowable]:
        days = self._report.figures.days
        if not any(day.granted + day.denied for day in days):
            return []
        # Without this, the chart library names a font of its own that is not inside the file.
        drawing, chart = Drawing(WIDTH, 38 * mm, initialFontName=self._plain), VerticalBarChart()
        chart.x, chart.y, chart.width, chart.height = 28, 16, int(WIDTH - 34), int(38 * mm - 24)
        chart.data = [[day.granted for day in days], [day.denied for day in days]]
        chart.categoryAxis.style = "stacked"
        chart.categoryAxis.categoryNames = [str(int(day.key[8:])) for day in days]
        chart.bars[0].fillColor, chart.bars[1].fillColor = BRAND, NO
        chart.bars.strokeColor = None
        chart.barLabels.fontName = self._plain
        chart.valueAxis.valueMin = 0
        chart.valueAxis.labelTextFormat = "%d"
        for axis in (chart.categoryAxis, chart.valueAxis):
            axis.labels.fontName, axis.labels.fontSize, axis.strokeColor = self._plain, 7, LINE
        drawing.add(chart)
        legend = f"{self._word('daily')}：<font color='#14535b'>■</font> {self._word('granted')}　"
        return [
            drawing,
            Paragraph(f"{legend}<font color='#a3262a'>■</font> {self._word('denied')}", self._styles.small),
        ]

    def _use(self) -> list[Flowable]:
        figures, programme = self._report.figures, self._programme
        reasons = [
            (self._say(REASONS[bar.key]) if bar.key in REASONS else bar.key, bar.denied) for bar in figures.reasons
        ]
        note = "taken-all-note" if self._report.department is None else "taken-note"
        return [
            *self._bars("by-service", "service", figures.services, programme.services),
            *self._bars("by-point", "point", figures.points, programme.points),
            *self._section("by-reason", ("reason", "denied"), reasons, (4, 1)),
            *self._section(
                "taken",
                ("limit", "tier", "period", "holders", "units", "taken-share"),
                [self._taken(one) for one in self._report.taken],
                (3.4, 1.4, 1.2, 1.2, 1.2, 1.1),
                note=self._word(note),
            ),
        ]

    def _bars(self, heading: str, what: str, bars: Sequence[Bar], names: Mapping[str, Any]) -> list[Flowable]:
        rows = [
            (
                self._named(names, bar.key),
                bar.granted,
                bar.denied,
                _share(bar.denied, bar.granted + bar.denied),
                bar.voided,
            )
            for bar in bars
        ]
        return self._section(heading, (what, "granted", "denied", "share", "voided"), rows, (4, 1, 1, 1.1, 1))

    def _taken(self, one: TakeUp) -> tuple[object, ...]:
        code, _, member = one.quota.replace("@", "/").partition("/")
        limit = self._named(self._programme.quotas, code)
        if member:
            limit = f"{limit} ({self._member(member)})"
        tier = self._named(self._programme.tiers, one.tier) if one.tier else self._word("no-tier")
        period = self._word("ever") if one.period == "ever" else one.period
        return limit, tier, period, one.holders, one.units, _share(one.units, one.possible)

    def _member(self, code: str) -> str:
        """Return the name of a limit's part: a member of a choice, or a tier."""
        members = (one.members[code] for one in self._programme.exclusions.values() if code in one.members)
        name = next(members, None)
        return self._named(self._programme.tiers, code) if name is None else self._say(name)

    def _odd(self) -> list[Flowable]:
        rows = [(self._say(KINDS[odd.kind]), odd.found, odd.open) for odd in self._report.odd]
        note = self._word("odd-note")
        if self._report.searched is not None:
            note = f"{self._word('odd-partial', count=self._report.searched)} {note}"
        return self._section("odd", ("kind", "found", "open"), rows, (4, 1, 1), note=note)

    def _integrity(self) -> list[Flowable]:
        report = self._report
        size, figures = report.size, report.figures
        rows = [
            ("checkpoint", self._word("entries", size=size, at=self._moment(report.signed_at))),
            ("root", b64encode(report.root).decode()),
            ("counted", self._word("counted-of", size=figures.size, counted=figures.counted)),
            *(("witness", self._witness(line)) for line in report.witnesses),
            *([] if report.witnesses else [("witness", self._word("no-witness"))]),
        ]
        cells = [
            [paragraph(self._word(name), self._styles.small), paragraph(text, self._styles.mono)] for name, text in rows
        ]
        table = Table(cells, colWidths=(28 * mm, WIDTH - 28 * mm), style=[self._own, *_FACTS])
        return [KeepTogether([paragraph(self._word("integrity"), self._styles.head), table])]

    def _witness(self, line: WitnessLine) -> str:
        if line.at is None:
            return self._word("witness-never", name=line.name)
        state = self._word("late" if line.late else "cosigned")
        return self._word("witness-seen", name=line.name, size=line.size, at=self._moment(line.at), state=state)

    def _end(self) -> list[Flowable]:
        names = [paragraph(self._word(name), self._styles.small) for name in ("auditor", "signed-department", "date")]
        gap = 6 * mm
        widths = [(WIDTH - 2 * gap) / 3, gap] * 2 + [(WIDTH - 2 * gap) / 3]
        table = Table([[names[0], "", names[1], "", names[2]]], colWidths=widths)
        rules = [("LINEABOVE", (place, 0), (place, 0), 0.6, INK) for place in (0, 2, 4)]
        table.setStyle(TableStyle([self._own, *rules]))
        return [Spacer(1, 4 * mm), paragraph(self._word("privacy"), self._styles.small), Spacer(1, 11 * mm), table]

    def _section(
        self,
        heading: str,
        heads: Sequence[str],
        rows: Sequence[Sequence[object]],
        shares: Sequence[float],
        note: str = "",
    ) -> list[Flowable]:
        """Return a heading with a table, or with a sentence that there is nothing, and a note after it."""
        title = paragraph(self._word(heading), self._styles.head)
        after = [paragraph(note, self._styles.note)] if note else []
        if not rows:
            return [KeepTogether([title, paragraph(self._word("none"), self._styles.cell), *after])]
        cells = [[self._word(head) for head in heads]]
        body = [[paragraph(str(row[0]), self._styles.cell), *map(str, row[1:])] for row in rows]
        table = paper.table([*cells, *body], shares, fonts=self._fonts)
        whole = [title, Spacer(1, 1 * mm), table]
        return [*([KeepTogether(whole)] if len(rows) < _FEW else whole), *after]

    def _word(self, name: str, /, **values: object) -> str:
        return self._say(WORDS[name]).format(**values)

    def _say(self, text: Text) -> str:
        return text.in_language(self._language)

    def _named(self, table: Mapping[str, Any], code: str) -> str:
        """Return the programme's name for a code, or the code itself if the programme no longer has it."""
        found = table.get(code)
        return code if found is None else self._say(found.name)

    def _moment(self, at: datetime) -> str:
        return at.astimezone(self._programme.zone).strftime("%Y-%m-%d %H:%M")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "—"
