"""Cells of files for spreadsheets: text stays text, whatever a spreadsheet would take it for."""

from __future__ import annotations

from typing import Final

_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""What begins a formula, in half and in full width: Excel for East Asia reads both alike."""
_BLANK: Final = " \u3000\u00a0"


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: what begins like one is marked as text."""
    return f"'{text}" if text.lstrip(_BLANK)[:1] in _STARTS and text.strip() else text
