"""Months that a department closed, and their figures at the closing. No person is named here.

Figures change only by new rows: a later change of a closed month stands beside it, in the next month that was closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from edge.database import Database
from edge.instants import from_epoch, to_epoch
from edge.problems import Problem, ProblemKind, register_problem
from verifier.records.tables import STATEMENT_CLOSINGS as CLOSINGS
from verifier.records.tables import STATEMENT_LINES as LINES

register_problem(
    ProblemKind(
        "month-closed", 409, "该月已结账", "The month is closed", "Record the change as a correction of a later month."
    )
)
FIGURES: Final = ("paid", "re_entries", "companions", "voided", "overrides", "held")
"""The counted figures, in the order of a row."""


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """A closed month: when it was closed, and by whose id."""

    month: str
    closed_at: datetime
    closed_by: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The figures of one service in one month at one point, settled with a month. This is the same month, or a later
    month as a correction; then the figures are to be added (negative: subtracted).
    """

    settled_in: str
    month: str
    point: str
    service: str
    figures: tuple[int, ...]


class StatementStore:
    """Keeps closed months. Each closing is one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def closings(self, department: str) -> tuple[ClosedMonth, ...]:
        """Return the months that a department closed, newest first."""
        wanted = sa.select(CLOSINGS).where(CLOSINGS.c.department == department).order_by(CLOSINGS.c.month.desc())
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return tuple(ClosedMonth(row.month, from_epoch(row.closed_at), row.closed_by) for row in rows)

    def close(self, department: str, closing: ClosedMonth, lines: Iterable[Settled]) -> None:
        """Keep a closed month with its figures, all or nothing. Problem `month-closed` if it was closed before."""
        kept = {"month": closing.month, "closed_at": to_epoch(closing.closed_at), "closed_by": closing.closed_by}
        rows = [_row(department, one) for one in lines]
        try:
            with self._database.write() as connection:
                connection.execute(CLOSINGS.insert().values(department=department, **kept))
                if rows:
                    connection.execute(LINES.insert(), rows)
        except IntegrityError:
            raise Problem("month-closed") from None

    def settled(self, department: str) -> tuple[Settled, ...]:
        """Return all figures that a department settled, in the order of month, point and service."""
        wanted = sa.select(LINES).where(LINES.c.department == department)
        ordered = wanted.order_by(LINES.c.settled_in, LINES.c.month, LINES.c.point, LINES.c.service)
        with self._database.read() as connection:
            return tuple(_settled(row) for row in connection.execute(ordered))


def _row(department: str, one: Settled) -> dict[str, object]:
    place = {"settled_in": one.settled_in, "month": one.month, "point": one.point, "service": one.service}
    return {"department": department, **place, **dict(zip(FIGURES, one.figures, strict=True))}


def _settled(row: sa.Row[tuple[object, ...]]) -> Settled:
    told = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    figures = tuple(told[name] for name in FIGURES)
    return Settled(told["settled_in"], told["month"], told["point"], told["service"], figures)
