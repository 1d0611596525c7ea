"""A programme as plain JSON values, for the API and the command line: the whole file, in one fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cache
from zoneinfo import ZoneInfo

from cards.programme.types import Assurance, Programme

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


def programme_json(programme: Programme) -> dict[str, JsonValue]:
    """Return `programme` as JSON values. The same bytes of a file give the same value, with keys in the same order.

    Spans are whole seconds under a key that ends in `_seconds`. Dates are ISO 8601. Sets are sorted lists. Tiers and
    tables are keyed by code. Enumerations are their words. Absent values are null.
    """
    return _fields(programme)


def _fields(value: object) -> dict[str, JsonValue]:
    named: dict[str, JsonValue] = {}
    kind: type = type(value)
    for name, span in _names(kind):
        content = getattr(value, name)
        named[f"{name}_seconds" if span or isinstance(content, timedelta) else name] = _plain(content)
    return named


@cache
def _names(kind: type) -> tuple[tuple[str, bool], ...]:
    """Return the names of a dataclass's fields, each with whether it is declared as a span."""
    return tuple((one.name, "timedelta" in str(one.type)) for one in fields(kind))


def _plain(value: object) -> JsonValue:
    """Return one value of a programme as JSON. Raises TypeError for a kind of value that no programme has."""
    if isinstance(value, Assurance):
        return value.word
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return _compound(value)


def _compound(value: object) -> JsonValue:
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a programme")
