"""Reads what was scanned, tapped or pasted: plain text, wire form, digits. Any text gives a result or one error."""

from __future__ import annotations

from collections.abc import Mapping

from cards.parts import SEPARATOR, TEXT_MOST, Presentation, PresentationError, from_tokens
from cards.transport import looks_packed, undone, with_blanks
from cards.wire import Dictionary, unpack

__all__ = ["Presentation", "PresentationError", "read"]


def read(text: str, dictionaries: Mapping[int, Dictionary]) -> Presentation:
    """Return the presentation in a text (docs/design.md §5, step 1).

    Plain: `card`, `card~proof` or `proof`, with a proof of a phone or a chip. Or the wire form, in base45 or in digits.
    Changes by a scanner or a keyboard are undone (`cards.transport`). Raises PresentationError (`malformed`) for every
    other text, and for a wire form whose dictionary is not among `dictionaries`.
    """
    text = undone(text)
    if not text or len(text) > TEXT_MOST or not text.isascii():
        raise PresentationError
    if looks_packed(text):
        unpacked = _unpacked(text, dictionaries)
        return from_tokens([part for part in (unpacked.card, unpacked.proof) if part is not None])
    return from_tokens(text.split(SEPARATOR, 2))


def _unpacked(text: str, dictionaries: Mapping[int, Dictionary]) -> Presentation:
    """Unpack the wire form. `%20` may be base45: it is read as a blank only if the plain reading fails."""
    try:
        return unpack(text, dictionaries)
    except PresentationError:
        other = with_blanks(text)
        if other is None:
            raise
        return unpack(other, dictionaries)
