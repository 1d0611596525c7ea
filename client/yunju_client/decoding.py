"""JSON to shapes and back. A member that a shape does not know is ignored, because servers may add members."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class ShapeError(ValueError):
    """A value does not have the promised shape. The text says where."""


def decode(kind: type[T], value: object) -> T:
    """Return a JSON value as a shape. Raises ShapeError if a member is missing or of another type."""
    return cast("T", _decode(kind, value, "the answer"))


def encode(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return what is sent for a value: the set members of a shape, all members of a mapping, or a list for a
    sequence.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return encode(given({one.name: getattr(value, one.name) for one in dataclasses.fields(value)}))
    if isinstance(value, Mapping):
        return {name: encode(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [encode(one) for one in value]
    return value


def given(members: Mapping[str, object]) -> dict[str, object]:
    """Return the given members, without those that are None."""
    return {name: one for name, one in members.items() if one is not None}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode(kind: Any, value: object, place: str) -> object:  # noqa: ANN401 - a type, a union, a generic
    origin = get_origin(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _object(kind, value, place)
    if origin in {Union, UnionType}:
        return _one_of(get_args(kind), value, place)
    if origin is Literal:
        return _known(get_args(kind), value, place)
    if origin is tuple and isinstance(value, list):
        return tuple(_decode(get_args(kind)[0], one, f"{place}[{index}]") for index, one in enumerate(value))
    if (origin is Mapping or kind is dict or _is_mapping(origin)) and isinstance(value, dict):
        inner = get_args(kind)[1] if get_args(kind) else Any
        return {name: _decode(inner, one, f"{place}.{name}") for name, one in value.items()}
    return _plain(kind, value, place)


def _is_mapping(origin: object) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _object(kind: type, value: object, place: str) -> object:
    if not isinstance(value, dict):
        raise ShapeError(f"{place} is no object")
    hints, found = _hints(kind), {}
    for one in dataclasses.fields(kind):
        if one.name in value:
            found[one.name] = _decode(hints[one.name], value[one.name], f"{place}.{one.name}")
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise ShapeError(f"{place} lacks {one.name}")
    return kind(**found)


def _one_of(kinds: tuple[Any, ...], value: object, place: str) -> object:
    if value is None and NoneType in kinds:
        return None
    faults = []
    for kind in kinds:
        try:
            return _decode(kind, value, place)
        except ShapeError as error:
            faults.append(str(error))
    raise ShapeError(faults[0])


def _known(values: tuple[object, ...], value: object, place: str) -> object:
    if value not in values or isinstance(value, bool):
        raise ShapeError(f"{place} is none of {', '.join(map(str, values))}")
    return value


def _plain(kind: object, value: object, place: str) -> object:
    whole = kind is float and type(value) is int
    if kind is NoneType or not isinstance(kind, type) or (type(value) is not kind and not whole):
        raise ShapeError(f"{place} is of another type")
    return value
