"""Breaking the glass: issuing a card without an application. This is possible, and it is always recorded."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from issuer.applications.states import State
from issuer.register import office_log
from issuer.register.application_tables import APPLICATIONS
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction


def note_broken_glass(issuer: Issuer, holder_id: str, *, by: str, at: datetime) -> bool:
    """Record in the office log that a card is issued without an approved application. Return whether this is so."""
    t = APPLICATIONS
    approved = sa.select(t.c.id).where(t.c.holder_id == holder_id, t.c.state == State.APPROVED.value).limit(1)
    with issuer.register.change() as connection:
        if connection.execute(approved).first() is not None:
            return False
        office_log.append(connection, OfficeAction.BROKEN_GLASS, by=by, at=at, holder=holder_id)
    return True
