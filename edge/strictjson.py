"""JSON (RFC 8259) read strictly and written in one way (RFC 8785). No value is ever guessed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import NoReturn

import msgspec

from edge.structs import UNREADABLE

INTEGER_BOUND = 2**53
"""From this value on, integers are not the same number everywhere (RFC 8259 §6)."""
_LONGEST_NUMBER = 400  # Characters: a double needs at most 330 or so, and int() of a huge text is slow
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_BOM = "\ufeff"


class JsonError(ValueError):
    """The text is not JSON of this kind, or the value cannot be written. The message says why."""


def loads(data: bytes | str, *, max_bytes: int = 65536, max_depth: int = 16) -> object:
    """Return the value of one JSON text.

    Raises JsonError for more than `max_bytes`, nesting deeper than `max_depth`, text that is not UTF-8, a byte order
    mark, a repeated key, NaN or Infinity or a number that overflows to it, a lone surrogate (escaped or not), and
    anything before or after the value.
    """
    if isinstance(data, bytes) and len(data) <= max_bytes:
        plain = _plainly_written(data, max_depth)
        if plain is not None:
            return plain
    text = _decode(data, max_bytes)
    try:
        value: object = _DECODER.decode(text)
    except JsonError:
        raise
    except RecursionError:
        raise JsonError("nested too deep") from None
    except ValueError:
        # The library's message quotes the text; this one must not.
        raise JsonError("not JSON") from None
    # Only a text with this many brackets can be so deep, and only a text with an escape can hide a surrogate.
    if text.count("[") + text.count("{") > max_depth:
        _check_depth(value, max_depth)
    if "\\u" in text:
        _check_strings(value)
    return value


def _plainly_written(data: bytes, max_depth: int) -> object | None:
    """Return the value of a text in this project's own spelling of JSON, or None for any other text, good or bad.

    Written again, the value gives the same bytes. So no key was repeated, no character was escaped without need, no
    number was too large, and nothing stood around the value.
    """
    if data.count(b"[") + data.count(b"{") > max_depth or _LONG_NUMBER.search(data):
        return None
    try:
        value: object = msgspec.json.decode(data)
        return value if msgspec.json.encode(value) == data else None
    except UNREADABLE:
        return None


def dumps(value: object) -> bytes:
    """Return compact UTF-8 JSON with keys in the given order, as in tokens. Raises JsonError if that is not
    possible.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise JsonError(f"cannot be written as JSON: {type(error).__name__}") from None


def canonical(value: object) -> bytes:
    """Return RFC 8785 JSON of text, integers, truth values, lists and objects: sorted by UTF-16 code units, compact.

    Raises JsonError for floats, None, integers of 2^53 and beyond, keys that are not text, and lone surrogates.
    """
    try:
        return msgspec.json.encode(_plain(value))
    except (UnicodeEncodeError, RecursionError):
        raise JsonError("cannot be written as canonical JSON") from None


def canonical_digest(value: Mapping[str, object]) -> bytes:
    """Return the SHA-256 of an object's canonical JSON, whatever the order of its names. Raises JsonError as
    `canonical` does.

    An operation's id is bound to such a hash of the intent (docs/design.md §5, step 0), never to the bytes of a body.
    """
    return sha256(canonical(value)).digest()


def _decode(data: bytes | str, max_bytes: int) -> str:
    if len(data) > max_bytes:
        raise JsonError(f"longer than {max_bytes} bytes")
    try:
        if isinstance(data, str):
            text = data
            size = len(text.encode("utf-8"))
        else:
            text = data.decode("utf-8")
            size = len(data)
    except UnicodeError:
        raise JsonError("not UTF-8") from None
    if size > max_bytes:
        raise JsonError(f"longer than {max_bytes} bytes")
    if text.startswith(_BOM):
        raise JsonError("begins with a byte order mark")
    return text


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("a key is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise JsonError("a number is too long")
    return int(text)


def _float(text: str) -> float:
    if len(text) > _LONGEST_NUMBER:
        raise JsonError("a number is too long")
    value = float(text)
    if not math.isfinite(value):
        raise JsonError("a number is too large")
    return value


def _check_depth(value: object, most: int) -> None:
    level = [value]
    for _ in range(most + 1):
        level = [item for item in level if isinstance(item, (dict, list))]
        if not level:
            return
        level = [child for item in level for child in _children(item)]
    raise JsonError("nested too deep")


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _check_strings(value: object) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            _check_string(item)
        elif isinstance(item, dict):
            for key in item:
                _check_string(key)
        waiting.extend(_children(item))


def _check_string(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError("a lone surrogate is not text") from None


def _plain(value: object) -> object:
    kind = type(value)
    if kind is str or kind is bool:
        return value
    if isinstance(value, int):
        if not -INTEGER_BOUND < value < INTEGER_BOUND:
            raise JsonError("an integer of 2^53 or beyond")
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in _sorted_keys(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):  # A member of a StrEnum is its text
        return str(value)
    raise JsonError(f"canonical JSON holds no {kind.__name__}")


def _sorted_keys(value: dict[object, object]) -> list[str]:
    keys = [key for key in value if type(key) is str]
    if len(keys) != len(value):
        raise JsonError("a key is not text")
    if all(map(str.isascii, keys)):  # Both orders agree, and this one is much cheaper
        return sorted(keys)
    return sorted(keys, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
