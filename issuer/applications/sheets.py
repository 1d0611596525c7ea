"""Rows of a file from an office: CSV as Excel saves it (UTF-8, GB18030) and XLSX. Rows are read one at a time.

A file from outside is not trusted: its size, its unpacked size, its rows and its cells are limited. Macros, formulas,
links to other files and declarations in its XML are refused. A cell gives its value; another module reads the meaning.
"""

from __future__ import annotations

import codecs
import csv
import io
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import BinaryIO, Final

from openpyxl import load_workbook
from openpyxl.utils.datetime import from_excel

FILE_MOST: Final = 64 << 20
"""The greatest size of a file, in bytes."""
INFLATED_MOST: Final = 512 << 20
TEXTS_MOST: Final = 96 << 20
"""The greatest size of the texts that an XLSX file stores apart from its cells, in bytes: they are held in memory."""
ROWS_MOST: Final = 200_000
COLUMNS_MOST: Final = 100
CELL_MOST: Final = 500
_PIECE: Final = 1 << 16
_RATIO_MOST: Final = 200
_ENTRIES_MOST: Final = 500
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ACTIVE: Final = re.compile(
    r"vbaproject|macrosheets/|externallinks/|embeddings/|activex/|oleobject|connections\.xml", re.IGNORECASE
)
_DECLARED: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, RuntimeError),
    *(SyntaxError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
)
"""What a broken file makes the readers of ZIP, XML and workbooks raise: each kind was met, or the readers document it.

XML that is not well formed is a SyntaxError of either XML reader, whichever openpyxl finds installed.
"""
_FIRST_SERIAL, _LAST_SERIAL = 1, 2_958_465  # 1900-01-01 to 9999-12-31

CellValue = str | int | float | date | None
"""A text, a number or a day as in the file, or None for an empty cell."""


class BadSheet(ValueError):
    """A file that cannot be read. `code` names the reason, the message gives the remedy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that cannot be used: a formula, an error value, too much text. `code` names the reason."""

    code: str


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row: its number in the file, from 1, and its cells from the left."""

    number: int
    cells: tuple[CellValue | Unreadable, ...]

    @property
    def empty(self) -> bool:
        """Return whether the row is empty."""
        return all(cell is None for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Sheet:
    """An opened file: its kind (`csv utf-8`, `csv gb18030`, `xlsx`) and its rows, which can be read once."""

    form: str
    rows: Iterator[SheetRow]


@contextmanager
def open_sheet(file: BinaryIO) -> Iterator[Sheet]:
    """Open a file by its content, not by its name. Raises BadSheet for a file that cannot be read."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > FILE_MOST:
        raise BadSheet("too-large", f"the file has more than {FILE_MOST >> 20} MB: split it")
    if not size:
        raise BadSheet("empty", "the file is empty")
    head = file.read(8)
    file.seek(0)
    if head == _OLE:
        raise BadSheet("old-excel", "this is an old .xls file or has a password: save it as .xlsx without one")
    if head.startswith(b"PK"):
        _refuse_unsafe(file)
        form, rows = "xlsx", _xlsx_rows(file)
    else:
        encoding = _encoding(file)
        file.seek(0)
        form, rows = f"csv {encoding.removesuffix('-sig')}", _csv_rows(file, encoding)
    try:
        yield Sheet(form, _bounded(rows))
    finally:
        rows.close()


def _bounded(rows: Iterator[SheetRow]) -> Iterator[SheetRow]:
    for row in rows:
        if row.number > ROWS_MOST:
            raise BadSheet("too-many-rows", f"the file has more than {ROWS_MOST} rows: split it")
        if len(row.cells) > COLUMNS_MOST:
            raise BadSheet("too-many-columns", f"row {row.number} has more than {COLUMNS_MOST} columns")
        yield row


# -- CSV ---------------------------------------------------------------------------------------------------------------


def _encoding(file: BinaryIO) -> str:
    """Return the encoding of a text file. A file that decodes as UTF-8 to its end is UTF-8."""
    head = file.read(4)
    file.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadSheet("utf-16", "the file is Unicode text (UTF-16): save it as CSV UTF-8, or as .xlsx")
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    for encoding in ("utf-8", "gb18030"):
        if _decodes(file, encoding):
            return encoding
    raise BadSheet("encoding", "the text is neither UTF-8 nor GB18030: save it as CSV UTF-8, or as .xlsx")


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _csv_rows(file: BinaryIO, encoding: str) -> Generator[SheetRow, None, None]:
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        start = text.read(_PIECE)
        if "\0" in start:
            raise BadSheet("not-text", "this is no CSV file and no .xlsx file")
        line = start.split("\n", 1)[0]
        delimiter = max(",;\t", key=line.count)
        text.seek(0)
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        for number, cells in enumerate(reader, start=1):
            yield SheetRow(number, tuple(_text_cell(cell) for cell in cells))
    except UnicodeDecodeError:
        raise BadSheet("encoding", "the text is broken: save it as CSV UTF-8, or as .xlsx") from None
    except csv.Error:
        raise BadSheet("bad-csv", "the quotation marks do not match: save it again from the spreadsheet") from None
    finally:
        text.detach()


