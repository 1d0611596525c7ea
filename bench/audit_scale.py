"""Auditors at scale: the pages of a ledger of millions of entries, exports of a million rows, and both beside
check-ins.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import msgspec

from audit.evidence.apart import ROOT, ExportJob, What, job_of, lower_priority
from audit.evidence.exporting import Exported, LogFilter, json_lines, write_lines
from bench.audit_logs import POINTS, REASONS, START_MS, STEP_MS, fill_ledger, holder, write_log
from bench.ledger import change
from bench.rows import Row, percentile
from edge.clock import SystemClock
from ledger.sqlite import SqliteLedger
from ledger.values import Query

FORMS: tuple[What, ...] = ("jsonl", "csv", "xlsx")
PAGES = 40
"""Pages asked for with each filter."""


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure at 200,000 entries, or at ten million (pages) and one million (exports, beside check-ins)."""
    return [
        *searching(10_000_000 if full else 200_000),
        *exporting(1_000_000 if full else 50_000),
        *beside_load(1_000_000 if full else 50_000),
    ]


def searching(count: int) -> list[Row]:
    """Pages as auditors ask for them: by each filter, from a random instant on, in a ledger filled behind its back."""
    with TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        SqliteLedger(path, SystemClock()).ready()
        start = time.perf_counter()
        fill_ledger(path, count)
        filled = time.perf_counter() - start
        ledger = SqliteLedger(path, SystemClock())
        rng, times = random.Random(3), dict[str, list[float]]()
        for _ in range(PAGES):
            for what, query in _queries(rng, count).items():
                times.setdefault(what, []).append(_timed(partial(ledger.entries, query)) * 1000)
        ledger.close()
    every = [value for values in times.values() for value in values]
    slowest = max(times, key=lambda what: percentile(times[what], 0.95))
    return [
        Row(f"a page of the log at {count:,} entries, p95", percentile(every, 0.95), "ms", 200.0, "the aim", 1.0),
        Row(f"… by the slowest filter ({slowest}), p95", percentile(times[slowest], 0.95), "ms", 200.0, "the aim", 1.0),
        Row("… of all filters, p50", percentile(every, 0.5), "ms"),
        Row("the ledger filled to measure on, an entry", filled / count * 1e6, "µs"),
    ]


def _queries(rng: random.Random, count: int) -> dict[str, Query]:
    until = datetime.fromtimestamp((START_MS + rng.randrange(count) * STEP_MS) / 1000, UTC)
    return {
        "time": Query(until=until),
        "point": Query(until=until, point=rng.choice(POINTS)),
        "reason": Query(until=until, reason=rng.choice(REASONS)),
        "holder": Query(holder=holder(rng.randrange(count))),
        "a day's refusals": Query(since=until - timedelta(days=1), until=until, outcome="denied"),
        "device": Query(until=until, device=f"tablet-{rng.randrange(40)}"),
        "tier": Query(until=until, tier="diamond"),
        "operator": Query(until=until, operator=str(1000 + rng.randrange(60))),
        "assurance": Query(until=until, assurance="copyable", outcome="denied"),
        "rare mark": Query(until=until, mark="overdrawn"),
        "nothing there": Query(until=until, tier="none", department="nobody"),
    }


def exporting(count: int) -> list[Row]:
    """A whole log in three forms by the process that the server has do it: its memory at a tenth and at the whole."""
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        logs = {size: write_log(folder / str(size), size) for size in (count // 10, count)}
        for form in FORMS:
            path = folder / f"export.{form}"
            _, little = _apart(_job(form, folder / str(count // 10), logs[count // 10]), path)
            spent, much = _apart(_job(form, folder / str(count), logs[count]), path)
            path.unlink()
            rows.append(Row(f"{count:,} rows as {form}", count / spent, "rows/s"))
            rows.append(Row(f"memory for {form} at its peak", much, "MB", little, "at a tenth", 1.2))
    return rows


def _job(form: What, folder: Path, log: Exported) -> ExportJob:
    return job_of(form, [folder], log.checkpoint, ZoneInfo("Asia/Shanghai"), LogFilter())


def _apart(job: ExportJob, path: Path) -> tuple[float, float]:
    """Have a job done; return the seconds, and the most memory (MB) that it held."""
    start = time.perf_counter()
    asked = path.with_suffix(".job")
    asked.write_bytes(msgspec.json.encode(job))
    with asked.open("rb") as source, path.open("wb") as out:
        child = subprocess.Popen([sys.executable, "-m", "audit.evidence.apart"], stdin=source, stdout=out, cwd=ROOT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
    if status:
        raise SystemExit("the work that was to be measured failed")
    return time.perf_counter() - start, used.ru_maxrss / 1024


def beside_load(count: int) -> list[Row]:
    """Check-ins alone, and beside an auditor who reads the whole ledger page by page while another exports the log."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = write_log(folder / "log", count)
        SqliteLedger(folder / "ledger.db", SystemClock()).ready()
        fill_ledger(folder / "ledger.db", count)
        alone, alone_rate = _checked_in(folder)
        wal = list[float]()
        with _working(lambda: _search_all(folder / "ledger.db")), _working(lambda: _export_all(log)):
            time.sleep(0.3)
            beside, beside_rate = _checked_in(folder, wal)
    return [
        Row(f"a check-in beside search and export of {count:,}, p50", beside, "µs", alone, "alone", 1.2),
        Row("check-ins beside them, 8 threads", beside_rate, "/s", alone_rate, "alone"),
        Row("write-ahead log meanwhile, at its largest", max(wal), "MB"),
    ]


def _search_all(path: Path) -> None:
    """Every page of the log, and then again."""
    ledger = SqliteLedger(path, SystemClock())
    while True:
        query: Query | None = Query(limit=200)
        while query is not None:
            page = ledger.entries(query)
            query = None if page.next is None else Query(limit=200, before=page.next)


def _export_all(log: Exported) -> None:
    lower_priority()  # as the server's own
    with Path(os.devnull).open("wb") as nowhere:
        while True:
            write_lines(json_lines(log, LogFilter()), nowhere)


@contextmanager
def _working(work: Callable[[], None]) -> Iterator[None]:
    """Have a child at work meanwhile."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    try:
        yield
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def _checked_in(folder: Path, wal: list[float] | None = None) -> tuple[float, float]:
    """The p50 of single check-ins (µs), and how many a second eight threads get done."""
    ledger = SqliteLedger(folder / "ledger.db", SystemClock())
    alone = percentile([_timed(lambda: ledger.check_in(change())) * 1e6 for _ in range(400)], 0.5)

    def work() -> None:
        for _ in range(100):
            ledger.check_in(change())
            if wal is not None:
                wal.append((folder / "ledger.db-wal").stat().st_size / 1e6)

    threads = [threading.Thread(target=work) for _ in range(8)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - start
    ledger.close()
    return alone, 800 / spent


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
