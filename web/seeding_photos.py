"""Demonstration data: pictures of no real person, drawn in the programme's size on a white ground."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from cards.programme.types import PhotoRule

_SKINS: Final = ("#e8bd96", "#dba67c", "#f0cda8", "#c98f66")
_COATS: Final = ("#2f4a6b", "#6b3340", "#2f5d4a", "#4a4458", "#6a5630")
_HAIR: Final = ("#20201f", "#3a2c22", "#2a2a33")
_USUAL: Final = (358, 441)


def drawn_photo(rule: PhotoRule | None, number: int) -> bytes:
    """Return the JPEG of an invented face, different for each number."""
    width, height = _USUAL if rule is None else (rule.width, rule.height)
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    skin, coat, hair = (colours[number % len(colours)] for colours in (_SKINS, _COATS, _HAIR))
    middle, top = width // 2, int(height * 0.2)
    half, tall = int(width * 0.2), int(height * 0.36)
    pen.ellipse((middle - half - 12, top - 26, middle + half + 12, top + tall // 2 + 40), fill=hair)
    pen.rectangle((middle - half // 2, top + tall - 40, middle + half // 2, top + tall + 40), fill=skin)
    pen.ellipse((middle - half, top, middle + half, top + tall), fill=skin)
    pen.chord((middle - half - 4, top - 16, middle + half + 4, top + tall // 2), 180, 360, fill=hair)
    for eye in (middle - half // 2, middle + half // 2):
        pen.ellipse((eye - 6, top + tall // 2 - 4, eye + 6, top + tall // 2 + 6), fill="#202020")
    mouth = top + int(tall * 0.72)
    pen.arc((middle - 20, mouth - 10, middle + 20, mouth + 12), 20, 160, fill="#8a3b34", width=4)
    pen.ellipse((middle - int(width * 0.38), top + tall + 12, middle + int(width * 0.38), height + tall), fill=coat)
    target = BytesIO()
    picture.save(target, "JPEG", quality=88)
    return target.getvalue()
