"""Many cards on sheets of A4: fronts on one page, backs on the next, mirrored so that they match in duplex printing."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from pypdf import PageObject, PdfReader, PdfWriter, Transformation
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from issuer.printing.card_face import HEIGHT, WIDTH

ACROSS: Final = 2
DOWN: Final = 5
A_SHEET: Final = ACROSS * DOWN
"""How many cards a sheet holds."""
_GAP: Final = 2.0


def sheets_of(cards: Sequence[bytes]) -> bytes:
    """Return one PDF of sheets from the two-page PDFs of cards, true to size, in their order."""
    writer = PdfWriter()
    for start in range(0, len(cards), A_SHEET):
        part = [PdfReader(BytesIO(card)) for card in cards[start : start + A_SHEET]]
        for side in (0, 1):
            page = PageObject.create_blank_page(width=A4[0], height=A4[1])
            for place, card in enumerate(part):
                page.merge_transformed_page(card.pages[side], Transformation().translate(*_corner(place, side)))
            writer.add_page(page)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def _corner(place: int, side: int) -> tuple[float, float]:
    """Return the lower left corner of a card's place in points. On the back, the columns change places."""
    row, column = divmod(place, ACROSS)
    column = ACROSS - 1 - column if side else column
    left = (A4[0] - (ACROSS * WIDTH + (ACROSS - 1) * _GAP) * mm) / 2
    top = (A4[1] - (DOWN * HEIGHT + (DOWN - 1) * _GAP) * mm) / 2
    below = DOWN - 1 - row
    return left + column * (WIDTH + _GAP) * mm, top + below * (HEIGHT + _GAP) * mm
