"""Lists for the office: cards that end soon, with the notices that were sent already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from cards.periods import last_day
from issuer.applications.states import State
from issuer.register.application_tables import APPLICATIONS
from issuer.register.issuer import Issuer
from issuer.register.tables import CARDS, HOLDERS, CardState


@dataclass(frozen=True, slots=True)
class Ending:
    """A holder whose cards end soon: the last day, the tier, and whether a new application is open."""

    holder_id: str
    masked_name: str
    tier: str
    last_day: date
    applied: bool


def ending_soon(issuer: Issuer, at: datetime, *, limit: int, offset: int = 0) -> list[Ending]:
    """Return holders whose live cards end within the time in which a renewal is open, the first to end first."""
    until = at + issuer.programme.validity.renewal_opens
    live = CARDS.c.state.in_([CardState.VALID, CardState.SUSPENDED])
    ends = sa.func.max(CARDS.c.valid_until).label("ends")
    opened = sa.select(APPLICATIONS.c.id_hash).where(APPLICATIONS.c.state.in_([one for one in State if one.open]))
    asked = (
        sa.select(HOLDERS.c.id, HOLDERS.c.masked_name, HOLDERS.c.id_hash, sa.func.max(CARDS.c.tier).label("tier"), ends)
        .join(CARDS, CARDS.c.holder_id == HOLDERS.c.id)
        .where(live)
        .group_by(HOLDERS.c.id, HOLDERS.c.masked_name, HOLDERS.c.id_hash)
        .having(ends <= until, ends > at)
        .order_by(ends, HOLDERS.c.id)
    )
    with issuer.register.read() as connection:
        rows = connection.execute(asked.limit(limit).offset(offset)).all()
        named = [row.id_hash for row in rows]
        applied = set(connection.execute(opened.where(APPLICATIONS.c.id_hash.in_(named))).scalars())
    zone = issuer.programme.zone
    return [Ending(row.id, row.masked_name, row.tier, last_day(row.ends, zone), row.id_hash in applied) for row in rows]
