"""Undoes the changes that scanners, keyboards and messages make to a code on its way. The content of the code stays as
it is. Pure.

web/static/js/transport.js takes the same steps. Shared cases check that both agree (tests/cards/transport_cases.json).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from cards.parts import TEXT_MOST

_INSIDE: Final = re.compile("[\x00-\x1f\x7f\u200b\u200e\u200f\u2060\ufeff]")
_QUOTES: Final = "\"'\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u300c\u300d"
_SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Fa-f]")  # ISO/IEC 15424: `]Q1` before a QR code's text
_PACKED: Final = re.compile(r"YJ[0-9]{2}(:|%3A)", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"%([0-7][0-9A-Fa-f])")
_BEFORE_MOST: Final = 40


IN_TEXT: Final = re.compile(r"YJ(\d\d):(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
IN_DIGITS: Final = re.compile(r"93(\d\d)(\d+)", re.ASCII)
"""The wire form, trimmed: in base45, and in digits alone. The number of the dictionary, then the packed parts."""


def looks_packed(text: str) -> bool:
    """Return whether a trimmed text claims by its prefix to be a wire form. No plain token begins with this prefix."""
    return bool(IN_TEXT.match(text) or IN_DIGITS.fullmatch(text))


def undone(text: str) -> str:
    """Return a text with full-width letters made plain, without surroundings of the code, without a scanner's prefix,
    and without line breaks inside a wire form. No base45 text and no token contains the removed characters.
    """
    if len(text) > TEXT_MOST:
        return text.strip()
    plain = unicodedata.normalize("NFKC", text).strip().strip(_QUOTES)
    found_prefix = _SYMBOLOGY.match(plain)
    plain = plain if found_prefix is None else plain[found_prefix.end() :]
    found = _PACKED.search(plain)
    if found is None or found.start() > _BEFORE_MOST:
        return plain
    code = _INSIDE.sub("", plain[found.start() :])
    return (code if found[1] == ":" else _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), code)).strip()


def with_blanks(text: str) -> str | None:
    """Return a text with each `%20` turned back into a blank, or None for a text without `%20`."""
    return text.replace("%20", " ") if "%20" in text else None
