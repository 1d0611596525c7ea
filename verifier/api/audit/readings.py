"""What the calls that read the log share: their filters, the days they ask about, and that every reading is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Annotated, Final, Literal
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
from ledger.values import FILTERED
from verifier.counter.answers import Beneficiaries, Code
from verifier.records.store import Access
from verifier.service import Verifier

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)", description="A day in the programme's zone.")]
Pseudonym = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)", description="A holder's name in the log.")]
Mark = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9:_-]{0,99}$(?!\n)", description="What is special about an entry.")]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
_ASKED: Final = (*FILTERED, "mark")


class EntryFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What entries are wanted; an absent value wants all."""

    point: Code | None = None
    service: Code | None = None
    department: Code | None = None
    outcome: Literal["granted", "denied"] | None = None
    reason: Code | None = None
    kind: Code | None = None
    tier: Code | None = None
    assurance: Literal["proved", "counted", "copyable"] | None = None
    beneficiary: Beneficiaries | None = None
    mark: Mark | None = None
    holder: Pseudonym | None = None
    device: Id | None = None
    operator: Id | None = None

    def fields(self) -> dict[str, str]:
        """Return what is asked for, by name."""
        asked = ((name, getattr(self, name)) for name in _ASKED)
        return {name: want for name, want in asked if want is not None}


def record_reading(
    verifier: Verifier, caller: Caller, kind: str, what: object, at: datetime, *, holder: str | None = None
) -> None:
    """Keep that the caller read something: `what` as text, or as the query that asked for it."""
    text = what if isinstance(what, str) else msgspec.json.encode(what).decode()
    verifier.store.record(Access(kind, caller.id, text, caller.operator_id, caller.point, holder), at)


def days_asked(since: str, until: str, most: int) -> tuple[date, date]:
    """Return two days in order, not more than `most` between them; Problem invalid-field."""
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
    """Answer 503 while the log's files cannot be read."""
    try:
        yield
    except (PlaceError, TileError, NoteError, Broken):
        raise Problem("unavailable", "a file of the log is missing or damaged") from None
