"""NFC Forum Type 2 tags (NTAG21x) through the reader's pseudo APDUs (PC/SC part 3: FF B0, FF D6).

The UID is never read, because it is no identity.
"""

from __future__ import annotations

from typing import Final

from devices.faults import CardEmpty, CardFault, CardLocked, CardTooSmall
from devices.ndef import MESSAGE_MOST
from devices.transport import Tap

PAGE: Final = 4
_READ: Final = 16
_CONTAINER_PAGE, _FIRST_PAGE = 3, 4
_MAGIC: Final = 0xE1
_NULL, _MESSAGE, _TERMINATOR = 0x00, 0x03, 0xFE
_READ_ONLY: Final = 0x0F
_STATIC_LOCK_PAGE: Final = 2
# Where NTAG213, 215 and 216 keep their dynamic lock bits, by the size in the container.
_DYNAMIC_LOCKS: Final = {0x12: (40, 0x0FFF), 0x3E: (130, 0x0FFF), 0x6D: (226, 0x3FFF)}


def container(tap: Tap) -> bytes | None:
    """Return the capability container of a Type 2 tag, or None for any other card."""
    answer = tap.raw(bytes([0xFF, 0xB0, 0, _CONTAINER_PAGE, PAGE]))
    if not answer.ok or len(answer.data) < PAGE or answer.data[0] != _MAGIC:
        return None
    return answer.data[:PAGE]


def read(tap: Tap, found: bytes) -> bytes:
    """Return the NDEF message of a tag with the container `found`."""
    pages = _Pages(tap, found[2] * 8)
    at = 0
    for _ in range(64):
        kind = pages.take(at, 1)[0]
        if kind == _NULL:
            at += 1
            continue
        if kind == _TERMINATOR:
            break
        at, length = _length_at(pages, at + 1)
        if kind != _MESSAGE:
            at += length
            continue
        if length == 0:
            break
        if length > MESSAGE_MOST:
            raise CardFault("the tag claims a message longer than any of ours")
        return pages.take(at, length)
    raise CardEmpty("the tag is empty, or its writing was interrupted")


def write(tap: Tap, found: bytes, message: bytes) -> None:
    """Write a message, the page with its length last, and read it again.

    A tag that is removed at any moment is empty, or holds the old or the new message. Writing again repairs it.
    """
    if found[3] & 0x0F:
        raise CardLocked("the tag is closed against writing")
    length = bytes([len(message)]) if len(message) < 0xFF else b"\xff" + len(message).to_bytes(2, "big")
    content = bytes([_MESSAGE]) + length + message + bytes([_TERMINATOR])
    if len(content) > found[2] * 8:
        raise CardTooSmall(f"{len(content)} bytes do not fit the tag's {found[2] * 8}")
    content += bytes(-len(content) % PAGE)
    _write_page(tap, _FIRST_PAGE, bytes([_MESSAGE, 0, _TERMINATOR, 0]))
    for at in range(PAGE, len(content), PAGE):
        _write_page(tap, _FIRST_PAGE + at // PAGE, content[at : at + PAGE])
    if _Pages(tap, found[2] * 8).take(PAGE, len(content) - PAGE) != content[PAGE:]:
        raise CardFault("what was written does not read back")
    _write_page(tap, _FIRST_PAGE, content[:PAGE])
    if read(tap, found) != message:
        raise CardFault("what was written does not read back")


def lock(tap: Tap, found: bytes) -> None:
    """Close the tag against writing for ever: container, dynamic lock bits, and the static lock bits last."""
    _write_page(tap, _CONTAINER_PAGE, found[:3] + bytes([_READ_ONLY]))
    dynamic = _DYNAMIC_LOCKS.get(found[2])
    if dynamic is not None:
        page, bits = dynamic
        _write_page(tap, page, bits.to_bytes(2, "little") + b"\0\0")
    serial = tap.raw(bytes([0xFF, 0xB0, 0, _STATIC_LOCK_PAGE, PAGE]))
    if not serial.ok or len(serial.data) < PAGE:
        raise CardFault("the tag's lock bits cannot be read")
    _write_page(tap, _STATIC_LOCK_PAGE, serial.data[:2] + b"\xff\xff")


class _Pages:
    """The data area of a tag, read sixteen bytes at a time, each only once."""

    def __init__(self, tap: Tap, size: int) -> None:
        self._tap = tap
        self._size = size
        self._data = bytearray()

    def take(self, at: int, size: int) -> bytes:
        if at + size > self._size:
            raise CardFault("the tag's content runs past its end")
        while len(self._data) < at + size:
            page = _FIRST_PAGE + len(self._data) // PAGE
            answer = self._tap.raw(bytes([0xFF, 0xB0, 0, page, _READ]))
            if not answer.ok or len(answer.data) != _READ:
                raise CardFault("the tag cannot be read whole")
            self._data += answer.data
        return bytes(self._data[at : at + size])


def _length_at(pages: _Pages, at: int) -> tuple[int, int]:
    """Return where a block's value begins, and its length."""
    short = pages.take(at, 1)[0]
    if short != 0xFF:
        return at + 1, short
    return at + 3, int.from_bytes(pages.take(at + 1, 2), "big")


def _write_page(tap: Tap, page: int, data: bytes) -> None:
    answer = tap.raw(bytes([0xFF, 0xD6, 0, page, PAGE]) + data)
    if not answer.ok:
        raise CardLocked(f"the tag refuses to be written ({answer.status:04X})")
