"""What a person typed is never a formula in a spreadsheet."""

import pytest

from edge.spreadsheets import harmless


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\u3000＝", "\u00a0+"]
)
def test_what_begins_like_a_formula_is_marked_as_text(start):
    """In half and full width, behind blanks too."""
    assert harmless(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"


@pytest.mark.parametrize("text", ["", "王芸", "a=b", "2026-11-02", "  ", "白云大道南118号"])
def test_other_text_stays_as_it_is(text):
    """Nothing is added to what is harmless."""
    assert harmless(text) == text
