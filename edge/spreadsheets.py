"""Cells of files for spreadsheets: text stays text, whatever a spreadsheet would make of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""Characters that begin a formula, in half and in full width: Excel for East Asia reads both."""
_BLANK: Final = " \u3000\u00a0"
_CHANGED: Final = re.compile(
    r"\s*(?:0[0-9]+|[0-9]{16,}|[0-9]+\.[0-9]*0|[0-9]+\.?[0-9]*[eE][+-]?[0-9]+|[0-9]{1,2}[-/][0-9]{1,2})\s*", re.ASCII
)
"""Texts that are read as a number or a day and come back changed: 007, 17 digits, 2026.10, 1e-000001, 3-12."""


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet reads as a formula or changes. A text that it would change gets a mark."""
    formula = text.lstrip(_BLANK)[:1] in _STARTS and bool(text.strip())
    return f"'{text}" if formula or _CHANGED.fullmatch(text) else text


def csv_file(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV (RFC 4180), with each text made harmless. A byte order mark lets spreadsheets read Chinese."""
    written = io.StringIO()
    table = csv.writer(written)
    for row in rows:
        table.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return "\ufeff" + written.getvalue()
