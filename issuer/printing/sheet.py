"""A4 sheets for people: forms to sign and stamp, letters. Drawn with the font that is shipped, embedded in the file."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics

from edge.fonts import FONTS
from edge.paper import BRAND, INK, LINE, MARGIN, TEXT, THICK, TITLE, WIDTH, canvas_of, font
from issuer.printing.qr import QUIET_ZONE, Modules, dark_runs

_MARGIN: Final = MARGIN / mm
_WIDTH: Final = WIDTH / mm
_BOTTOM: Final = _MARGIN
_LEADING: Final = 1.55
_NEVER_FIRST: Final = "，。、；：）》”？！％"


class Sheet:
    """One document of A4 pages, written from the top down. Measures are millimetres, sizes of letters points."""

    def __init__(self, title: str, fonts: Path = FONTS) -> None:
        self._file = BytesIO()
        self._regular, self._bold = font("regular", fonts), font("bold", fonts)
        self._canvas = canvas_of(self._file, A4, fonts)
        self._canvas.setTitle(title)
        self._top = A4[1] / mm - _MARGIN

    def heading(self, text: str, size: float = TITLE) -> None:
        """Write a centred heading."""
        self._room(size)
        self._canvas.setFont(self._bold, size)
        self._canvas.setFillColor(BRAND)
        self._canvas.drawCentredString(A4[0] / 2, self._top * mm - size, text)
        self._top -= size / mm * _LEADING + 3

    def text(self, text: str, size: float = TEXT, *, bold: bool = False) -> None:
        """Write a paragraph, broken into lines."""
        weight = self._bold if bold else self._regular
        for line in wrapped(text, weight, size, _WIDTH * mm):
            self._room(size)
            self._canvas.setFont(weight, size)
            self._canvas.setFillColor(INK)
            self._canvas.drawString(_MARGIN * mm, self._top * mm - size, line)
            self._top -= size / mm * _LEADING

    def space(self, height: float) -> None:
        """Leave room."""
        self._top -= height

    def rows(self, rows: Iterable[tuple[str, str]], *, label: float = 38.0, size: float = TEXT) -> None:
        """Draw a ruled table of two columns: what it is, and what was said."""
        for name, value in rows:
            names = list(wrapped(name, self._bold, size, (label - 4) * mm))
            lines = list(wrapped(value, self._regular, size, (_WIDTH - label - 4) * mm)) or [""]
            height = max(len(lines), len(names)) * size / mm * _LEADING + 3
            self._break_before(height)
            self._box(0, _WIDTH, height)
            self._box(0, label, height)
            self._lines(names, self._bold, size, 2.0)
            self._lines(lines, self._regular, size, label + 2)
            self._top -= height

    def blank(self, label: str, height: float) -> None:
        """Draw a ruled box to be written or stamped in."""
        self._break_before(height)
        self._box(0, _WIDTH, height)
        self._lines([label], self._bold, TEXT, 2.0)
        self._top -= height

    def picture(self, jpeg: bytes, width: float, height: float) -> None:
        """Put a picture at the right margin, beside what is written next."""
        left = A4[0] - (_MARGIN + width) * mm
        self._canvas.drawImage(ImageReader(BytesIO(jpeg)), left, (self._top - height) * mm, width * mm, height * mm)

    def code(self, modules: Modules, side: float) -> None:
        """Draw a QR code at the left margin."""
        self._break_before(side)
        module = side * mm / (len(modules) + 2 * QUIET_ZONE)
        top = self._top * mm - QUIET_ZONE * module
        left = _MARGIN * mm + QUIET_ZONE * module
        for row, start, length in dark_runs(modules):
            self._canvas.rect(
                left + start * module, top - (row + 1) * module, length * module, module, stroke=0, fill=1
            )
        self._top -= side

    def pdf(self) -> bytes:
        """End the document and return it."""
        self._canvas.save()
        return self._file.getvalue()

    def _room(self, size: float) -> None:
        self._break_before(size / mm * _LEADING)

    def _break_before(self, height: float) -> None:
        if self._top - height < _BOTTOM:
            self._canvas.showPage()
            self._top = A4[1] / mm - _MARGIN

    def _box(self, left: float, width: float, height: float) -> None:
        self._canvas.setLineWidth(THICK)
        self._canvas.setStrokeColor(LINE)
        self._canvas.rect((_MARGIN + left) * mm, (self._top - height) * mm, width * mm, height * mm)

    def _lines(self, lines: Sequence[str], weight: str, size: float, left: float) -> None:
        self._canvas.setFont(weight, size)
        self._canvas.setFillColor(INK)
        for number, line in enumerate(lines):
            down = 2.0 * mm + size + number * size * _LEADING
            self._canvas.drawString((_MARGIN + left) * mm, self._top * mm - down, line)


def wrapped(text: str, weight: str, size: float, width: float) -> Iterator[str]:
    """Yield the lines of a text: Chinese breaks between characters, no mark begins a line, words stay whole."""
    for paragraph in text.splitlines():
        line = ""
        for part in _parts(paragraph):
            if line and pdfmetrics.stringWidth(line + part.rstrip(), weight, size) > width and part not in _NEVER_FIRST:
                yield line.rstrip()
                line = ""
            line += part
        yield line.rstrip()


def _parts(text: str) -> Iterator[str]:
    """Yield what is never torn apart: a wide character, or a word with the blank behind it."""
    word = ""
    for char in text:
        if unicodedata.east_asian_width(char) in "WF":
            if word:
                yield word
            yield char
            word = ""
            continue
        word += char
        if char in " -/":
            yield word
            word = ""
    if word:
        yield word
