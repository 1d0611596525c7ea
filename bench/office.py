"""The office with 100,000 holders and 20,000 applications: the 95th percentile of each page, on both databases.

The pages are made in this process. Each figure is the time that somebody waits. Beside this figure stands the processor
time of this process, which other work on the machine changes less. `--full` fills the whole register. Without `--full`
a tenth is filled.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from accounts.rights import Grant, Role
from bench.office_world import OfficeFill
from bench.rows import Row
from bench.serving import pass_over_what_stays
from edge.clock import FixedClock
from edge.settings import load_settings
from tests.accounts import postgres
from tests.web.staffing import PASSWORD, Browser
from web.app import create_application
from web.demo import demonstrate, open_office

HOLDERS, APPLICATIONS, ASKED = 100_000, 20_000, 60
AIM_MS = 100.0
_BASE = "http://127.0.0.1:8000"
_NOW = datetime(2026, 11, 10, 1, 0, tzinfo=UTC)
Paths = dict[str, Iterator[str]]


def run(*, full: bool) -> list[Row]:
    """Return two rows a page and database: what is waited, and the processor time in it."""
    with TemporaryDirectory() as folder:
        rows = _measured("SQLite", Path(folder), f"sqlite:///{folder}/register.db", full=full)
    if postgres.binaries() is None:
        print("PostgreSQL is not installed: the office was measured on SQLite alone")
        return rows
    with TemporaryDirectory() as folder, postgres.server() as make:
        return rows + _measured("PostgreSQL", Path(folder), make(), full=full)


def _measured(name: str, folder: Path, url: str, *, full: bool) -> list[Row]:
    told = {"YUNJU_VAR": str(folder), "YUNJU_BASE_URL": _BASE}
    settings = replace(load_settings(told), register_url=url)  # a socket's address, which settings do not take
    with closing(open_office(settings)) as office:
        demonstrate(office, _NOW)
        grants = [Grant(Role.OFFICER), Grant(Role.REVIEWER), Grant(Role.APPROVER)]
        who = office.accounts.people.add("bench", PASSWORD, grants, by="bench", at=_NOW)
        filled = OfficeFill(office.desk, _NOW, f"person:{who.id}")
        share = 1 if full else 10
        filled.fill(HOLDERS // share, APPLICATIONS // share)
        browser = Browser(create_application(settings, FixedClock(_NOW)), _BASE)
        if browser.sign_in("bench").status_code != 303:
            raise RuntimeError("the sign-in failed")
        pass_over_what_stays()
        rows: list[Row] = []
        for page, paths in _pages(filled).items():
            waited, spent = _p95(browser, paths)
            label = f"office, {name}: {page}, p95"
            rows.append(Row(label, waited, "ms", AIM_MS, "100 ms", 1))
            rows.append(Row(f"{label}, of it processor", spent, "ms"))
        return rows


def _pages(filled: OfficeFill) -> Paths:
    """Return what each page is asked: another person or application each time."""
    people, handed = filled.people, filled.handed
    searches: Paths = {
        "search by name": (f"/office?text={one.name}" for one in cycle(people)),
        "search by receipt": (f"/office?text={one.receipt}" for one in cycle(handed)),
        "search by masked ID": (f"/office?text={one.masked}" for one in cycle(people)),
        "search by card number": (f"/office?text={one.number}" for one in cycle(people)),
        "holders by name": (f"/office/holders?text={one.name}" for one in cycle(people)),
        "holders by masked ID": (f"/office/holders?text={one.masked}" for one in cycle(people)),
        "holders by card number": (f"/office/holders?text={one.number}" for one in cycle(people)),
    }
    lists = {
        "worklist": "/office",
        "worklist, mine": "/office?tab=mine",
        "worklist, overdue and lacking": "/office?overdue=y&lacking=y&tier=gold",
        "worklist, approved": "/office?tab=approved",
        "worklist, the hundredth page": "/office?tab=approved&page=100",
        "renewals": "/office/renewals",
        "cards to print": "/office/print",
        "notices": "/office/notices",
        "office log": "/office/log",
        "office log, one act": "/office/log?action=card-issued",
    }
    one_of: Paths = {
        "holder page": (f"/office/holders/{one.holder}" for one in cycle(people)),
        "application page": (f"/office/applications/{one.id}" for one in cycle(handed)),
    }
    return {name: cycle([path]) for name, path in lists.items()} | searches | one_of


def _p95(browser: Browser, paths: Iterator[str]) -> tuple[float, float]:
    """Return the 95th percentiles of what is waited and of the processor time; the first call is left out."""

    def ask() -> None:
        answer = browser.get(next(paths))
        if answer.status_code not in {200, 303}:
            raise RuntimeError(f"{answer.request.path} answered {answer.status_code}")

    found = [_milliseconds(ask) for _ in range(ASKED + 1)][1:]
    waited, spent = zip(*found, strict=True)
    return statistics.quantiles(waited, n=20)[-1], statistics.quantiles(spent, n=20)[-1]


def _milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    start, processor = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - start) * 1000, (time.process_time() - processor) * 1000
