"""Statements of points and departments: uses by service and month, and how many of them are paid. Pure rules.

A use is paid once: a re-entry belongs to its visit, and a voided use is not paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cards.programme.types import Programme
from edge.spreadsheets import csv_file
from ledger.leaf import USES
from ledger.offline import HELD
from ledger.values import Entry

COLUMNS = (
    "month",
    "point",
    "service",
    "service_zh",
    "service_en",
    "paid",
    "re_entries",
    "companions",
    "voided",
    "overrides",
    "held",
)


@dataclass(slots=True)
class StatementLine:
    """One service in one local month (`2026-10`) at a point. `paid` uses stand; `voided` uses do not.

    `held`: records of offline uses that wait for a supervisor. They are paid after their release.
    """

    month: str
    service: str
    paid: int = 0
    re_entries: int = 0
    companions: int = 0
    voided: int = 0
    overrides: int = 0
    held: int = 0


def statement_lines(entries: Iterable[Entry], months: tuple[str, str], zone: ZoneInfo) -> tuple[StatementLine, ...]:
    """Return the lines of the months from the first to the last named, in order. A service without a use has no line.

    `entries` come newest first: a supervisor's decision comes before the held entry.
    """
    lines: dict[tuple[str, str], StatementLine] = {}
    decided: set[str] = set()
    for entry in entries:
        leaf = entry.leaf
        if leaf.linked is not None:
            decided.add(leaf.linked)
        waits = HELD in leaf.marks and entry.id not in decided
        if leaf.kind not in USES or not (leaf.outcome == "granted" or waits):
            continue
        month = leaf.happened_at.astimezone(zone).strftime("%Y-%m")
        if not months[0] <= month <= months[1]:
            continue
        _count(lines.setdefault((month, leaf.service), StatementLine(month, leaf.service)), entry)
    return tuple(lines[key] for key in sorted(lines))


def _count(line: StatementLine, entry: Entry) -> None:
    leaf = entry.leaf
    if leaf.outcome != "granted":
        line.held += 1
        return
    if entry.voided:
        line.voided += 1
        return
    if leaf.visit is not None and leaf.visit.re_entry is not None:
        line.re_entries += 1
        return
    line.paid += 1
    line.companions += leaf.companions or 0
    line.overrides += any(mark.startswith("override:") for mark in leaf.marks)


@dataclass(frozen=True, slots=True)
class DepartmentLine:
    """One service in one local month at one point of a department. `payer` is the department that is responsible for
    the service.

    `correction`: the figures are to be added to a month that was closed before; negative figures are subtracted.
    """

    point: str
    payer: str
    line: StatementLine
    correction: bool = False


def department_lines(programme: Programme, lines: Mapping[str, Iterable[StatementLine]]) -> tuple[DepartmentLine, ...]:
    """Return the lines of a department's points as one list, by month, point and service."""
    found = [
        DepartmentLine(point, payer_of(programme, line.service), line)
        for point, listed in lines.items()
        for line in listed
    ]
    return tuple(sorted(found, key=lambda one: (one.line.month, one.point, one.line.service)))


def payer_of(programme: Programme, service: str) -> str:
    """Return the department that is responsible for a service and settles it.

    Empty for a service that the programme no longer has.
    """
    found = programme.services.get(service)
    return "" if found is None else found.departments[0]


def department_csv(lines: Iterable[DepartmentLine], programme: Programme) -> str:
    """Return a department's statement as CSV, like `as_csv` for a point, with the payer."""
    return csv_file(department_table(lines, programme))


def settled_table(lines: Iterable[DepartmentLine], programme: Programme) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of a department's month, heads first. A last column marks corrections."""
    told = list(lines)
    heads, *rows = department_table(told, programme)
    yield (*heads, "correction")
    for one, row in zip(told, rows, strict=True):
        yield (*row, int(one.correction))


def settled_csv(lines: Iterable[DepartmentLine], programme: Programme) -> str:
    """Return a department's month as CSV, including corrections."""
    return csv_file(settled_table(lines, programme))


def department_table(lines: Iterable[DepartmentLine], programme: Programme) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of a department's statement, heads first."""
    yield (*COLUMNS[:2], "point_zh", *COLUMNS[2:5], "payer", "payer_zh", *COLUMNS[5:])
    for one in lines:
        line, point = one.line, programme.points.get(one.point)
        payer = programme.departments.get(one.payer)
        yield (
            line.month,
            one.point,
            "" if point is None else point.name.in_language("zh"),
            line.service,
            *_names_of(programme, line.service),
            one.payer,
            "" if payer is None else payer.name.in_language("zh"),
            *_counts(line),
        )


def _names_of(programme: Programme, service: str) -> tuple[str, str]:
    found = programme.services.get(service)
    return ("", "") if found is None else (found.name.in_language("zh"), found.name.in_language("en"))


def _counts(line: StatementLine) -> tuple[int, ...]:
    return (line.paid, line.re_entries, line.companions, line.voided, line.overrides, line.held)


def month_span(months: tuple[str, str], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the bounds of local months, the end excluded. Raises ValueError for a text that is no month."""
    first, last = (datetime.strptime(month, "%Y-%m").replace(tzinfo=zone) for month in months)
    after = last.replace(year=last.year + last.month // 12, month=last.month % 12 + 1)
    return first.astimezone(UTC), after.astimezone(UTC)


def as_csv(lines: Iterable[StatementLine], programme: Programme, point: str) -> str:
    """Return a point's statement as CSV."""
    return csv_file(point_table(lines, programme, point))


def point_table(lines: Iterable[StatementLine], programme: Programme, point: str) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of a point's statement, heads first."""
    yield COLUMNS
    for line in lines:
        yield (line.month, point, line.service, *_names_of(programme, line.service), *_counts(line))
