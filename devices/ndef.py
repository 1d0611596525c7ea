"""NDEF messages (NFC Forum NDEF 1.0): the card's text as one record, a tag's link as another. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from devices.faults import CardFault, CardUnknown

CARD_TYPE: Final = b"application/vnd.yunju.card"
"""The media type of the record that holds a presentation: a card token, plain or in wire form."""

MESSAGE_MOST: Final = 4096
"""The longest message that is read, in bytes. A card of this product needs some 700."""

RECORDS_MOST: Final = 16
_WELL_KNOWN, _MEDIA = 1, 2
_PREFIXES: Final = MappingProxyType({0: "", 1: "http://www.", 2: "https://www.", 3: "http://", 4: "https://"})
_BEGIN, _END, _CHUNK, _SHORT, _ID = 0x80, 0x40, 0x20, 0x10, 0x08


@dataclass(frozen=True, slots=True)
class Record:
    """One record: type name format, type, payload."""

    tnf: int
    type: bytes
    payload: bytes


def card_message(text: str) -> bytes:
    """Return the message with a card's text."""
    return _encoded(Record(_MEDIA, CARD_TYPE, text.encode("ascii")))


def link_message(link: str) -> bytes:
    """Return the message with a link (RTD URI 1.0)."""
    code, prefix = max(((code, text) for code, text in _PREFIXES.items() if link.startswith(text)), key=_length)
    return _encoded(Record(_WELL_KNOWN, b"U", bytes([code]) + link[len(prefix) :].encode("ascii")))


def message_text(message: bytes) -> str:
    """Return the first card text or link in a message.

    Raises CardFault for bytes that are no message, CardUnknown for a message without data of this product.
    """
    for record in decode(message):
        if record.tnf == _MEDIA and record.type.lower() == CARD_TYPE:
            return _ascii(record.payload)
        if record.tnf == _WELL_KNOWN and record.type == b"U" and record.payload and record.payload[0] in _PREFIXES:
            return _PREFIXES[record.payload[0]] + _ascii(record.payload[1:])
    raise CardUnknown("the tag carries no card of ours")


def decode(message: bytes) -> list[Record]:
    """Return the records of a message. Raises CardFault unless it is complete and ends where it says."""
    if len(message) > MESSAGE_MOST:
        raise CardFault("the NDEF message is longer than any of ours")
    records = list(_records(message))
    if not records:
        raise CardFault("the NDEF message is empty")
    return records


def _records(message: bytes) -> Iterator[Record]:
    reader = _Bytes(message)
    for number in range(RECORDS_MOST):
        flags = reader.number(1)
        if bool(flags & _BEGIN) is not (number == 0) or flags & _CHUNK:
            raise CardFault("the NDEF message begins wrongly or comes in chunks")
        type_length = reader.number(1)
        length = reader.number(1 if flags & _SHORT else 4)
        id_length = reader.number(1) if flags & _ID else 0
        kind = reader.take(type_length)
        reader.take(id_length)
        yield Record(flags & 7, kind, reader.take(length))
        if flags & _END:
            reader.end()
            return
    raise CardFault("the NDEF message has too many records")


class _Bytes:
    """Takes a message apart from front to back, and never reads beyond it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise CardFault("the NDEF message ends too early")
        self._at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def end(self) -> None:
        if self._at != len(self._data):
            raise CardFault("the NDEF message runs on past its end")


def _encoded(record: Record) -> bytes:
    short = len(record.payload) < 256
    flags = _BEGIN | _END | (_SHORT if short else 0) | record.tnf
    length = len(record.payload).to_bytes(1 if short else 4, "big")
    return bytes([flags, len(record.type)]) + length + record.type + record.payload


def _ascii(payload: bytes) -> str:
    try:
        return payload.decode("ascii")
    except UnicodeDecodeError:
        raise CardFault("the NDEF record is not plain text") from None


def _length(prefix: tuple[int, str]) -> int:
    return len(prefix[1])
