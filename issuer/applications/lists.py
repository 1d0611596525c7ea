"""Lists for the office: cards that end soon, with their notices that were queued or sent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.periods import last_day
from edge.instants import to_epoch
from issuer.applications.states import State
from issuer.register.application_tables import APPLICATIONS, NOTICES
from issuer.register.issuer import Issuer
from issuer.register.tables import CARDS, HOLDERS, CardState


class Told(StrEnum):
    """What happened to the notice that a holder's cards end: the best result of its ways."""

    SENT = "sent"
    WAITS = "waits"
    GIVEN_UP = "given-up"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Ending:
    """A holder whose cards end soon: the last day, the tier, whether a new application is open, and what was told.

    `name` is the same for every notice of this end. A renewed card ends at another time, under another name.
    """

    holder_id: str
    masked_name: str
    tier: str
    last_day: date
    applied: bool
    told: Told
    name: str


def ending_soon(issuer: Issuer, at: datetime, *, limit: int, offset: int = 0) -> list[Ending]:
    """Return holders whose live cards end within the time in which a renewal is open, earliest end first."""
    with issuer.register.read() as connection:
        rows = connection.execute(_asked(issuer, at, limit, offset)).all()
        applied = _applied(connection, [row.id_hash for row in rows])
        names = {row.id: f"renewal:{row.id}:{to_epoch(row.ends)}" for row in rows}
        told = _told(connection, names)
    zone = issuer.programme.zone
    return [
        Ending(
            row.id,
            row.masked_name,
            row.tier,
            last_day(row.ends, zone),
            row.id_hash in applied,
            told[row.id],
            names[row.id],
        )
        for row in rows
    ]


def _asked(issuer: Issuer, at: datetime, limit: int, offset: int) -> sa.Select[tuple[object, ...]]:
    """Return the query for holders with a live card that ends soon and none that ends later. The index of ends finds
    these few among all cards.
    """
    until = at + issuer.programme.validity.renewal_opens
    live, later = [CardState.VALID, CardState.SUSPENDED], CARDS.alias("later")
    lasts = sa.exists().where(
        later.c.holder_id == CARDS.c.holder_id, later.c.state.in_(live), later.c.valid_until > until
    )
    ends = sa.func.max(CARDS.c.valid_until, type_=CARDS.c.valid_until.type).label("ends")
    found = (
        sa.select(CARDS.c.holder_id, ends)
        .where(CARDS.c.valid_until > at, CARDS.c.valid_until <= until, CARDS.c.state.in_(live), sa.not_(lasts))
        .group_by(CARDS.c.holder_id)
        .order_by(ends, CARDS.c.holder_id)
        .limit(limit)
        .offset(offset)
        .subquery()
    )
    tier = sa.select(sa.func.max(CARDS.c.tier)).where(CARDS.c.holder_id == HOLDERS.c.id, CARDS.c.state.in_(live))
    return (
        sa.select(HOLDERS.c.id, HOLDERS.c.masked_name, HOLDERS.c.id_hash, tier.label("tier"), found.c.ends)
        .join(found, found.c.holder_id == HOLDERS.c.id)
        .order_by(found.c.ends, HOLDERS.c.id)
    )


def _applied(connection: Connection, hashes: list[str]) -> set[str | None]:
    """Return the identities that have an open application."""
    opened = APPLICATIONS.c.state.in_([one for one in State if one.open])
    asked = sa.select(APPLICATIONS.c.id_hash).where(opened, APPLICATIONS.c.id_hash.in_(hashes))
    return set(connection.execute(asked).scalars())


def _told(connection: Connection, names: dict[str, str]) -> dict[str, Told]:
    """Return what happened to the notices of each holder's present end."""
    t = NOTICES
    asked = sa.select(t.c.holder_id, t.c.once, t.c.sent_at, t.c.given_up_at).where(t.c.holder_id.in_(names))
    by_holder: dict[str, set[Told]] = defaultdict(set)
    for row in connection.execute(asked):
        if (row.once or "").startswith(f"{names[row.holder_id]}:"):
            waits = Told.WAITS if row.given_up_at is None else Told.GIVEN_UP
            by_holder[row.holder_id].add(waits if row.sent_at is None else Told.SENT)
    return {holder: next((one for one in Told if one in by_holder[holder]), Told.NOT) for holder in names}
