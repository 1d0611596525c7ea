"""Base45 (RFC 9285): bytes as the characters of a QR code's alphanumeric mode. Any other text is refused."""

from __future__ import annotations

import struct

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_FOREIGN = 255
# From a character's code to its value. Unknown characters are -1 (foreign), and so is "?", which stands for non-ASCII.
_VALUES = bytes(_ALPHABET.find(chr(code)) & _FOREIGN for code in range(256))
# The first two characters of a triplet together, so that two bytes cost one look-up and one division.
_PAIRS = tuple(_ALPHABET[value % 45] + _ALPHABET[value // 45] for value in range(45 * 45))


class Base45Error(ValueError):
    """The text is not base45."""


def encode(data: bytes) -> str:
    """Return the base45 text of `data`: three characters for two bytes, two characters for a last single byte (RFC 9285
    §4).
    """
    whole = len(data) & ~1
    pieces = []
    for at in range(0, whole, 2):
        high, low = divmod(data[at] << 8 | data[at + 1], 2025)
        pieces.append(_PAIRS[low] + _ALPHABET[high])
    if whole != len(data):
        pieces.append(_PAIRS[data[-1]])
    return "".join(pieces)


def decode(text: str) -> bytes:
    """Return the bytes of a base45 text. Raises Base45Error for a foreign character, an impossible length or an
    overflow.

    Upper case only: a caller with a scanner's text first converts it. No text ends in a space, because the last
    character of a group is the most significant and too small for a space. So it is safe to trim what a scanner added.
    """
    if len(text) % 3 == 1:
        raise Base45Error("a base45 text of an impossible length")
    values = text.encode("ascii", "replace").translate(_VALUES)
    if _FOREIGN in values:
        raise Base45Error("a character outside the base45 alphabet")
    whole = len(values) // 3 * 3
    triplets = zip(values[0:whole:3], values[1:whole:3], values[2:whole:3], strict=True)
    numbers = [low + middle * 45 + high * 2025 for low, middle, high in triplets]
    try:
        data = struct.pack(f">{len(numbers)}H", *numbers)
    except struct.error:
        raise Base45Error("a base45 group beyond two bytes") from None
    return data + _last_byte(values[whole:])


def _last_byte(values: bytes) -> bytes:
    if not values:
        return b""
    number = values[0] + values[1] * 45
    if number > 0xFF:
        raise Base45Error("a base45 group beyond one byte")
    return bytes([number])
