"""A holder's own history: what was granted, refused, booked and taken back, newest first. No store, no other person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from cards.periods import period_named
from cards.programme.types import Programme, Text
from edge.encoding import b64u
from edge.instants import rfc3339
from ledger.leaf import leaf_hash
from ledger.millis import from_millis
from ledger.values import Entry, EntryPage, Outcome
from verifier.counter.answering import Answering
from verifier.counter.answers import Words


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Units that an entry counted against a quota; `resets_at` is when its period ends, null for ever."""

    name: Words
    units: int
    period: str
    resets_at: str | None


class OwnEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the log about this holder. `at` is when it was: of an offline use, when the device recorded it.

    `kind` as in docs/log-format.md; `voided`: taken back since; `target`: the entry that it is about; `leaf_hash`: that
    of its leaf in the public log, `promise` the server's signed word that it stands there within a minute.
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
    target: str | None = None
    leaf_hash: str
    promise: str


class OwnHistory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of it; `next` goes into `before` for the page after. A card that does not hold learns why, no more."""

    valid: bool
    server_time: str
    reason: str | None = None
    message: Words | None = None
    entries: tuple[OwnEntry, ...] = ()
    next: str | None = None


def history_of(programme: Programme, answering: Answering, page: EntryPage, at: datetime) -> OwnHistory:
    """Return a page of the log, which must be of one holder, as that holder may see it."""
    entries = tuple(_own(programme, answering, entry) for entry in page.entries)
    return OwnHistory(valid=True, server_time=rfc3339(at), entries=entries, next=page.next)


def _own(programme: Programme, answering: Answering, entry: Entry) -> OwnEntry:
    fields = cast("Mapping[str, Any]", entry.fields)
    leaf, recorded = leaf_hash(entry.leaf), from_millis(fields["at"])
    made = Outcome(entry.id, recorded, fields.get("outcome") == "granted", fields.get("reason"), leaf)
    service, point = programme.services.get(fields["service"]), programme.points.get(fields["point"])
    return OwnEntry(
        id=entry.id,
        kind=fields["kind"],
        at=rfc3339(from_millis(fields.get("used_at", fields["at"]))),
        service=fields["service"],
        service_name=Words.of(service.name if service else Text(en=fields["service"])),
        point=fields["point"],
        point_name=Words.of(point.name if point else Text(en=fields["point"])),
        outcome=fields.get("outcome"),
        reason=fields.get("reason"),
        counted=tuple(_counted(programme, charge) for charge in fields.get("charges", ())),
        voided=entry.voided,
        target=fields.get("target"),
        leaf_hash=b64u(leaf),
        promise=answering.promise(made),
    )


def _counted(programme: Programme, charge: Mapping[str, Any]) -> Counted:
    quota = programme.quotas.get(re.split("[@/]", charge["limit"])[0])
    ends_at = None if quota is None else period_named(quota.unit, charge["period"], programme.zone).ends_at
    return Counted(
        name=Words.of(Text(en=charge["limit"]) if quota is None else quota.name),
        units=charge["units"],
        period=charge["period"],
        resets_at=None if ends_at is None else rfc3339(ends_at),
    )
