"""The conflict report: contradictions of offline records, from the log alone: the holders, the devices, the times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from edge.instants import rfc3339, rfc3339_or_none
from ledger.interface import Ledger
from ledger.leaf import ChargeLine
from ledger.offline import CLOCK_DOUBT, GRANTED_OFFLINE, GRANTED_ONLINE, HELD, OVERDRAWN, REPLAYED
from ledger.paging import every_entry
from ledger.values import Entry, Query
from verifier.offline.answers import ConflictUse, ConflictView, IncidentView
from verifier.records.offline import DeviceIncident, OfflineStore

_PAGE: Final = 200
_COUNTED: Final = frozenset({"check-in", "offline", "booking", "booking-change"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records the report covers: received in this time, at these points (None: all points)."""

    since: datetime | None = None
    until: datetime | None = None
    points: frozenset[str] | None = None


def conflicts_of(ledger: Ledger, wanted: Wanted) -> Iterator[ConflictView]:
    """Yield the conflicts of every offline entry, newest first."""
    query = Query(since=wanted.since, until=wanted.until, points=wanted.points, kind="offline", limit=_PAGE)
    decided: set[str] = set()  # Newest first: a decision comes before its record
    for entry in every_entry(ledger, query):
        if entry.leaf.linked is not None:
            decided.add(entry.leaf.linked)
        if HELD in entry.leaf.marks and entry.id not in decided:
            yield _view("held", (entry,), reason=entry.leaf.reason)
        yield from _conflicts(ledger, entry)


def incidents_of(store: OfflineStore) -> tuple[IncidentView, ...]:
    """Return the faults in devices' numbering, newest first."""
    return tuple(_incident(incident) for incident in store.incidents())


def _conflicts(ledger: Ledger, entry: Entry) -> Iterator[ConflictView]:
    leaf, marks = entry.leaf, entry.leaf.marks
    if OVERDRAWN in marks:
        yield from _overdrawn(ledger, entry)
    if REPLAYED in marks:
        devices = (leaf.rival or "", leaf.device)
        yield _view("replayed", (entry,), devices=tuple(dict.fromkeys(devices)))
    if leaf.outcome == "granted" and leaf.linked is not None:
        yield from _contradicted(ledger, entry)
    if GRANTED_ONLINE in marks:
        first = ledger.entry(leaf.linked or "")
        yield _view("granted-online", (entry,) if first is None else (first, entry), reason=leaf.reason)
    if GRANTED_OFFLINE in marks and leaf.holder is None:
        yield _view("forged", (entry,), reason=leaf.reason)
    if CLOCK_DOUBT in marks:
        yield _view("clock-doubt", (entry,))


def _contradicted(ledger: Ledger, entry: Entry) -> Iterator[ConflictView]:
    first = ledger.entry(entry.leaf.linked or "")
    if first is not None:
        yield _view("contradicted", (first, entry), reason=first.leaf.reason)


def _overdrawn(ledger: Ledger, entry: Entry) -> Iterator[ConflictView]:
    """Yield every use that counts against the limit, with device and time."""
    uses = list(every_entry(ledger, Query(holder=entry.leaf.holder, limit=_PAGE)))
    free = _free(uses)
    for charge in entry.leaf.charges:
        spent = [use for use in uses if use.id not in free and _counts(use, charge)]
        spent.sort(key=lambda use: use.leaf.happened_at)
        used = sum(found.units for use in spent for found in use.leaf.charges if _same_limit(found, charge))
        yield msgspec.structs.replace(
            _view("overdrawn", spent), limit=charge.limit, period=charge.period, used=used, maximum=charge.maximum
        )


def _free(newest_first: Sequence[Entry]) -> set[str]:
    """Return the uses that cost nothing now: voided uses, or uses within another use's visit."""
    free = {use.id for use in newest_first if use.voided}
    for entry in reversed(newest_first):
        visit = entry.leaf.visit
        if entry.leaf.kind == "offline" and visit is not None and visit.entry is not None:
            free.add(entry.id)
        for move in entry.leaf.moved:
            (free.discard if move.into is None else free.add)(move.entry)
    return free


def _counts(use: Entry, charge: ChargeLine) -> bool:
    """Return whether a use counted against the limit and the period of a charge."""
    if use.leaf.kind not in _COUNTED or use.leaf.outcome != "granted":
        return False
    return any(_same_limit(counted, charge) for counted in use.leaf.charges)


def _same_limit(one: ChargeLine, other: ChargeLine) -> bool:
    return (one.limit, one.period) == (other.limit, other.period)


def _view(
    kind: str, entries: Sequence[Entry], *, devices: tuple[str, ...] = (), reason: str | None = None
) -> ConflictView:
    uses = tuple(_use(entry) for entry in entries)
    holders = [entry.leaf.holder for entry in entries if entry.leaf.holder is not None]
    return ConflictView(
        kind=kind,
        holder=holders[0] if holders else None,
        reason=reason or None,
        devices=devices or tuple(dict.fromkeys(use.device for use in uses)),
        uses=uses,
    )


def _use(entry: Entry) -> ConflictUse:
    leaf = entry.leaf
    return ConflictUse(
        id=entry.id,
        device=leaf.device,
        point=leaf.point,
        service=leaf.service,
        at=rfc3339(leaf.happened_at),
        received_at=rfc3339(leaf.recorded_at),
        offline=leaf.kind == "offline",
        voided=entry.voided,
    )


def _incident(incident: DeviceIncident) -> IncidentView:
    return IncidentView(
        kind=incident.kind,
        device=incident.device,
        first=incident.seq,
        last=incident.until_seq,
        count=incident.count,
        first_at=rfc3339(incident.first_at),
        last_at=rfc3339(incident.last_at),
        closed_at=rfc3339_or_none(incident.closed_at),
    )
