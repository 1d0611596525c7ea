"""NFC Forum Type 4 tags: reads an NDEF message, and writes one so that an interrupted card never holds half a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.faults import CardEmpty, CardFault, CardLocked, CardTooSmall
from devices.ndef import MESSAGE_MOST
from devices.transport import DATA_MOST, ApduAnswer, Tap

APPLICATION: Final = bytes.fromhex("D2760000850101")
_CONTAINER_FILE: Final = bytes.fromhex("E103")
_FREE: Final = 0x00
_REFUSED: Final = frozenset({0x6982, 0x6985, 0x6986})


@dataclass(frozen=True, slots=True)
class Container:
    """The content of the capability container: the NDEF file, its size, and the greatest length of one APDU."""

    file: bytes
    size: int
    read_most: int
    write_most: int
    writable: bool


def select(tap: Tap) -> bool:
    """Select the NDEF application. Return False if the card has none."""
    return tap.send("00A40400", APPLICATION, 0).ok


def container(tap: Tap) -> Container:
    """Read the capability container of the selected application (NFC Forum Type 4 Tag §5.1)."""
    _select_file(tap, _CONTAINER_FILE)
    data = tap.demand("read the capability container", "00B00000", le=15)
    if len(data) != 15 or data[7:9] != b"\x04\x06":
        raise CardFault("the capability container has an unknown shape")
    read_most, write_most = int.from_bytes(data[3:5], "big"), int.from_bytes(data[5:7], "big")
    size = int.from_bytes(data[11:13], "big")
    if read_most < 15 or write_most < 1 or size < 5 or data[13] != _FREE:
        raise CardFault("the capability container says what no tag can mean")
    return Container(data[9:11], size, min(read_most, DATA_MOST), min(write_most, DATA_MOST), data[14] == _FREE)


def read(tap: Tap) -> bytes:
    """Return the NDEF message of the selected application. Raises CardEmpty if its length is zero."""
    found = container(tap)
    _select_file(tap, found.file)
    length = int.from_bytes(_read_at(tap, 0, 2), "big")
    if length == 0:
        raise CardEmpty("the tag is empty, or its writing was interrupted")
    if length > min(found.size - 2, MESSAGE_MOST):
        raise CardFault("the tag claims a message longer than it can be")
    return _read_all(tap, found, 2, length)


def write(tap: Tap, message: bytes) -> None:
    """Write a message: length zero, then the body, read again, then the length, read again too.

    A card that is removed at any moment holds its old message, none, or the new one. Writing again repairs it.
    """
    found = container(tap)
    if not found.writable:
        raise CardLocked("the tag is closed against writing")
    if len(message) > min(found.size - 2, MESSAGE_MOST):
        raise CardTooSmall(f"{len(message)} bytes do not fit the tag's {found.size - 2}")
    _select_file(tap, found.file)
    _write_at(tap, 0, b"\0\0")
    for at in range(0, len(message), found.write_most):
        _write_at(tap, 2 + at, message[at : at + found.write_most])
    if _read_all(tap, found, 2, len(message)) != message:
        raise CardFault("what was written does not read back")
    _write_at(tap, 0, len(message).to_bytes(2, "big"))
    if read(tap) != message:
        raise CardFault("what was written does not read back")


def _select_file(tap: Tap, file: bytes) -> None:
    tap.demand("select a file", "00A4000C", file)


def _read_all(tap: Tap, found: Container, offset: int, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        data += _read_at(tap, offset + len(data), min(found.read_most, length - len(data)))
    return bytes(data)


def _read_at(tap: Tap, offset: int, size: int) -> bytes:
    data = tap.demand("read the NDEF file", f"00B0{offset:04X}", le=size)
    if len(data) != size:
        raise CardFault("the tag reads short or long")
    return data


def _write_at(tap: Tap, offset: int, data: bytes) -> None:
    answer: ApduAnswer = tap.send(f"00D6{offset:04X}", data)
    if answer.status in _REFUSED:
        raise CardLocked("the tag refuses to be written")
    if not answer.ok:
        raise CardFault(f"the tag answered {answer.status:04X} when written")
