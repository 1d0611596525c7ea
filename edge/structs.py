"""What msgspec must know of every Struct before threads begin, and what it raises for bytes that it cannot read.

msgspec 0.22 works out a type's fields when somebody first reads a value of that type. Two threads that do so at once
end the process by a fault of memory (docs/decisions/0270-types-before-threads.md).
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
    """Work out every Struct that is defined until now; return how many. Call it before the process has threads."""
    kinds = set(_below(msgspec.Struct))
    for kind in kinds:
        # A Struct that msgspec cannot read is written only: no thread ever works that Struct out.
        with suppress(TypeError, NameError):
            reader(kind)
    return len(kinds)


def reader(kind: object) -> msgspec.json.Decoder[object]:
    """Return a decoder of a type; types that are worked out here are worked out one at a time."""
    with _WORKING_OUT:
        return msgspec.json.Decoder(kind)


def _below(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
