"""Which daily mail went to whom: one for each department, address and day. No holder is named here."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa

from edge.database import Database
from edge.instants import to_epoch
from verifier.records.tables import DUE_MAILS


class DueMailStore:
    """Remembers mails. A mail is marked as begun before it is sent. If the process dies in between, the mail is not
    sent again.
    """

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def begin(self, department: str, address: str, day: date, at: datetime) -> bool:
        """Take today's mail of an address for this process. Return False if it was begun, or may not be tried yet."""
        t, mine = DUE_MAILS, _one(department, address, day)
        with self._database.write() as connection:
            row = connection.execute(sa.select(t.c.next_at).where(*mine)).one_or_none()
            if row is None:
                values = {"department": department, "address": address, "day": day.isoformat()}
                connection.execute(t.insert().values(**values, begun_at=to_epoch(at)))
                return True
            again = t.update().where(*mine, t.c.next_at <= to_epoch(at))
            return connection.execute(again.values(next_at=None, begun_at=to_epoch(at))).rowcount == 1

    def sent(self, department: str, address: str, day: date, at: datetime) -> None:
        """Record that a mail was sent."""
        self._note(department, address, day, sent_at=to_epoch(at), fault=None)

    def failed(self, department: str, address: str, day: date, fault: str, next_at: datetime | None) -> None:
        """Record why a mail was not accepted, and when to try again; None for never."""
        again = None if next_at is None else to_epoch(next_at)
        self._note(department, address, day, fault=fault[:60], next_at=again)

    def faults(self, day: date) -> list[tuple[str, str]]:
        """Return the departments whose mail of a day was not accepted, and why."""
        t = DUE_MAILS
        asked = sa.select(t.c.department, t.c.fault).where(t.c.day == day.isoformat(), t.c.fault.is_not(None))
        with self._database.read() as connection:
            return [(row.department, row.fault) for row in connection.execute(asked.order_by(t.c.department))]

    def _note(self, department: str, address: str, day: date, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(DUE_MAILS.update().where(*_one(department, address, day)).values(**values))


def _one(department: str, address: str, day: date) -> tuple[sa.ColumnElement[bool], ...]:
    t = DUE_MAILS
    return t.c.department == department, t.c.address == address, t.c.day == day.isoformat()
