"""Events from the office log about applications for webhooks: the stage and the application, and nothing more.

The events give neither ground nor tier nor the reason of a decision. Only the integrator that handed in an application
gets its receipt number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from hooks.events import OFFICE, HookEvent
from issuer.register.application_tables import APPLICATIONS
from issuer.register.database import Register
from issuer.register.office_log import OfficeAction
from issuer.register.tables import OFFICE_LOG

KINDS: Final = {
    OfficeAction.APPLICATION_RECEIVED: "application.received",
    OfficeAction.APPLICATION_ASKED: "application.supplement_asked",
    OfficeAction.APPLICATION_SUPPLIED: "application.supplied",
    OfficeAction.APPLICATION_REVIEWED: "application.reviewed",
    OfficeAction.APPLICATION_RETURNED: "application.returned",
    OfficeAction.APPLICATION_APPROVED: "application.approved",
    OfficeAction.APPLICATION_REFUSED: "application.refused",
    OfficeAction.APPLICATION_WITHDRAWN: "application.withdrawn",
}
_BY: Final = "integrator:"
PARTITION: Final = 0
"""The office log is one sequence. Its writers take turns, so no number appears below a number that was already read."""


class OfficeLog:
    """The office log as a source of events."""

    log: str = OFFICE

    def __init__(self, register: Register) -> None:
        """Read from a register."""
        self._register = register

    def starts(self, since: datetime) -> Mapping[int, int]:
        """Return the number of the last line before an instant."""
        with self._register.read() as connection:
            asked = sa.select(sa.func.max(OFFICE_LOG.c.seq)).where(OFFICE_LOG.c.at < since)
            return {PARTITION: connection.execute(asked).scalar() or 0}

    def ends(self) -> Mapping[int, int]:
        """Return the number of the last line."""
        with self._register.read() as connection:
            return {PARTITION: connection.execute(sa.select(sa.func.max(OFFICE_LOG.c.seq))).scalar() or 0}

    def read(self, partition: int, after: int, limit: int) -> Sequence[tuple[int, HookEvent | None]]:
        """Return the lines after a number, each with its event, or with None."""
        del partition
        t = OFFICE_LOG
        asked = sa.select(t.c.seq, t.c.at, t.c.action, t.c.detail).where(t.c.seq > after).order_by(t.c.seq).limit(limit)
        with self._register.read() as connection:
            lines = connection.execute(asked).all()
            named = {line.detail["application"] for line in lines if line.action in KINDS}
            told = sa.select(APPLICATIONS.c.id, APPLICATIONS.c.recorded_by, APPLICATIONS.c.receipt)
            rows = connection.execute(told.where(APPLICATIONS.c.id.in_(named))).all()
        receipts = {row.id: {row.recorded_by.removeprefix(_BY): {"receipt": row.receipt}} for row in rows}
        return [(line.seq, _event(line.seq, line.at, line.action, line.detail, receipts)) for line in lines]


def _event(
    seq: int, at: datetime, action: str, detail: Mapping[str, str], receipts: Mapping[str, Mapping[str, Any]]
) -> HookEvent | None:
    if action not in KINDS:
        return None
    application = detail["application"]
    return HookEvent(
        kind=KINDS[OfficeAction(action)],
        log=OFFICE,
        entry=f"office-{seq}",
        partition=PARTITION,
        sequence=seq,
        at=at,
        told={},
        subject=("application", application),
        own=receipts.get(application, {}),
    )
