"""The look of printed pages: fonts, margins, headings, tables. Letters, forms, statements and reports all use it.

Measures are points unless a name says otherwise. The font is inside each file, so that a page prints the same on every
machine. Import this module only where a page is drawn, because the PDF library is large.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

from edge.fonts import FONTS

Language = Literal["zh", "en"]
Weight = Literal["regular", "bold"]

MARGIN: Final = 18 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
"""The width between the margins of an A4 page."""
INK, QUIET, LINE, BRAND, NO = (HexColor(colour) for colour in ("#1b2421", "#4a5753", "#b9c2be", "#14535b", "#a3262a"))
"""Text, lesser text, rules, headings, and refused values."""
TITLE, HEAD, TEXT, CELL, SMALL = 18.0, 12.0, 10.0, 9.0, 8.5
"""Sizes of letters."""
THICK, THIN = 0.8, 0.3
"""Widths of the rule under a table's head, and of the rules between rows."""
_FILES: Final = {"regular": "NotoSansSC_400Regular", "bold": "NotoSansSC_700Bold"}
_TAGS: Final = {"zh": "zh-CN", "en": "en"}

Foot = Callable[[Canvas, object], None]
"""Draws the foot of a page after the page's content."""


class NoFont(Exception):
    """The font's file is missing."""

    hint = "run `make setup`, which copies it there"


@cache
def font(weight: Weight, folder: Path = FONTS) -> str:
    """Register a weight of the font once, and return its name. Raises NoFont if its file is missing."""
    path = folder / f"{_FILES[weight]}.ttf"
    if not path.is_file():
        raise NoFont(f"the font {_FILES[weight]} is not in {folder}")
    name = f"{_FILES[weight]}@{folder}"
    registerFont(TTFont(name, str(path)))
    return name


def language_of(tag: str) -> Language:
    """Return the language of a paper for a language tag (BCP 47): Chinese for `zh…`, otherwise English."""
    return "zh" if tag.startswith("zh") else "en"


@dataclass(frozen=True, slots=True)
class Styles:
    """The kinds of text on a page. `mono` breaks anywhere, for a text without a place to break."""

    title: ParagraphStyle
    head: ParagraphStyle
    text: ParagraphStyle
    strong: ParagraphStyle
    small: ParagraphStyle
    note: ParagraphStyle
    cell: ParagraphStyle
    mono: ParagraphStyle


def styles_of(language: Language, fonts: Path = FONTS) -> Styles:
    """Return the kinds of text for a language. Chinese text breaks between characters. Raises NoFont."""
    plain, bold = font("regular", fonts), font("bold", fonts)
    wrap = "CJK" if language == "zh" else None
    text = ParagraphStyle("text", fontName=plain, fontSize=TEXT, leading=15, textColor=INK, wordWrap=wrap)
    small = ParagraphStyle("small", text, fontSize=SMALL, leading=12, textColor=QUIET)
    cell = ParagraphStyle("cell", text, fontSize=CELL, leading=11)
    return Styles(
        title=ParagraphStyle("title", text, fontName=bold, fontSize=TITLE, leading=24, textColor=BRAND),
        head=ParagraphStyle("head", text, fontName=bold, fontSize=HEAD, leading=16, spaceBefore=9),
        text=text,
        strong=ParagraphStyle("strong", text, fontName=bold),
        small=small,
        note=ParagraphStyle("note", small, spaceBefore=3),
        cell=cell,
        mono=ParagraphStyle("mono", cell, wordWrap="CJK"),
    )


def canvas_of(target: io.BytesIO, page: tuple[float, float], fonts: Path = FONTS) -> Canvas:
    """Return a canvas to draw pages by hand, with only fonts that are inside the file. Raises NoFont."""
    plain: Any = font("regular", fonts)  # The library's stubs take the font's name for a number
    return Canvas(target, pagesize=page, pageCompression=1, invariant=1, initialFontName=plain)


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Return a text as a paragraph. Nothing in the text is read as markup."""
    return Paragraph(escape(text), style)


def table(
    rows: Sequence[Sequence[object]],
    shares: Sequence[float],
    *,
    numbers_from: int = 1,
    sums: bool = False,
    fonts: Path = FONTS,
) -> Table:
    """Return a table as wide as the page. The first of its `rows` is its head, which is repeated on each page.

    `shares`: the widths of the columns in proportion. Columns from `numbers_from` on are aligned right. `sums`: the
    last row holds the sums, under a rule. Raises NoFont.
    """
    drawn = Table(
        [list(row) for row in rows], colWidths=[WIDTH * share / sum(shares) for share in shares], repeatRows=1
    )
    drawn.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, 0), font("bold", fonts), SMALL),
                ("FONT", (0, 1), (-1, -1), font("regular", fonts), CELL),
                ("TEXTCOLOR", (0, 0), (-1, -1), INK),
                ("ALIGN", (numbers_from, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ("LINEBELOW", (0, 0), (-1, 0), THICK, INK),
                ("LINEBELOW", (0, 1), (-1, -1), THIN, LINE),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                *([("LINEABOVE", (0, -1), (-1, -1), THICK, INK)] if sums else []),
            ]
        )
    )
    return drawn


def facts(rows: Sequence[tuple[str, str]], styles: Styles, *, label: float = 0.24) -> Table:
    """Return a ruled table of two columns: the name and the value of each row. `label`: the first column's share."""
    cells = [[paragraph(name, styles.strong), paragraph(value, styles.text)] for name, value in rows]
    return _boxes(cells, styles, [WIDTH * label, WIDTH * (1 - label)])


def blank(label: str, height: float, styles: Styles) -> Table:
    """Return a ruled box, `height` points high, to sign or stamp by hand under its label."""
    return _boxes([[paragraph(label, styles.strong)]], styles, [WIDTH], heights=[height])


def _boxes(
    cells: list[list[Paragraph]], styles: Styles, widths: list[float], heights: list[float] | None = None
) -> Table:
    drawn = Table(cells, colWidths=widths, rowHeights=heights)
    drawn.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), styles.text.fontName),  # Without it, a cell asks for a font outside the file
                ("GRID", (0, 0), (-1, -1), THICK, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return drawn


def pages(
    parts: list[Flowable],
    *,
    title: str,
    author: str,
    language: Language = "zh",
    foot: Foot | None = None,
    fonts: Path = FONTS,
) -> bytes:
    """Return the parts, from top to bottom, as a PDF of A4 pages. The same parts give the same bytes."""
    written = io.BytesIO()
    document = SimpleDocTemplate(
        written, pagesize=A4, title=title, author=author, invariant=1, lang=_TAGS[language],
        leftMargin=MARGIN, rightMargin=MARGIN, topMargin=16 * mm, bottomMargin=MARGIN,
        initialFontName=font("regular", fonts),
    )  # fmt: skip
    if foot is None:
        document.build(parts)
    else:
        document.build(parts, onFirstPage=foot, onLaterPages=foot)
    return written.getvalue()
