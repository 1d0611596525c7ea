"""What a person typed is never a formula in a spreadsheet."""

import pytest

from edge.spreadsheets import harmless


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\u3000＝", "\u00a0+"]
)
def test_what_begins_like_a_formula_is_marked_as_text(start):
    """In half and full width, behind blanks too."""
    assert harmless(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"


@pytest.mark.parametrize("text", ["007", "12345678901234567", "1e-000001", "1E5", "2026.10", "3-12", "11/2", " 007 "])
def test_a_number_that_a_spreadsheet_would_change_is_marked_as_text(text):
    """A leading nought, digits beyond the fifteenth, an exponent and a short day are lost otherwise."""
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "王芸", "a=b", "2026-11-02", "  ", "白云大道南118号", "13800000000", "42", "0", "2026.1", "entry:1e-000001"],
)
def test_other_text_stays_as_it_is(text):
    """Nothing is added to what is harmless."""
    assert harmless(text) == text