def _text_cell(text: str) -> CellValue | Unreadable:
    plain = text.strip().strip("\u3000\u00a0").strip()
    if len(plain) > CELL_MOST:
        return Unreadable("too-long")
    return plain or None


# -- XLSX --------------------------------------------------------------------------------------------------------------


def _refuse_unsafe(file: BinaryIO) -> None:
    """Refuse decompression bombs, macros, links to other files and XML declarations before the file is parsed."""
    try:
        with zipfile.ZipFile(file) as archive:
            _look_inside(archive)
    except BadSheet:
        raise
    except _BROKEN:
        raise BadSheet("bad-xlsx", "the file is no .xlsx file, or is broken: save it again") from None
    file.seek(0)


def _look_inside(archive: zipfile.ZipFile) -> None:
    found = archive.infolist()
    _refuse_sizes(found)
    for one in found:
        if _ACTIVE.search(one.filename):
            raise BadSheet("active", "macros, embedded files and links to other files are not taken: save as .xlsx")
        if one.filename.endswith((".xml", ".rels")):
            _refuse_declarations(archive, one)
    if b"macroEnabled" in archive.read("[Content_Types].xml"):
        raise BadSheet("active", "a workbook with macros is not taken: save it as .xlsx")


def _refuse_sizes(found: list[zipfile.ZipInfo]) -> None:
    """Check the sizes in the headers. A member is never unpacked beyond its header's size, so the headers can be
    believed.
    """
    total = sum(one.file_size for one in found)
    packed = sum(one.compress_size for one in found)
    texts = sum(one.file_size for one in found if one.filename.casefold().endswith("sharedstrings.xml"))
    if len(found) > _ENTRIES_MOST or total > INFLATED_MOST or total > _RATIO_MOST * max(packed, 1) + (1 << 20):
        raise BadSheet("bomb", "the file unpacks to far more than it holds: save the list alone into a new file")
    if texts > TEXTS_MOST:
        raise BadSheet("too-large", "the file holds too much text: split it, or save it as CSV UTF-8")


def _refuse_declarations(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> None:
    """Refuse document types and entities, which no workbook needs, and XML that is not UTF-8, which could hide them."""
    tail = b""
    with archive.open(one) as member:
        while piece := member.read(_PIECE):
            if b"\0" in piece or _DECLARED.search(tail + piece):
                raise BadSheet("active", "the file holds XML that no spreadsheet writes: save it again")
            tail = piece[-16:]


def _xlsx_rows(file: BinaryIO) -> Generator[SheetRow, None, None]:
    try:
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                yield SheetRow(number, _trimmed(tuple(_cell(one) for one in cells)))
        finally:
            book.close()
    except BadSheet:
        raise
    except _BROKEN:
        raise BadSheet("bad-xlsx", "the workbook cannot be read: save it again as .xlsx") from None


def _trimmed(cells: tuple[CellValue | Unreadable, ...]) -> tuple[CellValue | Unreadable, ...]:
    while cells and cells[-1] is None:
        cells = cells[:-1]
    return cells


def _cell(cell: object) -> CellValue | Unreadable:
    value, kind = getattr(cell, "value", None), getattr(cell, "data_type", "n")
    if kind == "f" or (isinstance(value, str) and kind != "s" and value.startswith("=")):
        return Unreadable("formula")
    if kind == "e":
        return Unreadable("error-value")
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.date() if value.time() == datetime.min.time() else Unreadable("time-of-day")
    if isinstance(value, str):
        return _text_cell(value)
    if isinstance(value, float) and not math.isfinite(value):  # `1e999` is a number to a workbook, and none to a sum
        return Unreadable("error-value")
    return value if isinstance(value, (int, float, date)) else None if value is None else Unreadable("time-of-day")


def day_of_serial(serial: float) -> date | None:
    """Return the day that Excel stores as a number, or None for a number that is no whole day."""
    if not float(serial).is_integer() or not _FIRST_SERIAL <= serial <= _LAST_SERIAL:
        return None
    found = from_excel(int(serial))
    return found.date() if isinstance(found, datetime) else None
