"""A point's day as its counter sees it: counts, last entries, and visits that still run. No name, no holder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

import msgspec

from cards.programme.types import Programme
from edge.instants import rfc3339
from ledger.interface import Ledger
from ledger.leaf import USES
from ledger.millis import from_millis
from ledger.values import Entry, Query
from verifier.counter.checking_in import VOID_WINDOW, ledger_problems

RECENT: Final = 20
"""The number of entries in the list."""
_PAGE, _PAGES_MOST = 500, 8
_NO_FAULT: Final = frozenset({"already-in"})


class EntrySeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of today's list: no name, no holder. `change`: what became of a booking. `inside`: a visit that still
    runs; it is listed past midnight too.
    """

    id: str
    at: str
    kind: str
    outcome: str
    service: str
    tier: str | None = None
    reason: str | None = None
    voided: bool = False
    visit_ends_at: str | None = None
    re_entry: bool = False
    inside: bool = False
    change: str | None = None
    delivered: bool = False


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """A point's day: its counts, its last entries, and the entries from before midnight that staff still handle.

    `granted` counts uses without re-entries and voided uses. `denied` leaves out holders who were already in.
    """

    point: str
    date: str
    granted: int
    denied: int
    entries: tuple[EntrySeen, ...]
    server_time: str


def todays(programme: Programme, ledger: Ledger, point: str, at: datetime) -> Today:
    """Return a point's local day up to `at`."""
    zone = programme.zone
    local = at.astimezone(zone)
    midnight = datetime.combine(local.date(), time(), zone).astimezone(UTC)
    with ledger_problems():
        found = list(_since(ledger, point, min(midnight, at - _earlier(programme))))
    left = {entry.leaf.target for entry in found if entry.leaf.kind == "check-out" and not entry.leaf.delivered}
    day = [entry for entry in found if entry.leaf.recorded_at >= midnight]
    before = [entry for entry in found if entry.leaf.recorded_at < midnight and _still(entry, left, at)]
    return Today(
        point=point,
        date=local.date().isoformat(),
        granted=sum(_counts(entry) for entry in day),
        denied=sum(_refused(entry) for entry in day),
        entries=tuple(_seen(entry, left, at) for entry in [*day[:RECENT], *before]),
        server_time=rfc3339(at),
    )


def _earlier(programme: Programme) -> timedelta:
    """Return how long ago an entry may lie that staff still handle: a visit that runs, or a use that may be voided."""
    visits = (service.visit.length for service in programme.services.values() if service.visit is not None)
    return max([VOID_WINDOW, *visits])


def _since(ledger: Ledger, point: str, since: datetime) -> Iterator[Entry]:
    query = Query(since=since, point=point, limit=_PAGE)
    for _ in range(_PAGES_MOST):
        page = ledger.entries(query)
        yield from page.entries
        if page.next is None:
            return
        query = replace(query, before=page.next)


def _is_use(entry: Entry) -> bool:
    return entry.leaf.kind in USES


def _granted(entry: Entry) -> bool:
    return _is_use(entry) and entry.leaf.outcome == "granted" and not entry.voided


def _counts(entry: Entry) -> bool:
    visit = entry.leaf.visit
    return _granted(entry) and (visit is None or visit.re_entry is None)


def _refused(entry: Entry) -> bool:
    return _is_use(entry) and entry.leaf.outcome == "denied" and entry.leaf.reason not in _NO_FAULT


def _inside(entry: Entry, left: set[str | None], at: datetime) -> bool:
    visit = entry.leaf.visit
    return _granted(entry) and visit is not None and from_millis(visit.ends_at) > at and entry.id not in left


def _still(entry: Entry, left: set[str | None], at: datetime) -> bool:
    voidable = _granted(entry) and at - entry.leaf.recorded_at < VOID_WINDOW
    return voidable or _inside(entry, left, at)


def _seen(entry: Entry, left: set[str | None], at: datetime) -> EntrySeen:
    leaf = entry.leaf
    return EntrySeen(
        id=entry.id,
        at=rfc3339(leaf.recorded_at),
        kind=leaf.kind,
        outcome=leaf.outcome or "granted",
        service=leaf.service,
        tier=leaf.tier,
        reason=leaf.reason,
        voided=entry.voided,
        visit_ends_at=None if leaf.visit is None else rfc3339(from_millis(leaf.visit.ends_at)),
        re_entry=leaf.visit is not None and leaf.visit.re_entry is not None,
        inside=_inside(entry, left, at),
        change=leaf.change,
        delivered=bool(leaf.delivered),
    )
