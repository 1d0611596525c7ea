"""The printed card: an ID-1 PDF of two pages, front and back, true to size (ISO/IEC 7810, 85.6 × 54 mm).

Colours and clouds follow a tier's rank and the programme's figures. Nothing about a district is fixed here. Measures
are millimetres from the left and from the top, as in a drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFontFace
from reportlab.pdfgen.canvas import Canvas

from cards.numbers import spaced
from cards.programme.types import Programme, Tier
from edge.fonts import FONTS
from edge.paper import canvas_of, font
from issuer.printing.cloud import cloud_path
from issuer.printing.drawing import draw_code
from issuer.printing.qr import Modules

WIDTH: Final = 85.6
HEIGHT: Final = 54.0
_QR_SIDE: Final = 31.4
_MARGIN: Final = 5.0
_PAPER: Final = HexColor("#fbfaf6")
_INK: Final = HexColor("#1f2623")
_EDGE: Final = HexColor("#857d6f")
_LEAST_NAME: Final = 3.4

# Where the clouds stand beside the tier's name, by their number: left, top, width in millimetres.
_CLOUDS: Final = {
    1: ((2.2, 0.6, 6.8),),
    2: ((0.0, 0.6, 5.2), (5.7, 2.6, 5.2)),
    3: ((3.2, 0.0, 4.4), (0.0, 3.4, 4.4), (6.3, 3.4, 4.4)),
}

_WORDS: Final = {
    "zh": {
        "number": "卡号",
        "until": "有效期至",
        "no-photo": "无照片",
        "heading": "使用须知",
        "notices": (
            "享受服务和待遇时请主动出示，仅限本人使用。",
            "扫此码须同时核对本人证件；手机动态码可免。",
            "遗失请立即致电发卡机关挂失。",
            "服务内容以最新服务指南为准。",
        ),
        "within": ("码内只有遮名、卡种、编号", "不含证件号码"),
        "issuer": "发卡机关：",
        "call": "咨询",
        "found": "拾到请寄回",
    },
    "en": {
        "number": "Number",
        "until": "Valid until",
        "no-photo": "no photo",
        "heading": "Please note",
        "notices": (
            "Show this card when you use a service.",
            "For the holder alone: have your ID with you.",
            "Lost? Call the issuer at once.",
            "The newest guide says what is offered.",
        ),
        "within": ("The code holds a masked name,", "tier and ids; no ID number"),
        "issuer": "Issued by ",
        "call": "Questions: ",
        "found": "Found? Please send it back.",
    },
}


class MissingGlyph(ValueError):
    """The font has no glyph for a character. Printing another character in a name would be worse than printing
    nothing.
    """

    def __init__(self, character: str) -> None:
        super().__init__(f"the font has no glyph for {character} (U+{ord(character):04X})")
        self.character = character


@dataclass(frozen=True, slots=True)
class Palette:
    """A tier's colours: the two ends of the gradient, and the ink on it."""

    begins: Color
    ends: Color
    ink: Color


# By rank, highest first. A programme with more tiers repeats the last.
_PALETTES: Final = (
    Palette(HexColor("#1d2b5e"), HexColor("#3d4f9e"), HexColor("#ffffff")),
    Palette(HexColor("#f2da98"), HexColor("#cfa246"), HexColor("#38250a")),
    Palette(HexColor("#eef1f3"), HexColor("#b7c1c9"), HexColor("#1d292f")),
)


@dataclass(frozen=True, slots=True)
class Face:
    """The content of the print. `photo` is a checked JPEG or None. `until` is the last day of validity. `modules` are
    those of the QR code.
    """

    name: str = field(repr=False)
    photo: bytes | None = field(repr=False)
    number: str
    tier: str
    until: date
    modules: Modules
    contactless: bool = False


def card_pdf(face: Face, programme: Programme, *, fonts: Path = FONTS) -> bytes:
    """Return the card as a PDF of two pages. Raises MissingGlyph with the character that the font in `fonts` lacks."""
    target = BytesIO()
    canvas = canvas_of(target, (WIDTH * mm, HEIGHT * mm), fonts)
    canvas.setTitle(f"{programme.name.in_language('en')} {spaced(face.number)}")
    side = _Side(canvas, fonts, programme.languages[0])
    _draw_front(side, face, programme)
    canvas.showPage()
    _draw_back(side, face, programme)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def palette_of(programme: Programme, tier: Tier) -> Palette:
    """Return a tier's colours by its rank among the programme's tiers."""
    above = sum(other.rank > tier.rank for other in programme.tiers.values())
    return _PALETTES[min(above, len(_PALETTES) - 1)]


