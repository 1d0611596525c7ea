"""The conflict report: what offline records contradict, read from the log alone; of whom, at which devices, when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from edge.instants import rfc3339
from ledger.interface import Ledger
from ledger.millis import from_millis
from ledger.offline import CLOCK_DOUBT, GRANTED_OFFLINE, GRANTED_ONLINE, OVERDRAWN, REPLAYED
from ledger.values import Entry, Query
from verifier.offline.answers import ConflictUse, ConflictView, IncidentView
from verifier.records.offline import DeviceIncident, OfflineStore

_PAGE: Final = 200
_COUNTED: Final = frozenset({"check-in", "offline", "booking", "booking-change"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records the report is about: received in this time, at these points (None: all)."""

    since: datetime | None = None
    until: datetime | None = None
    points: frozenset[str] | None = None


def conflicts_of(ledger: Ledger, wanted: Wanted) -> Iterator[ConflictView]:
    """Yield the conflicts of every offline entry, the newest first."""
    query = Query(since=wanted.since, until=wanted.until, points=wanted.points, kind="offline", limit=_PAGE)
    for entry in _entries(ledger, query):
        yield from _conflicts(ledger, entry)


def incidents_of(store: OfflineStore) -> tuple[IncidentView, ...]:
    """Return what in devices' numbering does not add up, the newest first."""
    return tuple(_incident(incident) for incident in store.incidents())


def _entries(ledger: Ledger, query: Query) -> Iterator[Entry]:
    while True:
        page = ledger.entries(query)
        yield from page.entries
        if page.next is None:
            return
        query = replace(query, before=page.next)


def _conflicts(ledger: Ledger, entry: Entry) -> Iterator[ConflictView]:
    fields, marks = entry.fields, _texts(entry.fields.get("marks"))
    if OVERDRAWN in marks:
        yield from _overdrawn(ledger, entry)
    if REPLAYED in marks:
        devices = (str(fields.get("rival")), str(fields["device"]))
        yield _view("replayed", (entry,), devices=tuple(dict.fromkeys(devices)))
    if fields.get("outcome") == "granted" and "linked" in fields:
        yield from _contradicted(ledger, entry)
    if GRANTED_ONLINE in marks:
        first = ledger.entry(str(fields.get("linked")))
        yield _view("granted-online", (entry,) if first is None else (first, entry), reason=_text(fields, "reason"))
    if GRANTED_OFFLINE in marks and "holder" not in fields:
        yield _view("forged", (entry,), reason=_text(fields, "reason"))
    if CLOCK_DOUBT in marks:
        yield _view("clock-doubt", (entry,))


def _contradicted(ledger: Ledger, entry: Entry) -> Iterator[ConflictView]:
    first = ledger.entry(str(entry.fields["linked"]))
    if first is not None:
        yield _view("contradicted", (first, entry), reason=_text(first.fields, "reason"))


def _overdrawn(ledger: Ledger, entry: Entry) -> Iterator[ConflictView]:
    """Every use that counts against the limit: whoever reads it sees which devices granted what, and when."""
    holder = str(entry.fields["holder"])
    uses = list(_entries(ledger, Query(holder=holder, limit=_PAGE)))
    free = _free(uses)
    for charge in _charges(entry):
        limit, period = str(charge["limit"]), str(charge["period"])
        spent = [use for use in uses if use.id not in free and _counts(use, limit, period)]
        spent.sort(key=_used_at)
        used = sum(int(found["units"]) for use in spent for found in _charges(use) if _is(found, limit, period))
        view = _view("overdrawn", spent)
        maximum = int(charge["maximum"])
        yield msgspec.structs.replace(view, limit=limit, period=period, used=used, maximum=maximum)


def _free(newest_first: Sequence[Entry]) -> set[str]:
    """The uses that cost nothing now: taken back, or within another's visit."""
    free = {use.id for use in newest_first if use.voided}
    for entry in reversed(newest_first):
        visit = entry.fields.get("visit")
        if entry.fields.get("kind") == "offline" and isinstance(visit, Mapping) and "entry" in visit:
            free.add(entry.id)
        for move in _listed(entry, "moved"):
            (free.add if "into" in move else free.discard)(str(move["entry"]))
    return free


def _counts(use: Entry, limit: str, period: str) -> bool:
    if use.fields.get("kind") not in _COUNTED or use.fields.get("outcome") != "granted":
        return False
    return any(_is(charge, limit, period) for charge in _charges(use))


def _is(charge: dict[str, Any], limit: str, period: str) -> bool:
    return charge.get("limit") == limit and charge.get("period") == period


def _charges(entry: Entry) -> list[dict[str, Any]]:
    return _listed(entry, "charges")


def _listed(entry: Entry, name: str) -> list[dict[str, Any]]:
    lines = entry.fields.get(name)
    return [dict(line) for line in lines] if isinstance(lines, list | tuple) else []


def _view(
    kind: str, entries: Sequence[Entry], *, devices: tuple[str, ...] = (), reason: str | None = None
) -> ConflictView:
    uses = tuple(_use(entry) for entry in entries)
    holders = [str(entry.fields["holder"]) for entry in entries if "holder" in entry.fields]
    return ConflictView(
        kind=kind,
        holder=holders[0] if holders else UNSET,
        reason=reason or UNSET,
        devices=devices or tuple(dict.fromkeys(use.device for use in uses)),
        uses=uses,
    )


def _use(entry: Entry) -> ConflictUse:
    fields = entry.fields
    return ConflictUse(
        id=entry.id,
        device=str(fields["device"]),
        point=str(fields["point"]),
        service=str(fields["service"]),
        at=rfc3339(_used_at(entry)),
        received_at=rfc3339(from_millis(int(str(fields["at"])))),
        offline=fields["kind"] == "offline",
        voided=entry.voided,
    )


def _used_at(entry: Entry) -> datetime:
    return from_millis(int(str(entry.fields.get("used_at", entry.fields["at"]))))


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(text) for text in value) if isinstance(value, list | tuple) else ()


def _incident(incident: DeviceIncident) -> IncidentView:
    return IncidentView(
        kind=incident.kind,
        device=incident.device,
        first=incident.seq,
        last=incident.until_seq,
        count=incident.count,
        first_at=rfc3339(incident.first_at),
        last_at=rfc3339(incident.last_at),
        closed_at=UNSET if incident.closed_at is None else rfc3339(incident.closed_at),
    )
