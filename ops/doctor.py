"""`python -m ops doctor`: what is wrong with this machine, and the remedies. The service may be down meanwhile.

The rules are in `doctor.rules`. The operator's page shows the same findings.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime
from typing import Final

import click
import msgspec

from doctor.findings import Finding, Severity, Value, worst
from doctor.reading import read_facts
from doctor.rules import findings
from doctor.words import remedy, told
from edge.cli import emit, json_option
from edge.clock import SystemClock
from edge.settings import Settings, load_settings

CLOCK: Final = SystemClock()
FORMAT: Final = 1
"""The form of the JSON answer. Fields may be added; none is removed or changes its meaning."""
EXIT: Final = {Severity.WELL: 0, Severity.WARNING: 1, Severity.FAULT: 2}


class ReportedFinding(msgspec.Struct, frozen=True):
    """A finding for machines. `code` and `values` are stable; `told` and `remedy` are for people."""

    about: str
    code: str
    severity: Severity
    values: dict[str, Value]
    told: str
    remedy: str


class Report(msgspec.Struct, frozen=True):
    """The JSON answer: the worst severity, the number of findings of each severity, and all findings, the worst
    first.
    """

    format: int
    at: datetime
    severity: Severity
    counts: dict[Severity, int]
    findings: list[ReportedFinding]


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Show what is wrong with this machine, and the remedies. Exits 0 if all is well, 1 with warnings, 2 with
    faults.
    """
    at = CLOCK.now()
    found = examine(load_settings(os.environ), at)
    emit(report(found, at), as_json, "\n".join(map(_line, found)))
    raise SystemExit(EXIT[worst(found)])


def examine(settings: Settings, at: datetime) -> list[Finding]:
    """Return all findings, the worst first."""
    return findings(read_facts(settings, at), at)


def report(found: list[Finding], at: datetime) -> Report:
    """Return findings in the form of the JSON answer."""
    counts = Counter(one.severity for one in found)
    listed = [
        ReportedFinding(one.about, one.code, one.severity, dict(one.values), told(one, "en"), remedy(one, "en"))
        for one in found
    ]
    return Report(FORMAT, at, worst(found), {severity: counts[severity] for severity in Severity}, listed)


def _line(one: Finding) -> str:
    text = f"{one.severity:<8} {one.about:<12} {told(one, 'en')}".rstrip()
    what = remedy(one, "en")
    return f"{text}\n{'':9}{'do:':<12} {what}" if what else text
