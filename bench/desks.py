"""A department's list with 50,000 requests: the 95th percentile of the processor time of each of its pages.

The pages are made in this process, so that their processor time is what they take on a machine that is idle.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rows import Row
from edge.instants import to_epoch
from tests.web.desks import DeskWorld
from tests.web.staffing import Browser
from verifier.records.bookings import BookingDetails

REQUESTS, OPEN, ASKED = 50_000, 5_000, 40
AIM_MS = 150.0
PAGES = {
    "open": "/department",
    "overdue": "/department?tab=overdue",
    "closed": "/department?tab=closed",
    "the hundredth page": "/department?tab=closed&page=100",
}


def run() -> list[Row]:
    """Return a row a list."""
    with TemporaryDirectory() as folder:
        world = DeskWorld(Path(folder), "2026-10-23 10:00")
        _fill(world)
        browser = world.browser("desk:organisation")
        rows = [
            Row(
                f"department's list of {REQUESTS:,} requests, {name}, p95",
                _p95(browser, path),
                "ms",
                AIM_MS,
                "150 ms",
                1,
            )
            for name, path in PAGES.items()
        ]
        world.close()
    return rows


def _fill(world: DeskWorld) -> None:
    """Put requests into the department's list, with the details of those that are open."""
    details = BookingDetails("subject", "card", "gold", "张*明", 0, "wallet", {"phone": "13800001234"}, "o", 1)
    with closing(sqlite3.connect(world.folder / "verifier.db")) as database, database:
        names = "id,point,department,service,kind,opened_at,last,stage,deadline,closed_at,outcome"
        marks = ",".join("?" * len(names.split(",")))
        database.executemany(f"insert into matters ({names}) values ({marks})", _requests(world))
    for number in range(REQUESTS - OPEN, REQUESTS):
        world.verifier.store.bookings.keep(f"00-{number:06d}", details, world.clock.now())


def _requests(world: DeskWorld) -> Iterator[tuple[object, ...]]:
    now = to_epoch(world.clock.now())
    for number in range(REQUESTS):
        closed = number < REQUESTS - OPEN
        opened_at, due = now - number, now + (number % 2_000 - 1_000) * 60
        stage, ended, outcome = ("closed", now - number, "done") if closed else ("complete", None, None)
        place = ("dept-organisation", "organisation", "steward-case", "steward-case")
        yield f"00-{number:06d}", *place, opened_at, 1, stage, due, ended, outcome


def _p95(browser: Browser, path: str) -> float:
    """Return the 95th percentile of a page, the first call left out."""
    spent = [_milliseconds(lambda: browser.get(path)) for _ in range(ASKED + 1)][1:]
    return statistics.quantiles(spent, n=20)[-1]


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000
