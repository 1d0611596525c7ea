"""A finding: one thing that was looked at, how it stands, and what to do. Values only; the words stand in `words`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

Value = str | int | datetime


class Severity(StrEnum):
    """How a finding stands: a fault stops service or loses something, a warning will if nothing is done."""

    WELL = "well"
    WARNING = "warning"
    FAULT = "fault"


ORDER: Final = (Severity.FAULT, Severity.WARNING, Severity.WELL)
"""The worst first."""


class Finding(msgspec.Struct, frozen=True):
    """One finding. `about` is the part that was looked at, `code` what was found there, `values` fill the words."""

    about: str
    code: str
    severity: Severity = Severity.WELL
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)


def sorted_findings(found: Iterable[Finding]) -> list[Finding]:
    """Return findings with the worst first; else in the order in which the parts are looked at."""
    return sorted(found, key=lambda one: ORDER.index(one.severity))


def worst(found: Iterable[Finding]) -> Severity:
    """Return the worst severity among findings, WELL where there is none."""
    return min((one.severity for one in found), key=ORDER.index, default=Severity.WELL)
