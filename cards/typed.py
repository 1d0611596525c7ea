"""Typed text in one spelling: one function for each kind of field.

Pages, API and commands use the same functions; pure. The scripts' counterpart is web/static/js/typed.js, and shared
cases check that both agree (tests/cards/typed_cases.json).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice, permutations
from typing import Final

from cards.names import mask

_READ_ALIKES: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\u30fc\u2500", "-"))
_BLANKS: Final = str.maketrans(dict.fromkeys("\x1c\x1d\x1e\x1f\x85\ufeff", " "))
"""What Python alone, or scripts alone, take for white space: a blank to both."""
_PLAIN: Final = {chr(odd): usual for odd, usual in {**_DASHES, **_BLANKS}.items()}
_ODD: Final = frozenset(_PLAIN)
_DOTS: Final = "\u00b7\u2022\u30fb\u2027\u2219\u22c5\u25cf."
_BETWEEN_PLATE: Final = re.compile(rf"[\s{re.escape(_DOTS)}-]+")
_EXTENSION: Final = re.compile(r"(?:转|轉|分机|分機|ext\.?|x|#)\s*([0-9]{1,6})$", re.IGNORECASE)
_DASHED_EXTENSION: Final = re.compile(r"((?:0[0-9]{2,3}-)?[1-9][0-9]{6,7})-([0-9]{1,5})")
_PHONE: Final = re.compile(r"\+?[0-9]{5,15}")
_MOBILE: Final = re.compile(r"1[0-9]{10}")
_LANDLINE: Final = re.compile(r"(010|02[0-9]|0[3-9][0-9]{2})([0-9]{7,8})")
_HAN: Final = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANGXI: Final = re.compile(r"[\u2f00-\u2fd5\u2e9f\u2ef3]+")
_RADICALS: Final = str.maketrans(
    "⺠⻁⻄⻅⻆⻉⻋⻑⻓⻔⻘⻙⻚⻛⻜⻝⻢⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰",
    "民虎西见角贝车長长门青韦页风飞食马鬼鱼鸟卤麦黄黾齐齿龙",
)
"""Radicals whose character is missing from Unicode's own tables for this (EquivalentUnifiedIdeograph.txt has them)."""
_WORDS_MOST: Final = 5
_AREA_MOST: Final = 4


def plain(text: str) -> str:
    """Return a text with full-width letters, digits and dashes made plain, and without white space around it."""
    spelled = unicodedata.normalize("NFKC", text)
    for odd in _ODD.intersection(spelled):  # A table is looked up for each character of a Han text: slow in a long one
        spelled = spelled.replace(odd, _PLAIN[odd])
    return spelled.strip()


def code(text: str) -> str:
    """Return a code read from paper or a screen: upper case, without separators, with similar letters corrected (I, L,
    O, U).
    """
    return "".join(letter for letter in plain(text).upper() if letter.isalnum()).translate(_READ_ALIKES)


def digits(text: str) -> str:
    """Return a typed number, such as a PIN or a staff number: plain, without blanks and dashes."""
    return re.sub(r"[\s-]+", "", plain(text))


def phone(text: str) -> str | None:
    """Return a telephone number in one spelling: `13800000000`, `020-86132888`, `020-86132888-8001` with its extension,
    `+85221234567` from abroad. Return None for a text that is no number.

    People's spellings are accepted: brackets, blanks, dashes, 转 or ext before the extension, +86.
    """
    written, extension = _extension_apart(plain(text))
    number = re.sub(r"[\s().-]+", "", written)
    number = re.sub(r"^(?:\+|00)86(?=[0-9]{8,})", "+86", number)
    if number.startswith("+86"):
        rest = number[3:]
        number = rest if _MOBILE.fullmatch(rest) or rest.startswith("0") else f"0{rest}"
    if not _PHONE.fullmatch(number):
        return None
    landline = None if _MOBILE.fullmatch(number) else _LANDLINE.fullmatch(number)
    spelled = number if landline is None else f"{landline[1]}-{landline[2]}"
    return spelled if extension is None else f"{spelled}-{extension}"


def dialled(number: str) -> str:
    """Return a number in the register's spelling: digits alone, with an extension behind a dash."""
    area, _, rest = number.partition("-")
    return area + rest if area.startswith("0") and len(area) <= _AREA_MOST else number


def _extension_apart(text: str) -> tuple[str, str | None]:
    found = _EXTENSION.search(text)
    if found is not None:
        return text[: found.start()].rstrip(" ,;-"), found[1]
    bare = re.sub(r"[\s()]+", "", text.replace(")", "-") if text.startswith("(") else text).strip("-")
    dashed = _DASHED_EXTENSION.fullmatch(re.sub("-+", "-", bare))
    return (text, None) if dashed is None else (dashed[1], dashed[2])


def by_pattern(text: str, pattern: str | None) -> str:
    """Return a text in the form of its field's pattern: a flight `cz 3101` becomes `CZ3101` if no small letter fits.

    A text that fits already stays as it is, and so does a text that no change of case and blanks makes fit.
    """
    given = unicodedata.normalize("NFC", text).translate(_BLANKS).strip()
    if pattern is None or re.fullmatch(pattern, given):
        return given
    for candidate in (plain(text), re.sub(r"\s+", "", plain(text)).upper(), re.sub(r"[\s-]+", "", plain(text)).upper()):
        if re.fullmatch(pattern, candidate):
            return candidate
    return given


def plate(text: str) -> str:
    """Return a number plate without dots, dashes and blanks, in capitals: 粤A•12345 → 粤A12345."""
    return _BETWEEN_PLATE.sub("", plain(text).upper())


def characters(text: str) -> str:
    """Return a text with radicals replaced by the characters that they look like: ⼩ (from a PDF or a scan) is 小, ⻰
    is 龙.
    """
    return _KANGXI.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text).translate(_RADICALS)


def name(text: str) -> str:
    """Return a person's name with one blank between words, and none inside a Han name. Radicals become characters."""
    words = characters(unicodedata.normalize("NFC", text).translate(_BLANKS)).split()
    joined = " ".join(words)
    return "".join(words) if _HAN.search(joined) and not re.search(r"[A-Za-z]", joined) else joined


def same_name(one: str, other: str) -> bool:
    """Return whether two spellings are one person's name. Case, order of Latin words, blanks and dots do not matter.

    A name in Latin letters may be the passport's spelling of a Han name. Which letters belong to which character cannot
    be known here, so staff compare the document.
    """
    return _key(one) == _key(other) or _is_han(one) != _is_han(other)


def fits_mask(text: str, masked: str) -> bool:
    """Return whether a name fits a card's masked name, in any case, order and passport spelling."""
    if _is_han(text) != _is_han(masked):
        return not _is_han(text)
    return masked.casefold() in masks_of(text)


def masks_of(text: str) -> frozenset[str]:
    """Return how a card may mask a typed name, without regard to case: as typed, and a Latin name in each order of its
    words. Empty for a text without any character.
    """
    spelled = name(text)
    words = spelled.split()
    if not words:
        return frozenset()
    if _is_han(text) or len(words) > _WORDS_MOST:
        return frozenset({mask(spelled).casefold()})
    return frozenset(mask(" ".join(order)).casefold() for order in islice(permutations(words), 120))


def _is_han(text: str) -> bool:
    return _HAN.search(text) is not None


def _key(text: str) -> tuple[str, ...]:
    spelled = re.sub(rf"[{re.escape(_DOTS)}]+", "·", name(unicodedata.normalize("NFKC", text))).casefold()
    return (spelled,) if _is_han(spelled) else tuple(sorted(re.split(r"[\s,]+", spelled)))
