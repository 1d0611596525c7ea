"""Instants as epoch seconds (in tokens and leaves) and as RFC 3339 text (in JSON). Naive datetimes are never used."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LEAST = datetime.min.replace(tzinfo=UTC)
_MOST = datetime.max.replace(tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_LAST_HOUR, _LAST_MINUTE = 23, 59
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


class InstantError(ValueError):
    """The value is no instant. The message names the fault."""


def to_epoch(at: datetime) -> int:
    """Return whole seconds since 1970-01-01T00:00:00Z, rounded down. Raises InstantError if `at` is naive."""
    if at.utcoffset() is None:
        raise InstantError("an instant needs a time zone")
    return (at - _EPOCH) // _SECOND


_LEAST_EPOCH = to_epoch(_LEAST)
_MOST_EPOCH = to_epoch(_MOST)


def from_epoch(seconds: int) -> datetime:
    """Return the aware UTC instant of an integer of seconds. Raises InstantError for other values and outside the years
    1-9999.
    """
    if type(seconds) is not int:
        raise InstantError("epoch seconds are an integer")
    if not _LEAST_EPOCH <= seconds <= _MOST_EPOCH:
        raise InstantError("the instant lies outside the years 1 to 9999")
    return _EPOCH + timedelta(seconds=seconds)


def rfc3339(at: datetime) -> str:
    """Return RFC 3339 text in UTC with `Z`, whole seconds rounded down. Raises InstantError if `at` is naive."""
    if at.utcoffset() is None:
        raise InstantError("an instant needs a time zone")
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def rfc3339_or_none(at: datetime | None) -> str | None:
    """Return the text of `rfc3339`, or None if there is no instant."""
    return None if at is None else rfc3339(at)


def parse_rfc3339(text: str) -> datetime:
    """Return the aware UTC instant in an RFC 3339 text.

    Only capital `T` and `Z` are accepted. An offset is converted, and a fraction is cut to microseconds. Raises
    InstantError for a leap second, a missing offset and any surrounding text.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InstantError("not an RFC 3339 time such as 2026-10-31T09:00:00Z")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    micro = int((match[7] or "").ljust(6, "0")[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, micro, tzinfo=_offset(match))
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InstantError(f"no such time: {error}") from None


def parse_asked(text: str) -> datetime:
    """Return the instant in a question, in the years 1970 to 9998. Raises InstantError.

    Days and windows around it are valid instants in every zone: no sum overflows.
    """
    at = parse_rfc3339(text)
    _check_year(at.year)
    return at


def day_asked(text: str) -> date:
    """Return the day in a question, written `2026-10-31`, in the years 1970 to 9998. Raises InstantError."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InstantError(f"no such day: {error}") from None
    _check_year(day.year)
    return day


def _check_year(year: int) -> None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise InstantError("a year from 1970 to 9998 is expected")


def _offset(match: re.Match[str]) -> timezone:
    if match[8] is None:
        return UTC
    hours, minutes = int(match[9]), int(match[10])
    if hours > _LAST_HOUR or minutes > _LAST_MINUTE:
        raise ValueError("offset out of range")
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(away if match[8] == "+" else -away)
