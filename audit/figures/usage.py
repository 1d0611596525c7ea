"""Figures of use, counted once from the published log and kept. A question about figures never reads the log and never
delays a check-in.

The kept figures follow from the log and are counted again if they do not fit. The charges of a booking count from its
hold. These figures do not follow units that a missed booking gives back, nor units that move between visits recorded
offline: the ledger's own counters decide, and these figures are for people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.tables import USAGE_COUNTED, USAGE_COUNTS, USAGE_TAKEN
from audit.tree.proofs import LogReader
from audit.tree.tiles import Tree
from edge.database import Database
from ledger.leaf import USES, Leaf

MOST_AT_ONCE: Final = 50_000
"""Entries counted in one call, so that no question waits long. The next call counts on."""

_GIVEN_BACK: Final = ("void", "booking-cancel")
_MILLIS: Final = 1000


class _Charge(msgspec.Struct, frozen=True):
    limit: str
    maximum: int
    period: str
    units: int


class CountedLeaf(msgspec.Struct, frozen=True):
    """The fields of a leaf that the figures use."""

    at: int
    id: str
    kind: str
    point: str
    service: str
    charges: tuple[_Charge, ...] = ()
    holder: str | None = None
    outcome: str | None = None
    reason: str | None = None
    target: str | None = None
    tier: str | None = None
    used_at: int | None = None


_DECODER: Final = msgspec.json.Decoder(CountedLeaf)
Find = Callable[[str], Leaf | None]
"""Returns an entry's leaf by the entry's id, or None if the entry is no longer held."""


class Cell(NamedTuple):
    """One kind of use, in the finest division of the figures."""

    day: str
    hour: int
    point: str
    service: str
    tier: str
    outcome: str
    reason: str


class Share(NamedTuple):
    """One holder's units of a limit in a period, by the tier of the card."""

    period: str
    quota: str
    tier: str
    holder: str


@dataclass(slots=True)
class Tally:
    """The sums over some entries."""

    cells: Counter[Cell] = field(default_factory=Counter)
    taken: Counter[Share] = field(default_factory=Counter)
    maxima: dict[Share, int] = field(default_factory=dict)

    def add(self, data: bytes, zone: ZoneInfo, find: Find) -> None:
        """Count one entry's leaf. `find` looks up the entry that a void or a cancellation takes back."""
        leaf = _DECODER.decode(data)
        if leaf.kind in USES and leaf.outcome is not None:
            self._count(leaf, leaf.tier, leaf.outcome, zone)
        if leaf.outcome == "granted":
            self._take(leaf, 1)
        elif leaf.kind in _GIVEN_BACK:
            self._give_back(leaf, zone, find)

    def _give_back(self, leaf: CountedLeaf, zone: ZoneInfo, find: Find) -> None:
        target = None if leaf.target is None else find(leaf.target)
        if leaf.kind == "void":  # This entry names no card, so the tier is the tier of the use
            self._count(leaf, None if target is None else target.tier, "voided", zone)
        if target is not None:
            self._take(target, -1)

    def _count(self, leaf: CountedLeaf, tier: str | None, outcome: str, zone: ZoneInfo) -> None:
        local = datetime.fromtimestamp((leaf.used_at or leaf.at) / _MILLIS, UTC).astimezone(zone)
        named = leaf.point, leaf.service, tier or "", outcome, leaf.reason or ""
        cell = Cell(local.date().isoformat(), local.hour, *named)
        self.cells[cell] += 1

    def _take(self, leaf: CountedLeaf | Leaf, sign: int) -> None:
        for charge in leaf.charges:
            share = Share(charge.period, charge.limit, leaf.tier or "", leaf.holder or "")
            self.taken[share] += sign * charge.units
            self.maxima[share] = charge.maximum


@dataclass(frozen=True, slots=True)
class Span:
    """Local days, both included, and the part of them that is counted: some points, one service, one tier (None:
    all).
    """

    since: date
    until: date
    points: frozenset[str] | None = None
    service: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """The numbers of granted uses, refused uses and voids for one value of a dimension."""

    key: str
    granted: int = 0
    denied: int = 0
    voided: int = 0


