"""Statements of points and departments, read from the log, and the closing of a month.

Later changes of a closed month are corrections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cards.programme.types import Programme
from edge.fields import invalid
from edge.problems import Problem, ProblemKind, register_problem
from ledger.interface import Ledger
from ledger.paging import every_entry
from ledger.values import Entry, Query
from verifier.counter.checking_in import ledger_problems
from verifier.records.statements import FIGURES, ClosedMonth, Settled, StatementStore
from verifier.services.statements.lines import (
    DepartmentLine,
    StatementLine,
    department_lines,
    month_span,
    payer_of,
    statement_lines,
)

register_problem(
    ProblemKind(
        "month-not-next", 409, "须按月顺序结账，且该月已结束", "Months are closed in order, each after its end",
        "Close the month that follows the last closed month.",
    )
)  # fmt: skip
LONGEST: Final = timedelta(days=366)
CORRECTED: Final = 12
"""How many closed months back a change is found and becomes a correction."""
_PAGE: Final = 500
_NOW: Final = timedelta(seconds=1)
"""An entry at this very instant is included."""

LineKey = tuple[str, str, str]
"""Month, point, service."""


@dataclass(frozen=True, slots=True)
class DepartmentMonth:
    """A department's month; for a closed month, the figures at its closing. `corrections`: changes of earlier closed
    months, settled with this month. `changed`: changes of this month since its closing.
    """

    department: str
    month: str
    lines: tuple[DepartmentLine, ...]
    corrections: tuple[DepartmentLine, ...]
    changed: tuple[DepartmentLine, ...]
    closing: ClosedMonth | None
    may_close: bool


class StatementService:
    """Reads statements. Closed months lie in the store. Other months are counted from the log at each call."""

    def __init__(self, programme: Programme, ledger: Ledger, store: StatementStore) -> None:
        """Keep the parts that counting needs."""
        self._programme = programme
        self._ledger = ledger
        self._store = store

    def of_point(self, point: str, months: tuple[str, str], at: datetime) -> tuple[StatementLine, ...]:
        """Return a point's lines from the first to the last month. Problem invalid-field for more than twelve
        months.
        """
        zone = self._programme.zone
        since, until = month_span(months, zone)
        if not since < until <= since + LONGEST:
            raise invalid("$.until", "a statement covers one month to twelve")
        with ledger_problems():
            return statement_lines(self._uses(point, since, until, at), months, zone)

    def of_department(self, department: str, months: tuple[str, str], at: datetime) -> tuple[DepartmentLine, ...]:
        """Return the lines of all points of a department."""
        each = {point: self.of_point(point, months, at) for point in paying_points(self._programme, department)}
        return department_lines(self._programme, each)

    def month(self, department: str, month: str, at: datetime) -> DepartmentMonth:
        """Return a department's month with the figures at its closing, or, while open, the figures at `at`."""
        closings, settled = self._store.closings(department), self._store.settled(department)
        closing = next((one for one in closings if one.month == month), None)
        if closing is not None:
            mine = [one for one in settled if one.settled_in == month]
            pending = self._changes(department, [month], settled, at)
            return DepartmentMonth(
                department=department,
                month=month,
                lines=self._as_lines(one for one in mine if one.month == month),
                corrections=self._as_lines((one for one in mine if one.month != month), correction=True),
                changed=self._as_lines(pending, correction=True),
                closing=closing,
                may_close=False,
            )
        follows = not closings or month == next_month(closings[0].month)
        waiting = self._changes(department, _months(closings), settled, at) if closings and follows else ()
        return DepartmentMonth(
            department=department,
            month=month,
            lines=self.of_department(department, (month, month), at),
            corrections=self._as_lines(waiting, correction=True),
            changed=(),
            closing=None,
            may_close=follows and self._is_over(month, at),
        )

    def close(self, department: str, month: str, by: str, at: datetime) -> DepartmentMonth:
        """Close a month that is over and that follows the last closed month. Problems: month-closed, month-not-next."""
        closings, settled = self._store.closings(department), self._store.settled(department)
        if any(one.month == month for one in closings):
            raise Problem("month-closed")
        if not self._is_over(month, at) or (closings and month != next_month(closings[0].month)):
            raise Problem("month-not-next")
        rows = self._changes(department, [*_months(closings), month], settled, at, settled_in=month)
        self._store.close(department, ClosedMonth(month, at, by), rows)
        return self.month(department, month, at)

    def _changes(
        self,
        department: str,
        months: list[str],
        settled: tuple[Settled, ...],
        at: datetime,
        *,
        settled_in: str = "",
    ) -> tuple[Settled, ...]:
        """Return the difference between the log's present figures of these months and all that was settled of them."""
        if not months:
            return ()
        counted = self._counted(department, months, at)
        kept = _sums(one for one in settled if one.month in months)
        nothing = (0,) * len(FIGURES)
        found = []
        for key in sorted(counted.keys() | kept.keys()):
            now, then = counted.get(key, nothing), kept.get(key, nothing)
            if now != then:
                delta = tuple(a - b for a, b in zip(now, then, strict=True))
                found.append(Settled(settled_in, *key, delta))
        return tuple(found)

    def _counted(self, department: str, months: list[str], at: datetime) -> Mapping[LineKey, tuple[int, ...]]:
        first = max(min(months), months_before(max(months), CORRECTED - 1))
        lines = self.of_department(department, (first, max(months)), at)
        return {(one.line.month, one.point, one.line.service): _figures(one.line) for one in lines
                if one.line.month in months}  # fmt: skip

    def _as_lines(self, found: Iterable[Settled], *, correction: bool = False) -> tuple[DepartmentLine, ...]:
        return tuple(
            DepartmentLine(
                one.point,
                payer_of(self._programme, one.service),
                StatementLine(one.month, one.service, **dict(zip(FIGURES, one.figures, strict=True))),
                correction,
            )
            for one in found
        )

    def _is_over(self, month: str, at: datetime) -> bool:
        return month_span((month, month), self._programme.zone)[1] <= at

    def _uses(self, point: str, since: datetime, until: datetime, at: datetime) -> Iterator[Entry]:
        """Yield the entries of the months up to now, and offline uses however late their record or decision came."""
        granted = Query(point=point, since=since, until=until, outcome="granted", kind="check-in", limit=_PAGE)
        offline = Query(point=point, since=since, until=max(until, at) + _NOW, kind="offline", limit=_PAGE)
        yield from every_entry(self._ledger, granted)
        yield from every_entry(self._ledger, offline)


def paying_points(programme: Programme, department: str) -> tuple[str, ...]:
    """Return the points of a department, or none for a department without points, which has no statement."""
    return tuple(code for code, point in programme.points.items() if point.department == department)


def next_month(month: str) -> str:
    """Return the month after a month: `2027-01` after `2026-12`."""
    return months_before(month, -1)


def months_before(month: str, count: int) -> str:
    """Return the month `count` months before."""
    year, number = divmod(int(month[:4]) * 12 + int(month[5:]) - 1 - count, 12)
    return f"{year:04d}-{number + 1:02d}"


def _months(closings: tuple[ClosedMonth, ...]) -> list[str]:
    """Return the closed months whose changes are still found."""
    return [one.month for one in closings[: CORRECTED - 1]]


def _figures(line: StatementLine) -> tuple[int, ...]:
    return tuple(getattr(line, name) for name in FIGURES)


def _sums(settled: Iterable[Settled]) -> Mapping[LineKey, tuple[int, ...]]:
    found: dict[LineKey, tuple[int, ...]] = {}
    for one in settled:
        key = one.month, one.point, one.service
        before = found.get(key, (0,) * len(FIGURES))
        found[key] = tuple(a + b for a, b in zip(before, one.figures, strict=True))
    return found
