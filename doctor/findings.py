"""A finding: one checked part, its state, and the remedy. Values only; the words are in `words`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

Value = str | int | datetime


class Severity(StrEnum):
    """The state of a finding. A fault stops service or loses data; a warning will do so if nothing is done."""

    WELL = "well"
    WARNING = "warning"
    FAULT = "fault"


ORDER: Final = (Severity.FAULT, Severity.WARNING, Severity.WELL)
"""The worst first."""


class Finding(msgspec.Struct, frozen=True):
    """One finding. `about` is the checked part, `code` is the result, and `values` fill the words."""

    about: str
    code: str
    severity: Severity = Severity.WELL
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)


def sorted_findings(found: Iterable[Finding]) -> list[Finding]:
    """Return findings with the worst first, otherwise in the order of the parts."""
    return sorted(found, key=lambda one: ORDER.index(one.severity))


def worst(found: Iterable[Finding]) -> Severity:
    """Return the worst severity among findings, or WELL if there is none."""
    return min((one.severity for one in found), key=ORDER.index, default=Severity.WELL)
