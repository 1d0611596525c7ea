"""Addresses to which a page may lead: only places on this site, whatever a link or a form says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

LONGEST: Final = 1000
_NEVER: Final = ("/sign-in", "/sign-out")


def safe_next(asked: str | None, otherwise: str) -> str:
    """Return `asked` if it is a path of this site, otherwise `otherwise`.

    Two slashes, a backslash, a control character or a scheme would lead a browser elsewhere. The pages of the sign-in
    would lead in a circle.
    """
    if not asked or len(asked) > LONGEST or not asked.startswith("/") or asked.startswith("//"):
        return otherwise
    if "\\" in asked or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in asked):
        return otherwise
    try:
        parts = urlsplit(asked)
    except ValueError:
        return otherwise
    if parts.scheme or parts.netloc or any(parts.path == path or parts.path.startswith(f"{path}/") for path in _NEVER):
        return otherwise
    return asked


def with_query(path: str, values: Mapping[str, str]) -> str:
    """Return a path with a query, or without one if there are no values."""
    return f"{path}?{urlencode(values)}" if values else path
