"""Which integers a body may hold. msgspec takes JSON integers of any size; stores and clients take 2^53 at most."""

from __future__ import annotations

from msgspec import inspect, to_builtins

INTEGER_BOUND = 2**53


def admits_wide_integer(kind: type[object]) -> bool:
    """Tell whether a body of this type could hold an integer without both bounds, so that its values need a look."""
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


def holds_wide_integer(value: object) -> bool:
    """Tell whether a decoded body holds an integer of 2^53 or beyond, either sign."""
    waiting: list[object] = [to_builtins(value)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, int) and abs(item) >= INTEGER_BOUND:
            return True
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(item)
    return False


def _bounded(item: inspect.IntType) -> bool:
    low = item.ge if item.ge is not None else item.gt
    high = item.le if item.le is not None else item.lt
    return low is not None and high is not None


def _parts(item: object) -> list[object]:
    """Return the types inside a type: a container's, a union's, a Struct's fields', an annotation's own."""
    parts = [getattr(item, name) for name in ("type", "item_type", "value_type") if hasattr(item, name)]
    for name in ("types", "item_types", "fields"):
        parts.extend(getattr(item, name, ()))
    return [part for part in parts if isinstance(part, (inspect.Type, inspect.Field))]
