"""Anomalies in a span of the log. A small log is searched in this process, a larger log in a separate process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from audit.evidence.apart import lower_priority, read_sources, run_module
from audit.figures.anomalies import Anomaly, find_anomalies, leaves_between
from audit.figures.thresholds import Thresholds
from audit.tree.proofs import LogReader
from ledger.millis import to_millis

HERE_MOST: Final = 20_000
"""The largest log, in entries, that is searched in this process: well under a second. A larger log is searched in a
separate process.
"""


KEPT: Final = 4
"""How many searches are remembered, because pages often repeat the same search."""


class OddsSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A search: the log's folders and size, a time span (epoch milliseconds), and the kinds of findings."""

    folders: tuple[str, ...]
    size: int
    since: int
    until: int
    zone: str
    most: int
    thresholds: Thresholds = Thresholds()
    department: str | None = None


class Odds(msgspec.Struct, frozen=True):
    """The findings, the gravest first, and the number of entries searched. `complete` is False if there were more
    entries.
    """

    anomalies: list[Anomaly]
    searched: int
    complete: bool


class Searcher:
    """Searches a published log by local days. A repeated search of the same log returns its first result."""

    def __init__(self, log: LogReader, folders: Sequence[Path], zone: ZoneInfo, thresholds: Thresholds) -> None:
        """Search the log that `log` publishes. Its files lie in `folders`: the log first, then its archive."""
        self._log, self._folders, self._zone, self._thresholds = log, tuple(map(str, folders)), zone, thresholds
        self._found: dict[bytes, Odds] = {}

    def days(self, since: date, until: date, most: int, department: str | None = None) -> Odds:
        """Return the anomalies of days, both included, in at most `most` entries. Raises TileError or apart.Broken."""
        state = self._log.state()
        if state is None:
            return Odds([], 0, complete=True)
        first, end = (datetime.combine(day, time(), self._zone) for day in (since, until + timedelta(days=1)))
        asked = OddsSearch(
            folders=self._folders,
            size=state.size,
            since=to_millis(first),
            until=to_millis(end),
            zone=self._zone.key,
            most=most,
            thresholds=self._thresholds,
            department=department,
        )
        key = msgspec.json.encode(asked)
        if key not in self._found:
            kept = list(self._found.items())[1 - KEPT :]
            self._found = {**dict(kept), key: find_odds(asked)}
        return self._found[key]


def find_odds(asked: OddsSearch) -> Odds:
    """Search. Raises TileError if the log cannot be read, apart.Broken if another process could not search."""
    if asked.size <= HERE_MOST:
        return perform(asked)
    told = b"".join(run_module("audit.figures.odds", msgspec.json.encode(asked)))
    return msgspec.json.decode(told, type=Odds)


def perform(asked: OddsSearch) -> Odds:
    """Search in this process."""
    counted = [0]
    leaves = _leaves(asked, counted)
    found = find_anomalies(leaves, ZoneInfo(asked.zone), asked.thresholds)
    return Odds(found, counted[0], counted[0] < asked.most)


def _leaves(asked: OddsSearch, counted: list[int]) -> Iterator[bytes]:
    """Yield a department's leaves, or all leaves. A leaf is canonical: this text occurs in it only as its own field."""
    wanted = b"" if asked.department is None else b'"department":"%s"' % asked.department.encode()
    source = read_sources([Path(folder) for folder in asked.folders])
    for leaf in leaves_between(source, asked.size, asked.since, asked.until, asked.most):
        counted[0] += 1
        if wanted in leaf:
            yield leaf


def main() -> None:
    """Read the search, run it at low priority, and write its findings."""
    lower_priority()
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=OddsSearch)
    sys.stdout.buffer.write(msgspec.json.encode(perform(asked)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
