"""What the calls that read the log share: their filters, the days of their questions, and the record of every
reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from accounts.rights import Caller
from audit.evidence.apart import Broken
from audit.tree.place import PlaceError
from audit.tree.tiles import TileError
from edge.fields import invalid
from edge.instants import InstantError, day_asked
from edge.problems import Problem
from keys.notes import NoteError
from verifier.records.store import Access
from verifier.service import Verifier

DayText = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)", description="A day in the programme's zone.")
]
Id = Annotated[str, Meta(min_length=1, max_length=64)]


def record_reading(
    verifier: Verifier, caller: Caller, kind: str, what: object, at: datetime, *, holder: str | None = None
) -> None:
    """Record that the caller read something: `what` as text, or as the query."""
    text = what if isinstance(what, str) else msgspec.json.encode(what).decode()
    verifier.store.record(Access(kind, caller.id, text, caller.operator_id, caller.point, holder), at)


def days_asked(since: str, until: str, most: int) -> tuple[date, date]:
    """Return two days in order, at most `most` days apart. Problem invalid-field otherwise."""
    try:
        first, last = day_asked(since), day_asked(until)
    except InstantError:
        raise invalid("$.since", "not a day of the calendar") from None
    if not 0 <= (last - first).days < most:
        raise invalid("$.until", f"not after `since`, or more than {most} days")
    return first, last


def day_starts(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day."""
    return datetime.combine(day, time(), zone)


@contextmanager
def log_problems() -> Iterator[None]:
    """Answer 503 while the files of the log cannot be read."""
    try:
        yield
    except (PlaceError, TileError, NoteError, Broken):
        raise Problem("unavailable", "a file of the log is missing or damaged") from None
