"""The meaning of a list's columns: headings as offices write them, cells as values. Pure: no file, no store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from cards import typed
from cards.programme.types import Programme
from issuer.applications.sheets import CellValue, SheetRow, Unreadable, day_of_serial
from issuer.register.identity import IdType

HEADING_ROWS: Final = 10
"""The headings must stand within this many rows. Titles may stand above them."""
_LEAST_KNOWN: Final = 2
_STARTS: Final = frozenset("=+-@＝＋－＠\t\r")
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("姓名", "name", "full name"),
    "id_type": ("证件类型", "证件种类", "id type", "document"),
    "id_number": (
        "证件号码",
        "证件号",
        "身份证号码",
        "身份证号",
        "身份证",
        "护照号码",
        "id number",
        "number of the id",
    ),
    "id_country": ("国籍", "签发国", "国家地区", "country"),
    "phone": ("手机号码", "手机", "手机号", "联系电话", "电话", "phone", "telephone"),
    "email": ("邮箱", "电子邮箱", "e-mail", "email"),
    "employer": ("单位", "单位名称", "工作单位", "所在单位", "用人单位", "企业名称", "employer"),
    "employer_kind": ("单位类别", "单位类型", "kind of employer"),
    "post": ("职务", "岗位", "职务岗位", "post", "position"),
    "ground": ("条件", "申领条件", "ground"),
    "limb": ("分项", "情形", "limb"),
    "basis_ends": ("到期日期", "到期日", "有效期至", "条件到期日", "ends", "last day"),
    "permit_ends": ("证件有效期", "证件有效期至", "许可到期日", "permit ends"),
    "channel": ("渠道", "来源", "channel"),
    "receipt": ("回执号", "受理号", "业务流水号", "receipt"),
}
"""The fields of a row, and the headings that offices use for each."""
DAYS: Final = frozenset({"basis_ends", "permit_ends"})
_ID_TYPES: Final[Mapping[str, IdType]] = {
    "居民身份证": IdType.RESIDENT_ID,
    "身份证": IdType.RESIDENT_ID,
    "二代身份证": IdType.RESIDENT_ID,
    "护照": IdType.PASSPORT,
    "passport": IdType.PASSPORT,
    "港澳居民来往内地通行证": IdType.HK_MACAO_PERMIT,
    "港澳通行证": IdType.HK_MACAO_PERMIT,
    "回乡证": IdType.HK_MACAO_PERMIT,
    "台湾居民来往大陆通行证": IdType.TAIWAN_PERMIT,
    "台胞证": IdType.TAIWAN_PERMIT,
}
_RESIDENT: Final = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_ROUNDED: Final = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]{1,2}", re.ASCII | re.IGNORECASE)
_DAY: Final = re.compile(r"([0-9]{4})(?:[-/.]|年)([0-9]{1,2})(?:[-/.]|月)([0-9]{1,2})日?", re.ASCII)
_DAY_DIGITS: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)


class BadCell(ValueError):
    """A cell that cannot be used. `code` names the reason, and the message gives the remedy without quoting the
    cell.
    """

    def __init__(self, code: str) -> None:
        super().__init__(REMEDIES[code])
        self.code = code


REMEDIES: Final[Mapping[str, str]] = {
    "missing": "nothing stands here, and it is needed",
    "id-as-number": "the number is stored as a number and has lost digits: format the column as text and type it anew",
    "formula-start": "the text begins like a formula: take the first character away",
    "formula": "a formula stands here: paste its value",
    "error-value": "an error value stands here: write what it should be",
    "time-of-day": "a time of day stands here: write the day alone",
    "too-long": "the text is too long",
    "no-day": "no day: write 2026-12-31",
    "no-text": "a day stands here, and a text is asked for",
    "id-type": "say which document it is: 居民身份证, 护照, 港澳居民来往内地通行证 or 台湾居民来往大陆通行证",
    "employer-kind": "no kind of employer of the programme",
    "differs": "this line was taken in before, and said something else: leave the row out, and tell the first review",
    "twice-differs": "the same person stands in an earlier row with other details: leave one of the rows out",
    "ground": "no ground of the programme: write its code, such as gold-6",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The column of each field, from 0. `measures` are the columns of figures. `headings` are those of the file."""

    row: int
    fields: Mapping[str, int]
    measures: Mapping[str, int]
    headings: tuple[str, ...]
    ignored: tuple[str, ...]

    def heading(self, field: str) -> str:
        """Return a field's heading in the file, or the office's usual word if the file has none."""
        place = self.fields.get(field, self.measures.get(field))
        if place is None:
            return NAMES[field][0] if field in NAMES else field
        return self.headings[place]


