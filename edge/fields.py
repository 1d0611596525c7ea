"""A client's field that cannot be accepted: the problem `invalid-field`, made in one way. No framework."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from edge.instants import InstantError, parse_asked
from edge.problems import Problem


def invalid(path: str, message: str) -> Problem:
    """Return the problem of one field. `path` names the field as `$.name`; `message` says what is expected."""
    return invalid_fields([(path, message)])


def invalid_fields(faults: Iterable[tuple[str, str]]) -> Problem:
    """Return the problem of several fields, each with its path and what is expected."""
    return Problem("invalid-field", extra={"fields": [{"path": path, "message": message} for path, message in faults]})


def span_asked(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the bounds in the fields `since` and `until`, or None for an absent field. Problem invalid-field."""
    return (
        None if since is None else instant_asked("$.since", since),
        None if until is None else instant_asked("$.until", until),
    )


def instant_asked(path: str, text: str) -> datetime:
    """Return the instant in a field in RFC 3339. Problem invalid-field for any other text."""
    try:
        return parse_asked(text)
    except InstantError as error:
        raise invalid(path, str(error)) from None
