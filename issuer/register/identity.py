"""Identity documents by type: the form of their numbers, and one spelling of each number. No store, no clock.

A number with an older and a newer spelling has one normal form, so that nobody is registered twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"
# GB/T 2260: provinces, municipalities, autonomous regions; 71 and 81 to 83 stand on residence permits of Taiwan,
# Hong Kong and Macao residents. A first digit 9 marks a foreigner's permanent residence card (since 2023).
_REGION: Final = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9\d", re.ASCII)
_EARLIEST_BIRTH: Final = date(1900, 1, 1)
_RESIDENT: Final = re.compile(r"\d{17}[\dX]", re.ASCII)
# A foreigner's permanent residence card as it was issued until 2023 and is used until it expires: country, four digits
# of the region, date of birth (two digits of the year), a number, a check digit. The issuer never published how the
# check digit is made. Some sources say that it is the 7-3-1 digit of ICAO Doc 9303 over the 14 characters before; no
# specimen shows it. So it is not checked: a wrong rule would refuse real holders (docs/office.md).
_OLDER_RESIDENCE: Final = re.compile(r"[A-Z]{3}\d{4}(\d{6})\d{2}", re.ASCII)
_PASSPORT: Final = re.compile(r"[A-Z0-9]{5,12}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_HK_MACAO: Final = re.compile(r"([HM]\d{8})(?:\d{2})?", re.ASCII)
_TAIWAN: Final = re.compile(r"(\d{8})(?:\d{2}[A-Z]?)?", re.ASCII)
_DASHES: Final = dict.fromkeys(map(ord, "-‐‑‒–—―−()\u00b7."), None)


class IdType(StrEnum):
    """The identity documents that an application may rest on (document 2 of the guide, in three variants)."""

    RESIDENT_ID = "resident-id"
    PASSPORT = "passport"
    HK_MACAO_PERMIT = "hk-macao-permit"
    TAIWAN_PERMIT = "taiwan-permit"


class BadIdentity(ValueError):
    """The number does not have the form of its type. The message says what is wrong and never quotes the number."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A checked identity. `number` is in its normal form, and no `repr` shows it. `country` is for a passport, three
    letters.
    """

    kind: IdType
    number: str = field(repr=False)
    country: str = ""

    @property
    def unique_text(self) -> str:
        """The text that is unique to this identity. It is hashed under a key, and never stored as it is."""
        return f"{self.kind}|{self.country}|{self.number}"

    @property
    def last_four(self) -> str:
        """The last four characters, which a phone's enrolment asks for."""
        return self.number[-4:]

    @property
    def masked(self) -> str:
        """The number for people: all characters except the first and the last two are stars."""
        if not self.number:  # The identity of an erased holder
            return ""
        return f"{self.number[0]}{'*' * (len(self.number) - 3)}{self.number[-2:]}"


def check_identity(kind: IdType, number: str, *, today: date, country: str | None = None) -> Identity:
    """Return the checked identity in normal form. Raises BadIdentity if the number does not have the form of its type
    on `today`.

    `country` is required for a passport, and refused for other documents.
    """
    text = _normal(number)
    if kind is IdType.PASSPORT:
        return _passport(text, country)
    if country:
        raise BadIdentity("only a passport is given with a country")
    if kind is IdType.RESIDENT_ID:
        _check_resident_id(text, today)
        return Identity(kind, text)
    return Identity(kind, _PERMITS[kind](text))


def last_four(text: str) -> str:
    """Return the typed last four characters in the spelling of `Identity.last_four`."""
    return _normal(text)


def _normal(text: str) -> str:
    # Full-width digits, spaces and hyphens come from other systems' exports. A Cyrillic Х is not a Latin X and stays.
    folded = unicodedata.normalize("NFKC", text).upper().translate(_DASHES)
    return "".join(folded.split())


def _check_resident_id(text: str, today: date) -> None:
    """Check by GB 11643-1999: region, date of birth, sequence, and an ISO 7064 MOD 11-2 check character.

    A foreigner's permanent residence card counts as a resident ID: since 2023 it has the same 18 characters.
    """
    if len(text) == 15 and text.isascii() and text.isdigit():
        raise BadIdentity("resident IDs of 15 digits ended in 2013; the card shows 18 characters")
    if older := _OLDER_RESIDENCE.fullmatch(text):
        _check_short_birth(older[1], today)
        return
    if not _RESIDENT.fullmatch(text):
        raise BadIdentity(
            "a resident ID has 17 digits and a check character, a digit or X; a foreigner's older residence card three "
            "letters and 12 digits"
        )
    if not _REGION.fullmatch(text[:2]):
        raise BadIdentity("the first two digits of the resident ID name no region")
    _check_birth(text[6:14], today)
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
    if text[17] != _CHECK[total % 11]:
        raise BadIdentity("the check character of the resident ID does not fit: look for a mistyped digit")


def _check_birth(text: str, today: date) -> None:
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise BadIdentity("the date of birth in the resident ID does not exist") from None
    if not _EARLIEST_BIRTH <= born <= today:
        raise BadIdentity("the date of birth in the resident ID is not plausible")


def _check_short_birth(text: str, today: date) -> None:
    """Check a date of birth with two digits of the year: this century or the last, whichever is plausible."""
    try:
        _check_birth(f"20{text}", today)
    except BadIdentity:
        _check_birth(f"19{text}", today)


def _passport(text: str, country: str | None) -> Identity:
    state = _normal(country or "")
    if not _COUNTRY.fullmatch(state):
        raise BadIdentity("a passport needs its country as three letters, such as DEU")
    if not _PASSPORT.fullmatch(text) or not any(char.isdigit() for char in text):
        raise BadIdentity("a passport number has 5 to 12 letters and digits")
    return Identity(IdType.PASSPORT, text, state)


def _hk_macao_permit(text: str) -> str:
    """Check H or M and eight digits, for life. The permits before 2013 add two digits that count renewals."""
    match = _HK_MACAO.fullmatch(text)
    if match is None:
        raise BadIdentity("a Hong Kong or Macao permit has H or M and eight digits (or ten on older permits)")
    return match[1]


def _taiwan_permit(text: str) -> str:
    """Check eight digits, for life. The booklets before 2015 add two digits and a letter that count renewals."""
    match = _TAIWAN.fullmatch(text)
    if match is None:
        raise BadIdentity("a Taiwan permit has eight digits (or ten and a letter on older booklets)")
    return match[1]


_PERMITS: Final[Mapping[IdType, Callable[[str], str]]] = {
    IdType.HK_MACAO_PERMIT: _hk_macao_permit,
    IdType.TAIWAN_PERMIT: _taiwan_permit,
}