class NoColumns(ValueError):
    """The headings cannot be used. `code` is `no-headings`, `missing-column` or `column-twice`, and `names` are the
    columns.
    """

    def __init__(self, code: str, names: Iterable[str] = ()) -> None:
        self.code, self.names = code, tuple(names)
        super().__init__(f"{code}: {', '.join(self.names)}" if self.names else code)


def columns_of(programme: Programme, row: SheetRow) -> Columns | None:
    """Return the columns of a row of headings, or None for a row without headings.

    Raises NoColumns if one heading stands twice.
    """
    known = {_plain(word): name for name, words in NAMES.items() for word in (name, *words)}
    figures = {
        _plain(word): code
        for code, text in programme.applying.measures.items()
        for word in (code, text.zh, text.en)
        if word
    }
    fields: dict[str, int] = {}
    measures: dict[str, int] = {}
    headings = tuple("" if not isinstance(cell, str) else cell for cell in row.cells)
    twice, ignored = [], []
    for place, heading in enumerate(headings):
        plain = _plain(heading)
        name = known.get(plain) or figures.get(plain)
        if name is None:
            ignored += [heading] if heading else []
            continue
        target = fields if plain in known else measures
        twice += [heading] if name in target else []
        target[name] = place
    if len(fields) < _LEAST_KNOWN:
        return None
    if twice:
        raise NoColumns("column-twice", twice)
    return Columns(row.number, fields, measures, headings, tuple(ignored))


def _plain(heading: str) -> str:
    return re.sub(r"[\s*＊:：()（）、/]", "", heading).casefold()


def cell_text(cell: CellValue | Unreadable) -> str:
    """Return a cell as text; a whole number has no fraction. Raises BadCell for a cell that holds no text."""
    if isinstance(cell, Unreadable):
        raise BadCell(cell.code)
    if cell is None:
        return ""
    if isinstance(cell, date):
        raise BadCell("no-text")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell)
    if text[:1] in _STARTS:
        raise BadCell("formula-start")
    return text


def number_of(cell: CellValue | Unreadable) -> str:
    """Return an identity number.

    Raises BadCell for a cell that a spreadsheet keeps as a number, because numbers keep only 15 digits.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        raise BadCell("id-as-number")
    text = cell_text(cell).removeprefix("'")
    if _ROUNDED.fullmatch(text):
        raise BadCell("id-as-number")
    return text


def phone_of(cell: CellValue | Unreadable) -> str:
    """Return a telephone number. A plus before the country code is not a formula."""
    if isinstance(cell, str) and cell.startswith(("+", "＋")) and typed.phone(cell) is not None:
        return cell
    return cell_text(cell)


def cell_day(cell: CellValue | Unreadable) -> date | None:
    """Return a day as an office or Excel writes it, or None for an empty cell. Raises BadCell for anything else."""
    if cell is None or isinstance(cell, date):
        return cell
    if isinstance(cell, (int, float)):
        found = day_of_serial(cell) if cell < 10_000_000 else _day(str(int(cell)))
        if found is None:
            raise BadCell("no-day")
        return found
    day = _day(cell_text(cell))
    if day is None:
        raise BadCell("no-day")
    return day


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text) or _DAY_DIGITS.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def id_type_of(text: str, number: str) -> IdType:
    """Return the kind of document in a row. If none is named, a number with the form of a resident ID is a resident
    ID.
    """
    if not text:
        if _RESIDENT.fullmatch(number.strip().upper()):
            return IdType.RESIDENT_ID
        raise BadCell("id-type")
    found = _ID_TYPES.get(text.casefold())
    if found is not None:
        return found
    try:
        return IdType(text)
    except ValueError:
        raise BadCell("id-type") from None


def employer_kind_of(programme: Programme, text: str) -> str:
    """Return the code of a kind of employer, given by code or in words, or an empty text if nothing is given."""
    named = {word: code for code, said in programme.employers.items() for word in (code, said.zh, said.en)}
    if text and text not in named:
        raise BadCell("employer-kind")
    return named.get(text, "")


def ground_of_text(programme: Programme, text: str) -> tuple[str, str]:
    """Return the ground and limb in `gold-6`, `gold-6.a`, or `金卡第6项`. The limb is empty if none is named."""
    code, _, limb = text.strip().casefold().partition(".")
    if code in programme.grounds:
        return code, limb
    match = re.fullmatch(r"(.+?)第?([0-9]{1,2})[项条]?", text.replace(" ", ""))
    for tier in programme.tiers.values() if match else ():
        if match is not None and match[1] in {tier.name.zh, tier.name.en, tier.code}:
            wanted = f"{tier.code}-{int(match[2])}"
            if wanted in programme.grounds:
                return wanted, ""
    raise BadCell("ground")
