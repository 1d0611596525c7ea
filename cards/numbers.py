"""Card numbers, which are printed on the card and read out on the telephone. They say nothing about the holder or the
card.

A number has the programme's prefix, ten random digits, and two check digits by ISO/IEC 7064 MOD 97-10, as in an IBAN.
MOD 11-2 needs only one check digit, but it may be an `X`, which a telephone's keypad lacks. MOD 97-10 also detects
every swap of neighbours and nearly every other error in two digits.
"""

from __future__ import annotations

import random
import re
import unicodedata

_RANDOM_DIGITS = 10
_PREFIX = re.compile(r"[A-Z0-9]{0,8}", re.ASCII)
_NUMBER = re.compile(r"([A-Z0-9]{0,8})(\d{10})(\d\d)", re.ASCII)
_LONGEST_TYPED = 64
# Separators that people and word processors write between groups of digits.
_BETWEEN = re.compile(r"[\s\u2010-\u2015\u2212\ufe63\uff0d_.·-]+")


class CardNumberError(ValueError):
    """The text is no card number: it is mistyped, or another programme's."""


def generate(prefix: str, rng: random.Random) -> str:
    """Return a new card number. `rng` is `random.SystemRandom()` outside tests. Raises ValueError for an unsuitable
    prefix.

    A prefix is at most eight capital letters and digits.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("a prefix is at most eight capital letters and digits")
    body = f"{prefix}{rng.randrange(10**_RANDOM_DIGITS):0{_RANDOM_DIGITS}d}"
    return f"{body}{98 - _number(body) * 100 % 97:02d}"


def check(text: str, prefix: str | None = None) -> str:
    """Return a typed card number as it is kept. Raises CardNumberError if the check digits disagree.

    Spaces, dashes, small letters and full-width characters are accepted. With `prefix`, the number of another programme
    is refused.
    """
    if len(text) > _LONGEST_TYPED:
        raise CardNumberError("too long for a card number")
    number = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()
    match = _NUMBER.fullmatch(number)
    if match is None:
        raise CardNumberError("a card number is its prefix and twelve digits")
    # 98 - r lies between 02 and 98: other spellings of the same remainder (00, 01, 99) are never written.
    if not 2 <= int(match[3]) <= 98 or _number(number) % 97 != 1:
        raise CardNumberError("the check digits do not agree: compare the number again")
    if prefix is not None and match[1] != prefix:
        raise CardNumberError("the number of another programme's card")
    return number


def spaced(number: str) -> str:
    """Return a card number in groups of four from its end, as it is printed."""
    head = len(number) % 4
    groups = [number[:head]] if head else []
    return " ".join(groups + [number[at : at + 4] for at in range(head, len(number), 4)])


def _number(text: str) -> int:
    """Return the number of ISO 7064: a letter counts as two digits, A = 10 to Z = 35."""
    return int("".join(str(int(character, 36)) for character in text))
