"""A holder's own history: granted, refused, booked and taken back, newest first. No store, no other person."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from datetime import datetime

import msgspec

from cards.periods import period_named
from cards.programme.types import Programme, Text
from edge.encoding import b64u
from edge.instants import rfc3339, rfc3339_or_none
from ledger.leaf import ChargeLine, leaf_hash
from ledger.offline import HELD
from ledger.values import Entry, EntryPage
from verifier.counter.answering import Answering
from verifier.counter.answers import Words
from verifier.rules.wording import place_name


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Units that an entry counted against a quota. `resets_at` is when its period ends, or null if it never does."""

    name: Words
    units: int
    period: str
    resets_at: str | None


class OwnEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the log about this holder. `at` is its time: for an offline use, the time at which the device
    recorded it.

    `kind` as in docs/log-format.md. `voided`: taken back later. `held`: an offline device let the holder in, and its
    record waits for a supervisor and is not counted until then. `linked`: the entry that it follows, such as the held
    entry that was released. `target`: the entry that it is about. `leaf_hash`: the hash of its leaf in the public log.
    `promise`: the server's signed promise that the entry is in the log within a minute.
    """

    id: str
    kind: str
    at: str
    service: str
    service_name: Words
    point: str
    point_name: Words
    outcome: str | None = None
    reason: str | None = None
    counted: tuple[Counted, ...] = ()
    voided: bool = False
    held: bool = False
    linked: str | None = None
    target: str | None = None
    leaf_hash: str
    promise: str


class OwnHistory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of the holder's history. Use `next` as `before` for the next page. An invalid card gets the reason and
    nothing else.
    """

    valid: bool
    server_time: str
    reason: str | None = None
    message: Words | None = None
    entries: tuple[OwnEntry, ...] = ()
    next: str | None = None


def history_of(
    programme: Programme,
    answering: Answering,
    page: EntryPage,
    waiting: Callable[[list[str]], Container[str]],
    at: datetime,
) -> OwnHistory:
    """Return a page of one holder's log as this holder may see it. All entries must be of this holder.

    `waiting` tells which of the held records' entries still wait for a supervisor.
    """
    marked = [entry.id for entry in page.entries if HELD in entry.leaf.marks]
    held = waiting(marked) if marked else ()
    entries = tuple(_own(programme, answering, entry, held=entry.id in held) for entry in page.entries)
    return OwnHistory(valid=True, server_time=rfc3339(at), entries=entries, next=page.next)


def _own(programme: Programme, answering: Answering, entry: Entry, *, held: bool) -> OwnEntry:
    leaf, hashed = entry.leaf, leaf_hash(entry.data)
    service = programme.services.get(leaf.service)
    return OwnEntry(
        id=entry.id,
        kind=leaf.kind,
        at=rfc3339(leaf.happened_at),
        service=leaf.service,
        service_name=Words.of(service.name if service else Text(en=leaf.service)),
        point=leaf.point,
        point_name=Words.of(place_name(programme, leaf.point)),
        outcome=leaf.outcome,
        reason=leaf.reason,
        counted=tuple(_counted(programme, charge) for charge in leaf.charges),
        voided=entry.voided,
        held=held,
        linked=leaf.linked,
        target=leaf.target,
        leaf_hash=b64u(hashed),
        promise=answering.promise(leaf.id, hashed, leaf.recorded_at),
    )


def _counted(programme: Programme, charge: ChargeLine) -> Counted:
    quota = programme.quotas.get(re.split("[@/]", charge.limit)[0])
    ends_at = None if quota is None else period_named(quota.unit, charge.period, programme.zone).ends_at
    return Counted(
        name=Words.of(Text(en=charge.limit) if quota is None else quota.name),
        units=charge.units,
        period=charge.period,
        resets_at=rfc3339_or_none(ends_at),
    )