@dataclass(frozen=True, slots=True)
class TakeUp:
    """The take-up of a limit in a period: the number of holders of a tier, the units that they used, and the units that
    they could have used.
    """

    period: str
    quota: str
    tier: str
    holders: int
    units: int
    possible: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a span. They include `counted` of the log's `size` entries."""

    counted: int
    size: int
    total: Bar
    days: tuple[Bar, ...]
    months: tuple[Bar, ...]
    hours: tuple[Bar, ...]
    services: tuple[Bar, ...]
    points: tuple[Bar, ...]
    tiers: tuple[Bar, ...]
    reasons: tuple[Bar, ...]
    taken: tuple[TakeUp, ...]


class UsageFigures:
    """Counts the published log into the verifier's store, and reads figures from there."""

    def __init__(self, database: Database, log: LogReader, zone: ZoneInfo, find: Find) -> None:
        """Count the entries that `log` publishes. `find` as in `Tally.add`."""
        self._database, self._log, self._zone, self._find = database, log, zone, find

    def count(self) -> tuple[int, int]:
        """Count new entries, at most MOST_AT_ONCE. Return the counted entries and the log's entries. Raises PlaceError
        or TileError.
        """
        state = self._log.state()
        size = 0 if state is None else state.size
        with self._database.read() as connection:
            start = _counted(connection)
        if start > size:  # Another log, or a log that was set back: the earlier counts are useless
            self._forget(start)
            start = 0
        if start == size:
            return start, size
        end = min(size, start + MOST_AT_ONCE)
        tally = Tally()
        for data in islice(Tree(self._log.source, size).entries(start), end - start):
            tally.add(data, self._zone, self._find)
        return self._keep(tally, start, end), size

    def count_up(self, rounds: int) -> bool:
        """Count on until nothing is new, in at most `rounds` rounds. Return whether everything is counted. Raises
        PlaceError or TileError.
        """
        for _ in range(rounds):
            counted, size = self.count()
            if counted == size:
                return True
        return False

    def _keep(self, tally: Tally, start: int, end: int) -> int:
        with self._database.write() as connection:
            held = _counted(connection, lock=True)
            if held != start:  # Another process counted meanwhile
                return held
            _add_cells(connection, tally.cells)
            _add_shares(connection, tally)
            _set_counted(connection, end)
        return end

    def _forget(self, start: int) -> None:
        with self._database.write() as connection:
            if _counted(connection, lock=True) == start:
                for table in (USAGE_COUNTS, USAGE_TAKEN, USAGE_COUNTED):
                    connection.execute(table.delete())

    def read(self, span: Span) -> Figures:
        """Count new entries. Return the figures of a span. Raises PlaceError or TileError."""
        counted, size = self.count()
        with self._database.read() as connection:
            bars = {name: _bars(connection, column, span) for name, column in _DIMENSIONS.items()}
            taken = _taken(connection, span)
        days = _all_days(bars.pop("days"), span)
        total = Bar("", *(sum(getattr(bar, name) for bar in days) for name in ("granted", "denied", "voided")))
        ranked = {
            name: tuple(sorted(found, key=lambda bar: (-bar.granted - bar.denied, bar.key)))
            for name, found in bars.items()
        }
        ranked |= {name: tuple(bars[name]) for name in ("months", "hours")}
        return Figures(counted, size, total, days, taken=taken, **ranked)


_DIMENSIONS: Final[Mapping[str, sa.ColumnElement[Any]]] = {
    "days": USAGE_COUNTS.c.day,
    # Written out in full, because PostgreSQL treats the same expression with bound values as two different expressions
    # in GROUP BY.
    "months": sa.func.substr(USAGE_COUNTS.c.day, sa.literal_column("1"), sa.literal_column("7")),
    "hours": USAGE_COUNTS.c.hour,
    "services": USAGE_COUNTS.c.service,
    "points": USAGE_COUNTS.c.point,
    "tiers": USAGE_COUNTS.c.tier,
    "reasons": USAGE_COUNTS.c.reason,
}


