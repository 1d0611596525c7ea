"""A month of use, for one department or for all: the content of the printed report. It has totals alone, without names
or pseudonyms.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from audit.figures.odds import Odds
from audit.figures.usage import Figures, Span, TakeUp, UsageFigures
from audit.tree.place import CheckpointState
from audit.tree.proofs import LogReader
from audit.tree.witnesses import late
from cards.programme.types import Programme
from edge.instants import from_epoch
from keys.notes import OpenedCheckpoint

ENTRIES_SEARCHED: Final = 1_000_000
"""How many entries of a month are searched for anomalies. The report says if a month has more."""


@dataclass(frozen=True, slots=True)
class Odd:
    """The number of anomalies of one kind, and how many of them have no review."""

    kind: str
    found: int
    open: int


@dataclass(frozen=True, slots=True)
class WitnessLine:
    """A witness's last cosignature and its time. It is late if it is more than ten minutes old."""

    name: str
    size: int
    at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """The whole content of the report. `searched` is set if there were too many entries to search for anomalies."""

    month: str
    department: str | None
    at: datetime
    by: str
    figures: Figures
    taken: tuple[TakeUp, ...]
    odd: tuple[Odd, ...]
    searched: int | None
    size: int
    root: bytes
    signed_at: datetime
    witnesses: tuple[WitnessLine, ...]


@dataclass(frozen=True, slots=True)
class ReportSources:
    """The sources of a report's figures.

    `odds` returns a department's anomalies of local days, both included, from a limited number of entries. `reviewed`
    returns the ids of those that somebody has reviewed.
    """

    programme: Programme
    log: LogReader
    usage: UsageFigures
    odds: Callable[[date, date, int, str | None], Odds]
    reviewed: Callable[[Iterable[str]], Iterable[str]]


def span_of(month: str) -> tuple[date, date]:
    """Return the first and the last day of a month written `2026-11`. Raises ValueError."""
    first = date.fromisoformat(f"{month}-01")
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def make_report(
    sources: ReportSources,
    month: str,
    department: str | None,
    *,
    state: CheckpointState,
    opened: OpenedCheckpoint,
    at: datetime,
    by: str,
) -> MonthlyReport:
    """Return the report of a month. The log must be counted before. Raises PlaceError or TileError."""
    first, last = span_of(month)
    points = None if department is None else points_of(sources.programme, department)
    figures = sources.usage.read(Span(first, last, points))
    odd, searched = _odd(sources, department, first, last)
    return MonthlyReport(
        month=month,
        department=department,
        at=at,
        by=by,
        figures=figures,
        taken=_taken(sources.programme, figures.taken, points),
        odd=odd,
        searched=searched,
        size=opened.checkpoint.size,
        root=opened.checkpoint.root,
        signed_at=from_epoch(state.at),
        witnesses=_witnesses(sources.log, state, at),
    )


def points_of(programme: Programme, department: str) -> frozenset[str]:
    """Return the codes of a department's points."""
    return frozenset(point.code for point in programme.points.values() if point.department == department)


def _odd(sources: ReportSources, department: str | None, first: date, last: date) -> tuple[tuple[Odd, ...], int | None]:
    odds = sources.odds(first, last, ENTRIES_SEARCHED, department)
    seen = set(sources.reviewed(one.id for one in odds.anomalies))
    found = Counter(one.kind for one in odds.anomalies)
    still = Counter(one.kind for one in odds.anomalies if one.id not in seen)
    told = tuple(Odd(kind.value, count, still[kind]) for kind, count in found.most_common())
    return told, None if odds.complete else odds.searched


def _taken(programme: Programme, taken: Iterable[TakeUp], points: frozenset[str] | None) -> tuple[TakeUp, ...]:
    """Return the take-up of the limits that count the services of these points. A limit may name a member after its
    code.
    """
    if points is None:
        return tuple(taken)
    offered = {code for point in points for code in programme.points[point].services}
    quotas = {programme.services[code].quota for code in offered if code in programme.services}
    return tuple(one for one in taken if one.quota.partition("/")[0].partition("@")[0] in quotas)


def _witnesses(log: LogReader, state: CheckpointState, at: datetime) -> tuple[WitnessLine, ...]:
    overdue = late(state, log.witnesses, at)
    lines = []
    for witness in log.witnesses:
        last = state.witnesses.get(witness.name)
        size, seen = (0, None) if last is None else (last.size, from_epoch(last.at))
        lines.append(WitnessLine(witness.name, size, seen, witness.name in overdue))
    return tuple(lines)
