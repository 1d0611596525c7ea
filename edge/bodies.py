"""Values that no client may send, whatever the field says: integers of 2^53 and beyond, text with NUL.

msgspec and werkzeug accept integers of any size and NULs. Stores do not, and would fail with a 500.
"""

from __future__ import annotations

from msgspec import inspect, to_builtins
from werkzeug.routing import BaseConverter, Map, UnicodeConverter

from edge.strictjson import INTEGER_BOUND


def admits_wide_integer(kind: type[object]) -> bool:
    """Return whether a body of this type could hold an integer without both bounds, so that its values must be
    checked.
    """
    waiting: list[object] = [inspect.type_info(kind)]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, inspect.AnyType) or (isinstance(item, inspect.IntType) and not _bounded(item)):
            return True
        waiting.extend(_parts(item))
    return False


def storage_fault(value: object) -> str | None:
    """Return what a store could not keep, or None: an integer of 2^53 or beyond, positive or negative, or a NUL
    character in a text.
    """
    waiting: list[object] = [to_builtins(value)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, int) and abs(item) >= INTEGER_BOUND:
            return "Number out of range"
        if isinstance(item, str) and "\0" in item:
            return "Text with a NUL character"
        if isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(item)
    return None


class TextConverter(UnicodeConverter):
    """One segment of a path, without NUL."""

    def __init__(self, map: Map, minlength: int = 1, maxlength: int | None = None, length: int | None = None) -> None:  # noqa: A002 - werkzeug's name
        super().__init__(map, minlength, maxlength, length)
        self.regex = self.regex.replace("[^/]", "[^/\\x00]")


class PathConverter(UnicodeConverter):
    """The rest of a path, slashes and all, without NUL."""

    part_isolating = False
    regex = "[^/\\x00][^\\x00]*?"

    def __init__(self, map: Map) -> None:  # noqa: A002 - werkzeug's name
        super().__init__(map)
        self.regex = type(self).regex


class WholeNumberConverter(BaseConverter):
    """A whole number of at most 15 ASCII digits in a path. Anything else is no such path."""

    regex = "[0-9]{1,15}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)


CONVERTERS: dict[str, type[BaseConverter]] = {
    "default": TextConverter,
    "string": TextConverter,
    "int": WholeNumberConverter,
    "path": PathConverter,
}


def _bounded(item: inspect.IntType) -> bool:
    low = item.ge if item.ge is not None else item.gt
    high = item.le if item.le is not None else item.lt
    return low is not None and high is not None


def _parts(item: object) -> list[object]:
    """Return the types inside a type: those of a container, a union, a Struct's fields, or an annotation."""
    parts = [getattr(item, name) for name in ("type", "item_type", "value_type") if hasattr(item, name)]
    for name in ("types", "item_types", "fields"):
        parts.extend(getattr(item, name, ()))
    return [part for part in parts if isinstance(part, (inspect.Type, inspect.Field))]
