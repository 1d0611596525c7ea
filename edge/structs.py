"""Prepares msgspec's Structs before threads begin, and names msgspec's errors for bytes that it cannot read.

msgspec 0.22 computes a type's fields when a value of this type is first read. If two threads do this at the same time,
the process crashes (docs/decisions/0270-types-before-threads.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What reading bytes can raise: no UTF-8 and nesting without end have errors that are not msgspec's own."""

_WORKING_OUT = Lock()


def work_out_structs() -> int:
    """Prepare every Struct that is defined so far. Return their number. Call this before the process has threads."""
    kinds = set(_below(msgspec.Struct))
    for kind in kinds:
        # A Struct that msgspec cannot read is only written, so no thread ever prepares it.
        with suppress(TypeError, NameError):
            reader(kind)
    return len(kinds)


def reader(kind: object) -> msgspec.json.Decoder[object]:
    """Return a decoder of a type. Types are prepared here one at a time."""
    with _WORKING_OUT:
        return msgspec.json.Decoder(kind)


def _below(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