class _Side:
    """A page measured in millimetres from the top left, with both weights of the font."""

    def __init__(self, canvas: Canvas, fonts: Path, language: str) -> None:
        self.canvas = canvas
        self.words = _WORDS["zh" if language.startswith("zh") else "en"]
        self._fonts = {bold: font("bold" if bold else "regular", fonts) for bold in (False, True)}

    def words_of(self, key: str) -> Sequence[str]:
        """Return a wording of several lines."""
        found = self.words[key]
        return (found,) if isinstance(found, str) else found

    def text(
        self,
        left: float,
        baseline: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        centred: bool = False,
        right: bool = False,
        spread: float = 0,
    ) -> None:
        """Write a line. `size` and `spread` (between characters) are in millimetres."""
        width = self.width(text, size, bold=bold) + spread * (len(text) - 1)
        start = left - width / 2 if centred else left - width if right else left
        line = self.canvas.beginText(start * mm, (HEIGHT - baseline) * mm)
        line.setFont(self._fonts[bold], size * mm)
        line.setCharSpace(spread * mm)
        line.textOut(text)
        self.canvas.drawText(line)

    def width(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return a line's width in millimetres. Raises MissingGlyph if it cannot be written."""
        font = self._fonts[bold]
        _check_glyphs(font, text)
        return pdfmetrics.stringWidth(text, font, size * mm) / mm

    def wrapped(self, text: str, size: float, width: float) -> list[str]:
        """Break a text into lines: at spaces if it has them, otherwise between characters, never before a full stop."""
        units = text.split(" ") if " " in text else list(text)
        joint = " " if " " in text else ""
        lines = [""]
        for unit in units:
            longer = f"{lines[-1]}{joint}{unit}" if lines[-1] else unit
            if lines[-1] and self.width(longer, size) > width and unit not in "，。；：、）":
                lines.append(unit)
            else:
                lines[-1] = longer
        return lines

    def box(self, left: float, top: float, width: float, height: float, *, fill: Color, radius: float = 0) -> None:
        """Fill a rectangle."""
        self.canvas.setFillColor(fill)
        self.canvas.roundRect(left * mm, (HEIGHT - top - height) * mm, width * mm, height * mm, radius * mm, 0, 1)

    def gradient(self, palette: Palette, height: float = HEIGHT) -> None:
        """Fill the page's width from its top, light to dark along a slant of 120 degrees."""
        canvas = self.canvas
        canvas.saveState()
        clip = canvas.beginPath()
        clip.rect(0, (HEIGHT - height) * mm, WIDTH * mm, height * mm)
        canvas.clipPath(clip, stroke=0, fill=0)
        canvas.linearGradient(
            WIDTH * 0.1 * mm, HEIGHT * 1.05 * mm, WIDTH * 0.9 * mm, -0.05 * HEIGHT * mm, (palette.begins, palette.ends)
        )
        canvas.restoreState()

    def cloud(self, left: float, top: float, width: float, fill: Color) -> None:
        """Fill one cloud of the given width."""
        self.canvas.setFillColor(fill)
        self.canvas.drawPath(cloud_path(self.canvas, left, top, width, HEIGHT), stroke=0, fill=1)


def _draw_front(side: _Side, face: Face, programme: Programme) -> None:
    tier = programme.tiers[face.tier]
    palette = palette_of(programme, tier)
    ink = palette.ink
    language = programme.languages[0]
    side.gradient(palette)
    side.cloud(46.6, 31, 46, Color(ink.red, ink.green, ink.blue, alpha=0.09))
    side.canvas.setFillColor(ink)
    _draw_kind(side, tier, language, ink)
    side.canvas.setFillColor(ink)
    title = programme.name.in_language(language)
    side.text(_MARGIN, 9.6, title, _fitting(side, title, 5.4, 46), bold=True, spread=0.2)
    side.text(_MARGIN, 13.6, programme.district.in_language(language), 2.5)
    _draw_photo(side, face)
    side.canvas.setFillColor(ink)
    _draw_name(side, face.name)
    until = face.until.isoformat()
    for baseline, key, value in ((34.6, "number", spaced(face.number)), (39.4, "until", until)):
        side.text(33, baseline, side.words_of(key)[0], 2.7)
        side.text(47, baseline, value, 2.9, bold=True)
    if face.contactless:
        _draw_waves(side, ink)


def _draw_kind(side: _Side, tier: Tier, language: str, ink: Color) -> None:
    name = tier.name.in_language(language)
    size = _fitting(side, name, 4.6, 24)
    right = WIDTH - _MARGIN
    side.canvas.setFillColor(ink)
    side.text(right, 9.2, name, size, bold=True, right=True)
    left = right - side.width(name, size, bold=True) - 12.6
    for across, down, width in _CLOUDS[max(1, min(tier.clouds, 3))]:
        side.cloud(left + across, 4.2 + down, width, ink)


def _draw_photo(side: _Side, face: Face) -> None:
    left, top, width, height = _MARGIN, 18.2, 23.5, 28.95
    side.box(left, top, width, height, fill=HexColor("#ffffff"), radius=1)
    if face.photo is None:
        side.canvas.setFillColor(_EDGE)
        side.text(left + width / 2, top + height / 2, side.words_of("no-photo")[0], 2.7, centred=True)
        return
    canvas = side.canvas
    canvas.saveState()
    clip = canvas.beginPath()
    clip.roundRect(left * mm, (HEIGHT - top - height) * mm, width * mm, height * mm, 1 * mm)
    canvas.clipPath(clip, stroke=0, fill=0)
    picture = ImageReader(BytesIO(face.photo))
    canvas.drawImage(picture, left * mm, (HEIGHT - top - height) * mm, width * mm, height * mm)
    canvas.restoreState()


def _draw_name(side: _Side, name: str) -> None:
    """Write the full name, the largest text on the card. A long name is smaller, and at last on two lines."""
    width = WIDTH - _MARGIN - 33
    size = _fitting(side, name, 7.6, width, least=_LEAST_NAME)
    if side.width(name, size, bold=True) <= width:
        side.text(33, 27.2, name, size, bold=True, spread=0.5 if len(name) <= 4 else 0)
        return
    for row, line in enumerate(side.wrapped(name, _LEAST_NAME * 1.08, width)[:3]):
        side.text(33, 21.4 + row * 3.9, line, _LEAST_NAME, bold=True)


def _draw_waves(side: _Side, ink: Color) -> None:
    """Draw the symbol of a contactless card."""
    canvas = side.canvas
    canvas.setStrokeColor(ink)
    canvas.setLineWidth(0.55 * mm)
    canvas.setLineCap(1)
    for radius in (1.5, 3.0, 4.5, 6.0):
        x, y = (73.4 - 0.2) * mm, (HEIGHT - 46) * mm
        canvas.arc(x - radius * mm, y - radius * mm, x + radius * mm, y + radius * mm, -32, 64)


def _draw_back(side: _Side, face: Face, programme: Programme) -> None:
    side.box(0, 0, WIDTH, HEIGHT, fill=_PAPER)
    side.gradient(palette_of(programme, programme.tiers[face.tier]), height=3)
    _draw_code(side, face.modules)
    side.canvas.setFillColor(_INK)
    for row, line in enumerate(side.words_of("within")):
        side.text(WIDTH - 4.5 - _QR_SIDE / 2, 38.2 + row * 2.8, line, 2.1, centred=True)
    side.text(_MARGIN, 8.6, side.words_of("heading")[0], 3.1, bold=True)
    baseline = 13.0
    for notice in side.words_of("notices"):
        side.text(_MARGIN + 0.4, baseline, "·", 2.5, bold=True)
        for line in side.wrapped(notice, 2.5, 39):
            side.text(_MARGIN + 2.4, baseline, line, 2.5)
            baseline += 3.7
        baseline += 0.4
    _draw_issuer(side, programme)


def _draw_issuer(side: _Side, programme: Programme) -> None:
    language = programme.languages[0]
    canvas = side.canvas
    canvas.setStrokeColor(_EDGE)
    canvas.setLineWidth(0.12 * mm)
    canvas.line(_MARGIN * mm, (HEIGHT - 43.6) * mm, (WIDTH - _MARGIN) * mm, (HEIGHT - 43.6) * mm)
    department = programme.departments.get(programme.second_reviewer or "")
    name = (department.name if department else programme.general_contact.label).in_language(language)
    address = department.address.in_language(language) if department and department.address else ""
    call = f"{side.words_of('call')[0]} {programme.general_contact.number}"
    lines = (f"{side.words_of('issuer')[0]}{name}", f"{address}　{call}　{side.words_of('found')[0]}".strip())
    canvas.setFillColor(_INK)
    for row, line in enumerate(lines):
        text = line if side.words is _WORDS["zh"] else line.replace("\u3000", "  ")
        side.text(_MARGIN, 47.0 + row * 3.5, text, _fitting(side, text, 2.4, WIDTH - 2 * _MARGIN, bold=False))


def _draw_code(side: _Side, modules: Modules) -> None:
    left, top = WIDTH - 4.5 - _QR_SIDE, 4.2
    side.box(left, top, _QR_SIDE, _QR_SIDE, fill=HexColor("#ffffff"))
    draw_code(side.canvas, modules, left * mm, (HEIGHT - top - _QR_SIDE) * mm, _QR_SIDE * mm)


def _fitting(side: _Side, text: str, size: float, width: float, *, bold: bool = True, least: float = 1.6) -> float:
    """Return the size, at most `size` and at least `least`, at which a line fits a width."""
    natural = side.width(text, size, bold=bold)
    return size if natural <= width else max(least, size * width / natural)


@cache
def _glyphs_of(font: str) -> frozenset[int]:
    """Return the code points that a registered font has glyphs for."""
    face: TTFontFace = pdfmetrics.getFont(font).face  # type: ignore[attr-defined]  # the stubs know Font alone
    return frozenset(face.charToGlyph)


def _check_glyphs(font: str, text: str) -> None:
    glyphs = _glyphs_of(font)
    for character in text:
        if ord(character) not in glyphs:
            raise MissingGlyph(character)
