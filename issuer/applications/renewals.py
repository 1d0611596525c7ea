"""Tells holders that their cards end soon: once for each end, unless they have applied, at the address that they left.

A holder's address is the one in the application for the card, otherwise the register's telephone number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from edge.clock import Clock
from edge.repeating import Job
from issuer.applications import notices, records
from issuer.applications.lists import Ending, Told, ending_soon
from issuer.applications.records import Application
from issuer.register.application_tables import APPLICATIONS
from issuer.register.holders import read_holder
from issuer.register.issuer import Issuer

EVERY: Final = 3600.0
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Reached:
    """How a holder is reached: the application for the card, if there is one, and the addresses."""

    application: Application | None
    language: str
    email: str = field(repr=False)
    phone: str = field(repr=False)


def reminding(issuer: Issuer, clock: Clock) -> Job:
    """Return the job that queues due notices."""
    return Job("renewals", EVERY, lambda: queue_due(issuer, clock.now()))


def queue_due(issuer: Issuer, at: datetime) -> int:
    """Queue a notice to every holder whose cards end soon and who was not told of this end. Return the number of
    holders.
    """
    told, offset = 0, 0
    while part := ending_soon(issuer, at, limit=_AT_ONCE, offset=offset):
        offset += len(part)
        due = [one for one in part if one.told is Told.NOT and not one.applied]
        if due:
            with issuer.register.change() as connection:
                told += sum(_queue(issuer, connection, one, at) for one in due)
    return told


def _queue(issuer: Issuer, connection: Connection, ending: Ending, at: datetime) -> bool:
    """Queue the notices to one holder. Return False if the holder left no address."""
    found = _reached(issuer, connection, ending.holder_id)
    ways = ((notices.MAIL, found.email), (notices.SMS, found.phone))
    queued = [
        notices.queue_once(
            issuer,
            connection,
            notices.Once(
                name=f"{ending.name}:{way}",
                kind="renewal",
                transport=way,
                address=address,
                language=found.language,
                application_id=None if found.application is None else found.application.id,
                holder_id=ending.holder_id,
            ),
            at=at,
        )
        for way, address in ways
        if address
    ]
    return any(queued)


def _reached(issuer: Issuer, connection: Connection, holder_id: str) -> Reached:
    t = APPLICATIONS
    newest = sa.select(t.c.id).where(t.c.holder_id == holder_id).order_by(t.c.decided_at.desc(), t.c.id).limit(1)
    made = connection.execute(newest).scalar_one_or_none()
    application = None if made is None else records.read(issuer, connection, made)
    phone = read_holder(issuer, connection, holder_id).phone or ""
    if application is None:
        return Reached(None, "zh", "", phone)
    return Reached(application, application.language, application.content.email, application.content.phone or phone)
