"""A device's report about itself in each call: version, waiting records, its clock. Values only.

Only the device says so: a report serves the people who look after devices, and no rule of a check-in uses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HEADER: Final = "Yunju-Device"
KEPT_EVERY: Final = timedelta(minutes=5)
"""A report with the same content as the report before is kept at most this often."""
CHANGED_EVERY: Final = timedelta(minutes=1)
"""A report with other content is kept at most this often."""
_FORM: Final = re.compile(r"version=([A-Za-z0-9.+-]{1,40}); queued=([0-9]{1,6}); clock=(-?[0-9]{1,8})")


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device's last report: `queued` records wait there, and its clock is `clock_seconds` ahead of the server's."""

    at: datetime
    version: str
    queued: int
    clock_seconds: int

    def says_as(self, other: DeviceReport) -> bool:
        """Return whether two reports differ only by their instants."""
        return (self.version, self.queued, self.clock_seconds) == (other.version, other.queued, other.clock_seconds)


def parse_report(text: str, at: datetime) -> DeviceReport | None:
    """Return the report in a header, or None for a header of another form."""
    found = _FORM.fullmatch(text)
    return None if found is None else DeviceReport(at, found[1], int(found[2]), int(found[3]))


def is_due(told: DeviceReport, last: DeviceReport | None) -> bool:
    """Return whether a report must be kept. `last` is the report that was kept before."""
    if last is None:
        return True
    return told.at - last.at >= (KEPT_EVERY if told.says_as(last) else CHANGED_EVERY)
