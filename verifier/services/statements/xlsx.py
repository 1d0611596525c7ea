"""A department's statement as a workbook: says what the CSV says, its figures as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable

from openpyxl import Workbook
from openpyxl.styles import Font

from cards.programme.types import Programme
from edge.spreadsheets import harmless
from verifier.services.statements.lines import DepartmentLine, settled_table


def department_xlsx(lines: Iterable[DepartmentLine], programme: Programme) -> bytes:
    """Return the workbook; no cell is a formula."""
    book = Workbook()
    sheet = book.worksheets[0]
    for row in settled_table(lines, programme):
        sheet.append([harmless(cell) if isinstance(cell, str) else cell for cell in row])
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"  # a text that begins with = is a text here too
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
