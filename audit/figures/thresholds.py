"""The thresholds for anomalies: those that are shipped, and the district's own in a file (YUNJU_AUDIT_RULES)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from pathlib import Path
from typing import Final

from cards.programme.types import Programme
from edge.settings import SettingsError

_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """When a point is open, in minutes of the local day, without `closes` itself. If `closes` is earlier than the
    opening, the point is open over midnight.
    """

    opens: int
    closes: int

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Return the hours in a text such as `08:00-22:00`. Raises ValueError."""
        found = _SPAN.fullmatch(text)
        if found is None:
            raise ValueError("not two times of day")
        hour, minute, end_hour, end_minute = map(int, found.groups())
        opens, closes = hour * 60 + minute, end_hour * 60 + end_minute
        if closes > _DAY or opens == closes:
            raise ValueError("not two times of one day")
        return cls(opens, closes)

    def __contains__(self, local: time) -> bool:
        """Return whether a local time lies in the hours."""
        minute = local.hour * 60 + local.minute
        if self.opens < self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes

    def __str__(self) -> str:
        """The hours as they are written."""
        return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (self.opens, self.closes))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of ordinary use; docs/audit.md explains each. `hours` are those of named points, `usual_hours` those
    of all other points.
    """

    too_far_minutes: int = 10
    refused_proofs: int = 5
    refused_proofs_minutes: int = 10
    voids: int = 3
    clock_minutes: int = 2
    same_pair: int = 5
    most_used: int = 10
    most_used_times: int = 5
    usual_hours: Hours = Hours(5 * 60, _DAY)
    hours: Mapping[str, Hours] = field(default_factory=dict)

    def hours_of(self, point: str) -> Hours:
        """Return a point's hours."""
        return self.hours.get(point, self.usual_hours)

    def is_apart(self, millis: int) -> bool:
        """Return whether two uses are far apart in time."""
        return millis >= timedelta(minutes=self.too_far_minutes) / timedelta(milliseconds=1)


NUMBERS: Final = tuple(name for name in Thresholds.__dataclass_fields__ if name not in {"usual_hours", "hours"})


def read_thresholds(path: Path | None, programme: Programme) -> Thresholds:
    """Return the thresholds in a file, or the shipped thresholds if no file is named. Raises SettingsError with every
    fault.
    """
    if path is None:
        return Thresholds()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"YUNJU_AUDIT_RULES: {path} cannot be read as TOML: {error}"]) from None
    faults = list[str]()
    hours = _hours(told.pop("hours", {}), programme, faults)
    numbers = {name: value for name, value in told.items() if _is_number(name, value, faults)}
    if faults:
        raise SettingsError([f"YUNJU_AUDIT_RULES: {fault}" for fault in faults])
    usual = hours.pop("default", Thresholds().usual_hours)
    return replace(Thresholds(), **numbers, usual_hours=usual, hours=hours)


def _is_number(name: str, value: object, faults: list[str]) -> bool:
    if name not in NUMBERS:
        faults.append(f"`{name}` is no threshold: there are {', '.join(NUMBERS)}, and the table [hours]")
    elif not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000:
        faults.append(f"`{name}` is a whole number from 1 to 10000")
    else:
        return True
    return False


def _hours(told: object, programme: Programme, faults: list[str]) -> dict[str, Hours]:
    if not isinstance(told, dict):
        faults.append('`hours` is a table: point = "08:00-22:00"')
        return {}
    found = {}
    for name, text in told.items():
        if name != "default" and name not in programme.points:
            faults.append(f"[hours] `{name}` is no point of the programme")
        try:
            found[name] = Hours.parse(str(text))
        except ValueError:
            faults.append(f'[hours] `{name}` is written as "08:00-22:00"; all day is "00:00-24:00"')
    return found
