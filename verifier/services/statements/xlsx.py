"""A statement as a workbook: the same as the CSV, with figures as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.styles import Font

from cards.programme.types import Programme
from edge.spreadsheets import harmless
from verifier.services.statements.lines import DepartmentLine, settled_table


def department_xlsx(lines: Iterable[DepartmentLine], programme: Programme) -> bytes:
    """Return a department's month as a workbook, including corrections."""
    return workbook(settled_table(lines, programme))


def workbook(rows: Iterable[Sequence[str | int]]) -> bytes:
    """Return rows as a workbook, the first row as its head. No cell is a formula."""
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append([harmless(cell) if isinstance(cell, str) else cell for cell in row])
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"  # A text that begins with = is a text here too
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
