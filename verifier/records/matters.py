"""Matters as the log tells them, kept where they can be listed. Nothing here that the log does not say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from edge.database import Database
from edge.instants import from_epoch, to_epoch
from verifier.records.tables import MATTERS
from verifier.rules.matters import Matter

_TIMES: Final = ("opened_at", "complete_at", "deadline", "closed_at")
_MOST: Final = 500


class MatterStore:
    """Keeps matters. Each is changed in one transaction, by a function of what stands."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def apply(self, matter_id: str, change: Callable[[Matter | None], Matter | None]) -> Matter | None:
        """Put a matter in the place of what stands, as `change` makes it; return it."""
        mine = MATTERS.c.id == matter_id
        with self._database.write() as connection:
            row = connection.execute(sa.select(MATTERS).where(mine)).first()
            matter = change(None if row is None else _matter(row))
            if matter is None:
                return None
            if row is None:
                connection.execute(MATTERS.insert().values(_row(matter)))
            else:
                connection.execute(MATTERS.update().where(mine).values(_row(matter)))
        return matter

    def find(self, matter_id: str) -> Matter | None:
        """Return a matter."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(MATTERS).where(MATTERS.c.id == matter_id)).first()
        return None if row is None else _matter(row)

    def at_point(self, point: str, state: str, at: datetime) -> list[Matter]:
        """Return a point's matters: open, overdue (the most urgent first), or closed (the newest first)."""
        wanted = sa.select(MATTERS).where(MATTERS.c.point == point)
        if state == "closed":
            wanted = wanted.where(MATTERS.c.closed_at.is_not(None)).order_by(MATTERS.c.closed_at.desc())
        else:
            wanted = wanted.where(MATTERS.c.closed_at.is_(None))
            if state == "overdue":
                wanted = wanted.where(MATTERS.c.deadline < to_epoch(at))
            wanted = wanted.order_by(MATTERS.c.deadline.is_(None), MATTERS.c.deadline, MATTERS.c.opened_at)
        with self._database.read() as connection:
            return [_matter(row) for row in connection.execute(wanted.limit(_MOST))]

    def of_service(self, place: str, service: str, since: datetime | None, until: datetime | None) -> list[Matter]:
        """Return all matters of a service opened at a place in a span, its end excluded, in their order."""
        wanted = sa.select(MATTERS).where(MATTERS.c.point == place, MATTERS.c.service == service)
        if since is not None:
            wanted = wanted.where(MATTERS.c.opened_at >= to_epoch(since))
        if until is not None:
            wanted = wanted.where(MATTERS.c.opened_at < to_epoch(until))
        with self._database.read() as connection:
            return [_matter(row) for row in connection.execute(wanted.order_by(MATTERS.c.opened_at, MATTERS.c.id))]

    def clear(self) -> None:
        """Forget all, to be read anew from the log."""
        with self._database.write() as connection:
            connection.execute(MATTERS.delete())


def _row(matter: Matter) -> dict[str, object]:
    values = {column.name: getattr(matter, column.name) for column in MATTERS.columns}
    return values | {name: None if values[name] is None else to_epoch(values[name]) for name in _TIMES}


def _matter(row: sa.Row[tuple[object, ...]]) -> Matter:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return Matter(**values | {name: None if values[name] is None else from_epoch(values[name]) for name in _TIMES})