def _counted(connection: Connection, *, lock: bool = False) -> int:
    query = sa.select(USAGE_COUNTED.c.size)
    found: int | None = connection.execute(query.with_for_update() if lock else query).scalar()
    return found or 0


def _set_counted(connection: Connection, size: int) -> None:
    if connection.execute(USAGE_COUNTED.update().values(size=size)).rowcount == 0:
        connection.execute(USAGE_COUNTED.insert().values(one=1, size=size))


def _add_cells(connection: Connection, cells: Mapping[Cell, int]) -> None:
    table = USAGE_COUNTS
    for cell, count in cells.items():
        mine = sa.and_(*(table.c[name] == value for name, value in cell._asdict().items()))
        if connection.execute(table.update().where(mine).values(count=table.c.count + count)).rowcount == 0:
            connection.execute(table.insert().values(**cell._asdict(), count=count))


def _add_shares(connection: Connection, tally: Tally) -> None:
    table = USAGE_TAKEN
    for share, units in tally.taken.items():
        mine = sa.and_(*(table.c[name] == value for name, value in share._asdict().items()))
        changed = {"units": table.c.units + units, "maximum": tally.maxima[share]}
        if connection.execute(table.update().where(mine).values(changed)).rowcount == 0:
            row = {**share._asdict(), "units": units, "maximum": tally.maxima[share]}
            connection.execute(table.insert().values(row))


def _bars(connection: Connection, column: sa.ColumnElement[Any], span: Span) -> list[Bar]:
    table, found = USAGE_COUNTS, dict[str, dict[str, int]]()
    clauses = [table.c.day >= span.since.isoformat(), table.c.day <= span.until.isoformat()]
    if span.points is not None:
        clauses.append(table.c.point.in_(sorted(span.points)))
    if span.service is not None:
        clauses.append(table.c.service == span.service)
    if span.tier is not None:
        clauses.append(table.c.tier == span.tier)
    if column is table.c.reason:
        clauses.append(table.c.outcome == "denied")
    query = sa.select(column, table.c.outcome, sa.func.sum(table.c.count)).where(*clauses)
    for key, outcome, count in connection.execute(query.group_by(column, table.c.outcome).order_by(column)):
        found.setdefault(str(key), {})[outcome] = int(count)
    return [Bar(key, **counts) for key, counts in found.items()]


def _all_days(bars: Sequence[Bar], span: Span) -> tuple[Bar, ...]:
    """Return every day of the span, also the days without use."""
    known = {bar.key: bar for bar in bars}
    days = ((span.since + timedelta(days=number)).isoformat() for number in range((span.until - span.since).days + 1))
    return tuple(known.get(day, Bar(day)) for day in days)


def _taken(connection: Connection, span: Span) -> tuple[TakeUp, ...]:
    table = USAGE_TAKEN
    query = (
        sa.select(
            table.c.period,
            table.c.quota,
            table.c.tier,
            sa.func.count(),
            sa.func.sum(table.c.units),
            sa.func.sum(table.c.maximum),
        )
        .where(table.c.period.in_(_periods(span)), table.c.units > 0)
        .group_by(table.c.period, table.c.quota, table.c.tier)
        .order_by(table.c.period, table.c.quota, table.c.tier)
    )
    return tuple(
        TakeUp(period, quota, tier, int(holders), int(units), int(possible))
        for period, quota, tier, holders, units, possible in connection.execute(query)
    )


def _periods(span: Span) -> Iterable[str]:
    """The keys of the months and years that the span touches."""
    months, day = [], span.since.replace(day=1)
    while day <= span.until:
        months.append(f"{day:%Y-%m}")
        day = (day + timedelta(days=32)).replace(day=1)
    return [*months, *sorted({month[:4] for month in months}), "ever"]
