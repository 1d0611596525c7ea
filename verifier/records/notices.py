"""Yearly notices in the store: one for each service and year. The only person named is the one who kept the notice."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import sqlalchemy as sa

from edge.database import Database
from edge.instants import to_epoch
from verifier.records.tables import NOTICES
from verifier.rules.notices import Notice

_DAYS: Final = ("receipts_from", "receipts_until", "held_from", "held_until")


class NoticeStore:
    """Keeps notices. Each change is one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def keep(self, notice: Notice, by: str, at: datetime) -> None:
        """Keep a notice in place of the earlier one of its service and year."""
        mine = NOTICES.c.service == notice.service, NOTICES.c.year == notice.year
        row = _row(notice) | {"kept_by": by, "kept_at": to_epoch(at)}
        with self._database.write() as connection:
            connection.execute(NOTICES.delete().where(*mine))
            connection.execute(NOTICES.insert().values(row))

    def find(self, service: str, year: int) -> Notice | None:
        """Return the notice of a service's year."""
        return next((one for one in self.of_service(service) if one.year == year), None)

    def of_service(self, service: str) -> list[Notice]:
        """Return the notices of a service, the newest year first."""
        wanted = sa.select(NOTICES).where(NOTICES.c.service == service).order_by(NOTICES.c.year.desc())
        with self._database.read() as connection:
            return [_notice(row) for row in connection.execute(wanted)]


def _row(notice: Notice) -> dict[str, object]:
    days = {name: getattr(notice, name).isoformat() for name in _DAYS}
    return {"service": notice.service, "year": notice.year, "reference": notice.reference, **days}


def _notice(row: sa.Row[tuple[object, ...]]) -> Notice:
    told = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
    days = {name: date.fromisoformat(told[name]) for name in _DAYS}
    return Notice(service=told["service"], year=told["year"], reference=told["reference"], **days)
