"""The SQLite ledger: one check-in against one bare durable transaction of the same store; threads; growth."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rows import Row, percentile
from edge.clock import SystemClock
from edge.encoding import b64u
from ledger.interface import Ledger
from ledger.sqlite import SqliteLedger
from ledger.values import Charge, CheckIn, Draft, Operation, ProofClaim, VisitWindow

DRAFT = Draft("gym", "sports", "gym-visit", "device-1", "device", "1", 1, tier="silver", form="phone",
              assurance="proved", beneficiary="holder")  # fmt: skip


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure one and eight clients, and cost as the log grows."""
    rows = []
    with TemporaryDirectory() as folder:
        floor = _bare(Path(folder) / "bare.db", 400)
        ledger = SqliteLedger(Path(folder) / "ledger.db", SystemClock())
        one = load(ledger, clients=1, each=400)
        eight = load(ledger, clients=8, each=200)
        rows = [
            Row("one bare durable SQLite transaction, p50", percentile(floor, 0.5), "µs"),
            Row("check-in on SQLite, 1 client, p50", percentile(one[0], 0.5), "µs", percentile(floor, 0.5), "bare"),
            Row("check-in on SQLite, 1 client, p99", percentile(one[0], 0.99), "µs", percentile(floor, 0.99), "bare"),
            Row("check-ins a second, 1 client", one[1], "/s"),
            Row("check-ins a second, 8 threads", eight[1], "/s", one[1], "1 client", least=2.0),
            Row("check-in on SQLite, 8 threads, p99", percentile(eight[0], 0.99), "µs"),
            *_growth(ledger, Path(folder), full=full),
        ]
        ledger.close()
    return rows


def change(subject: str | None = None) -> CheckIn:
    """Return a gym visit by a holder never seen before, or by `subject`."""
    at = datetime.now(UTC)
    subject = subject or b64u(os.urandom(16))
    month = at.strftime("%Y-%m")
    return CheckIn(
        operation=Operation(subject, "device-1", b64u(os.urandom(16)), os.urandom(32)),
        at=at,
        keep_until=at + timedelta(days=7),
        draft=DRAFT,
        claim=ProofClaim(b64u(os.urandom(16)), b64u(os.urandom(16)), at + timedelta(days=7)),
        visit=VisitWindow(timedelta(hours=2), 0),
        charges=(Charge("gym", month, 2),),
    )


def load(ledger: Ledger, clients: int, each: int) -> tuple[list[float], float]:
    """Return each check-in's time in µs, by so many threads, and check-ins a second."""
    times: list[float] = []
    gate = threading.Barrier(clients + 1)

    def client() -> None:
        gate.wait()
        for _ in range(each):
            asked = change()
            start = time.perf_counter()
            ledger.check_in(asked)
            times.append((time.perf_counter() - start) * 1e6)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return times, clients * each / (time.perf_counter() - start)


def _growth(ledger: Ledger, folder: Path, *, full: bool) -> list[Row]:
    """Compare with a bare transaction measured at the same moment: the machine's mood is not the ledger's."""
    rows, held = [], 0
    for size in (100, 10_000, 100_000, 1_000_000) if full else (100, 10_000, 50_000):
        fill(ledger, size - held)
        held = size
        bare = percentile(_bare(folder / f"bare-{size}.db", 300), 0.5)
        middle = percentile(load(ledger, clients=1, each=300)[0], 0.5)
        rows.append(Row(f"check-in, p50, beside {size:,} holders", middle, "µs", bare, "bare at the same moment"))
    return rows


def fill(ledger: Ledger, entries: int, subjects: Iterator[str] | None = None) -> None:
    """Fill by 64 threads at once: group commit makes one sync of many. Without `subjects` each holder is a new one."""
    if entries <= 0:
        return
    each, rest = divmod(entries, 64)
    taking = threading.Lock()

    def one() -> None:
        with taking:
            subject = None if subjects is None else next(subjects)
        ledger.check_in(change(subject))

    def many(count: int) -> None:
        for _ in range(count):
            one()

    threads = [threading.Thread(target=many, args=(each + (1 if n < rest else 0),)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _bare(path: Path, rounds: int) -> list[float]:
    """Five small rows in one durable transaction, as a check-in writes them, without any reading or judging."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        for size in (400, 60, 60, 60, 200):
            db.execute("INSERT INTO t (b) VALUES (?)", (os.urandom(size),))
        db.execute("COMMIT")
        times.append((time.perf_counter() - start) * 1e6)
    db.close()
    return times
