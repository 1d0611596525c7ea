"""BER-TLV as in PIV (ISO 7816-4 §5.2.2): tags of one or two bytes, lengths up to 65,535. Values only."""

from __future__ import annotations

from devices.faults import CardFault


def wrap(tag: int, value: bytes) -> bytes:
    """Return one data object."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length + value


def unwrap(tag: int, data: bytes) -> bytes:
    """Return the value of the single data object in `data`. Raises CardFault for another tag, a wrong length, or a
    rest.
    """
    found = members(data)
    if list(found) != [tag]:
        raise CardFault(f"the card's answer is no object {tag:02X}")
    return found[tag]


def members(data: bytes) -> dict[int, bytes]:
    """Return the data objects that follow one another in `data`. Raises CardFault if they do not."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag_size = 2 if data[at] & 0x1F == 0x1F else 1
        tag = int.from_bytes(data[at : at + tag_size], "big")
        at, size = _length(data, at + tag_size)
        if at + size > len(data) or tag in found:
            raise CardFault("the card's answer has objects of impossible lengths")
        found[tag] = data[at : at + size]
        at += size
    return found


def _length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else 0xFF
    if first < 0x80:
        return at + 1, first
    more = first - 0x80
    if more not in {1, 2} or at + 1 + more > len(data):
        raise CardFault("the card's answer has an object of impossible length")
    return at + 1 + more, int.from_bytes(data[at + 1 : at + 1 + more], "big")
