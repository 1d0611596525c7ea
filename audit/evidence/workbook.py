"""Workbooks (ECMA-376, XLSX) of plain tables, written row by row: memory stays flat, and the cost of a row is the cost
of its text.

Every text is written with the type text, so that no cell is ever a formula.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Final
from xml.sax.saxutils import escape

_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # Characters that XML 1.0 cannot hold
_AT_ONCE: Final = 500


def write_workbook(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]], rows_a_sheet: int) -> int:
    """Write a table: whole numbers as numbers, everything else as text. A new sheet begins when a sheet is full. Return
    the number of rows.
    """
    left, count, sheets = iter(rows), 0, 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for sheet in _sheets(left, rows_a_sheet):
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w") as out:
                count += _write_sheet(out, heads, sheet)
        for name, text in _frame(sheets):
            book.writestr(name, _HEAD + text)
    return count


def _sheets(left: Iterator[Sequence[object]], size: int) -> Iterator[Iterator[Sequence[object]]]:
    """Yield the rows of each sheet in turn, at least one sheet. Read each sheet to its end before the next."""
    yield islice(left, size)
    for first in left:
        yield chain([first], islice(left, size - 1))


def _write_sheet(out: IO[bytes], heads: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
    out.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{_row(heads)}'.encode())
    count = 0
    while some := list(islice(rows, _AT_ONCE)):
        out.write("".join(map(_row, some)).encode())
        count += len(some)
    out.write(b"</sheetData></worksheet>")
    return count


def _row(values: Sequence[object]) -> str:
    return f"<row>{''.join(map(_cell, values))}</row>"


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<c><v>{value}</v></c>"
    text = _UNWRITABLE.sub("", str(value))
    if not text:
        return "<c/>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _frame(sheets: int) -> Iterator[tuple[str, str]]:
    """Yield the files around the sheets: their types and their list."""
    numbers = range(1, sheets + 1)
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for number in numbers
    )
    kinds = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    )
    yield "[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types">{kinds}{parts}</Types>'
    yield "_rels/.rels", _links([(1, "officeDocument", "xl/workbook.xml")])
    yield "xl/_rels/workbook.xml.rels", _links((n, "worksheet", f"worksheets/sheet{n}.xml") for n in numbers)
    listed = "".join(f'<sheet name="{number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers)
    yield "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'


def _links(targets: Iterable[tuple[int, str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for number, kind, target in targets
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'
