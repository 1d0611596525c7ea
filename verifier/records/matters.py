"""Matters as the log tells them, in a table that can be listed. The table holds nothing that the log does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from edge.database import Database
from edge.instants import from_epoch, to_epoch
from verifier.records.tables import MATTERS
from verifier.rules.matters import Matter

_TIMES: Final = ("opened_at", "complete_at", "deadline", "closed_at")
_MOST: Final = 500


class MatterTab(StrEnum):
    """A part of the list of matters: all open, not taken up, due today, late, under way, closed."""

    OPEN = "open"
    NEW = "new"
    TODAY = "today"
    OVERDUE = "overdue"
    UNDER_WAY = "under-way"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class MatterFilter:
    """Which matters a list holds: those of these places, and those handed to these departments.

    `places`: the services of each place, or None for all of them. `at` and `day_ends_at` (the end of the local day of
    `at`) separate late, due today and later. `reference`: only matters with this number.
    """

    places: Mapping[str, frozenset[str] | None]
    at: datetime
    day_ends_at: datetime
    handed_to: frozenset[str] = field(default_factory=frozenset)
    service: str | None = None
    reference: str | None = None


class MatterStore:
    """Keeps matters. Each change is one transaction, by a function of the present matter."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def apply(self, matter_id: str, change: Callable[[Matter | None], Matter | None]) -> Matter | None:
        """Replace a matter by the result of `change`. Return it."""
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
        """Return a point's matters: open or overdue (the most urgent first), or closed (the newest first)."""
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

    def select(self, wanted: MatterFilter, tab: MatterTab, limit: int, offset: int = 0) -> list[Matter]:
        """Return a part of a list: closed matters newest first, other matters most urgent first."""
        if tab is MatterTab.CLOSED:
            found = _closed(wanted, limit + offset)
        else:
            found = sa.select(MATTERS).where(_within(wanted), _in_tab(tab, wanted))
            found = found.order_by(MATTERS.c.deadline.is_(None), MATTERS.c.deadline, MATTERS.c.opened_at, MATTERS.c.id)
        with self._database.read() as connection:
            return [_matter(row) for row in connection.execute(found.limit(limit).offset(offset))]

    def count(self, wanted: MatterFilter) -> dict[MatterTab, int]:
        """Return the number of matters in each part of a list.

        The closed ones, which grow for ever, are counted from the index alone, place by place.
        """
        tabs = [tab for tab in MatterTab if tab is not MatterTab.CLOSED]
        sums = [sa.func.sum(sa.case((_in_tab(tab, wanted), 1), else_=0)) for tab in tabs]
        opened = sa.select(*sums).where(_within(wanted), MATTERS.c.closed_at.is_(None))
        closed = [sa.select(sa.func.count()).where(part, MATTERS.c.closed_at.is_not(None)) for part in _parts(wanted)]
        with self._database.read() as connection:
            row = connection.execute(opened).one()
            ended = sum(connection.execute(part).scalar_one() for part in closed)
        return {tab: int(number or 0) for tab, number in zip(tabs, row, strict=True)} | {MatterTab.CLOSED: ended}

    def of_service(self, place: str, service: str, since: datetime | None, until: datetime | None) -> list[Matter]:
        """Return all matters of a service opened at a place in a span without its end, in their order."""
        wanted = sa.select(MATTERS).where(MATTERS.c.point == place, MATTERS.c.service == service)
        if since is not None:
            wanted = wanted.where(MATTERS.c.opened_at >= to_epoch(since))
        if until is not None:
            wanted = wanted.where(MATTERS.c.opened_at < to_epoch(until))
        with self._database.read() as connection:
            return [_matter(row) for row in connection.execute(wanted.order_by(MATTERS.c.opened_at, MATTERS.c.id))]

    def clear(self) -> None:
        """Delete all matters, which are then read again from the log."""
        with self._database.write() as connection:
            connection.execute(MATTERS.delete())


def _within(wanted: MatterFilter) -> sa.ColumnElement[bool]:
    """Return the condition for a matter to be in the list at all."""
    here = [*_at_places(wanted), MATTERS.c.decides.in_(sorted(wanted.handed_to))]
    return sa.and_(sa.or_(*here), *_narrowed(wanted))


def _at_places(wanted: MatterFilter) -> list[sa.ColumnElement[bool]]:
    """Whether a matter is one of a place's own, place by place."""
    return [
        MATTERS.c.point == place
        if services is None
        else sa.and_(MATTERS.c.point == place, MATTERS.c.service.in_(sorted(services)))
        for place, services in wanted.places.items()
    ]


def _narrowed(wanted: MatterFilter) -> list[sa.ColumnElement[bool]]:
    columns = ((MATTERS.c.service, wanted.service), (MATTERS.c.reference, wanted.reference))
    return [column == value for column, value in columns if value is not None]


def _parts(wanted: MatterFilter) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the list in parts that share no matter: each place's own, then those handed over from elsewhere.

    A database reads each part along one index; of a list as a whole, alternatives, it reads and sorts every row.
    """
    here, narrowed = _at_places(wanted), _narrowed(wanted)
    for place in here:
        yield sa.and_(place, *narrowed)
    if wanted.handed_to:
        elsewhere = [sa.not_(sa.or_(*here))] if here else []
        yield sa.and_(MATTERS.c.decides.in_(sorted(wanted.handed_to)), *elsewhere, *narrowed)


def _closed(wanted: MatterFilter, most: int) -> sa.Select[Any]:
    """Return the closed ones, the newest first: of each part the first `most` by its index, then those merged."""
    order = (MATTERS.c.closed_at.desc(), MATTERS.c.id)
    firsts = [
        sa.select(MATTERS.c.id).where(part, MATTERS.c.closed_at.is_not(None)).order_by(*order).limit(most).subquery()
        for part in _parts(wanted)
    ]
    if not firsts:
        return sa.select(MATTERS).where(sa.false())
    ids = sa.union_all(*(sa.select(first.c.id) for first in firsts))
    return sa.select(MATTERS).where(MATTERS.c.id.in_(ids)).order_by(*order)


def _in_tab(tab: MatterTab, wanted: MatterFilter) -> sa.ColumnElement[bool]:
    is_open, due = MATTERS.c.closed_at.is_(None), MATTERS.c.deadline
    now, tonight = to_epoch(wanted.at), to_epoch(wanted.day_ends_at)
    told: dict[MatterTab, sa.ColumnElement[bool]] = {
        MatterTab.OPEN: sa.true(),
        MatterTab.NEW: MATTERS.c.stage == "opened",
        MatterTab.TODAY: sa.and_(due >= now, due < tonight),
        MatterTab.OVERDUE: due < now,
        MatterTab.UNDER_WAY: MATTERS.c.stage != "opened",
    }
    return MATTERS.c.closed_at.is_not(None) if tab is MatterTab.CLOSED else sa.and_(is_open, told[tab])


def _row(matter: Matter) -> dict[str, object]:
    values = {column.name: getattr(matter, column.name) for column in MATTERS.columns}
    return values | {name: None if values[name] is None else to_epoch(values[name]) for name in _TIMES}


def _matter(row: sa.Row[tuple[object, ...]]) -> Matter:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return Matter(**values | {name: None if values[name] is None else from_epoch(values[name]) for name in _TIMES})
