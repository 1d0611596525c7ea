"""Base45 (RFC 9285): bytes as the characters of a QR code's alphanumeric mode. Any other text is refused."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
# The first two characters of a triplet together, so that two bytes cost one look-up and one division.
_PAIRS = tuple(_ALPHABET[value % 45] + _ALPHABET[value // 45] for value in range(45 * 45))


class Base45Error(ValueError):
    """The text is not base45."""


def encode(data: bytes) -> str:
    """Return the base45 text of `data`: three characters for two bytes, two for a last single one (RFC 9285 §4)."""
    whole = len(data) & ~1
    pieces = []
    for at in range(0, whole, 2):
        high, low = divmod(data[at] << 8 | data[at + 1], 2025)
        pieces.append(_PAIRS[low] + _ALPHABET[high])
    if whole != len(data):
        pieces.append(_PAIRS[data[-1]])
    return "".join(pieces)


def decode(text: str) -> bytes:
    """Return the bytes of a base45 text; Base45Error for a foreign character, an impossible length or an overflow.

    Upper case only: whoever reads a scanner's text raises it first. No text ends in a space (the last character of a
    group is the most significant and too small for one), so trimming what a scanner added takes nothing away.
    """
    if len(text) % 3 == 1:
        raise Base45Error("a base45 text of an impossible length")
    try:
        values = [_VALUES[character] for character in text]
    except KeyError:
        raise Base45Error("a character outside the base45 alphabet") from None
    data = bytearray()
    whole = len(values) // 3 * 3
    for at in range(0, whole, 3):
        number = values[at] + values[at + 1] * 45 + values[at + 2] * 2025
        if number > 0xFFFF:
            raise Base45Error("a base45 group beyond two bytes")
        data += number.to_bytes(2, "big")
    if whole != len(values):
        number = values[whole] + values[whole + 1] * 45
        if number > 0xFF:
            raise Base45Error("a base45 group beyond one byte")
        data.append(number)
    return bytes(data)
