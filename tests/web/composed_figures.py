"""`python -m tests.web.composed_figures`: what a check-in costs each part of compose.yaml, run as processes here.

Prints the figures of docs/deployment.md (How large a machine) that no bench tells: memory of processes, PostgreSQL's
processor and log, bytes between verifiers and Redis.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from redis import Redis

from cards.claims import Form
from edge.settings import load_settings
from issuer.issuing.issuing import issue
from issuer.publishing.publish import publish
from issuer.register.holders import NewGround, NewHolder, add_ground, add_holder
from issuer.register.identity import IdType, check_identity
from issuer.register.issuer import open_issuer
from tests.hosts.province import Tablet, resident_id
from tests.web.composition import Composition
from tests.web.split import Tablet as Enrolled

HOLDERS, DESKS = 60, 4  # an issuer has indexes for 64 cards between two publications
TICK = os.sysconf("SC_CLK_TCK")


def cards(whole: Composition) -> list[str]:
    """Issue printed cards at the issuer, and publish once."""
    desk, at = open_issuer(load_settings(whole.issuer.environ)), datetime.now(UTC)
    try:
        quiet, made = desk.quiet(), []
        for number in range(HOLDERS):
            identity = check_identity(IdType.RESIDENT_ID, resident_id(number), today=at.date())
            holder = add_holder(desk, NewHolder("周晓宁", identity, "13800138000"), by="figures", at=at)
            add_ground(desk, holder.id, NewGround("silver-6", None), by="figures", at=at)
            made.append(issue(quiet, holder.id, Form.PRINT, by="figures", at=at).token)
        publish(desk, datetime.now(UTC))
        return made
    finally:
        desk.close()


def family(pid: int) -> Iterator[int]:
    """Return a process and all below it."""
    yield pid
    with suppress(OSError):  # it ended meanwhile
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text().split():
                yield from family(int(child))


def seconds(pid: int) -> float:
    """Return the processor time of a process and all below it; what ended is counted at the process above it."""
    spent = 0
    for one in list(family(pid)):
        with suppress(OSError):
            spent += sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return spent / TICK


def megabytes(pid: int) -> float:
    """Return a process's share of memory (PSS): what it shares with others is split among them."""
    [line] = [line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) / 1024


def state(whole: Composition, database: str) -> dict[str, float]:
    """Return the counters that a check-in moves."""
    with psycopg.connect(database) as connection:
        [(wal,)] = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchall()
    url = whole.verifier.environ["YUNJU_LEDGER_URL"].partition("?")[0]
    with Redis.from_url(url) as client:
        told = client.info("stats")
    return {
        "PostgreSQL, processor (ms)": 1000 * seconds(whole.postgres),
        "PostgreSQL, write-ahead log (KB)": float(wal) / 1024,
        "to Redis and its replica's answers (KB)": told["total_net_input_bytes"] / 1024,
        "from Redis, to its replica too (KB)": told["total_net_output_bytes"] / 1024,
        "verifiers' web workers, processor (ms)": 1000 * sum(
            seconds(host.process.pid) for host in (whole.verifier, whole.second) if host.process
        ),
    }  # fmt: skip


def main() -> None:
    """Measure, and print a table."""
    with TemporaryDirectory(prefix="yunju-figures-") as folder:
        whole = Composition(Path(folder))
        try:
            report(whole)
        finally:
            whole.close()


def report(whole: Composition) -> None:
    """Check everybody in once, and print what it moved."""
    shown = cards(whole)
    known = [Enrolled(whole) for _ in range(DESKS)]
    desks = [Tablet(whole.base, one.signer, one.token) for one in known]
    database = whole.verifier.environ["YUNJU_VERIFIER_URL"]

    def check_in(number: int) -> str:
        answer = desks[number % DESKS].check_in(
            whole.front, shown[number], "hospital-registration", id_checked=True  # type: ignore[arg-type]
        )  # fmt: skip
        return str(answer.json.get("outcome") or answer.json)

    first = HOLDERS // 6  # which meet what is read once
    for number in range(first):
        assert check_in(number) == "granted"
    before, begun = state(whole, database), time.monotonic()
    for number in range(first, HOLDERS):
        assert check_in(number) == "granted", number
    took, after = time.monotonic() - begun, state(whole, database)
    print(f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, value in after.items():
        print(f"a check-in, {name}: {(value - before[name]) / (HOLDERS - first):.2f}")
    print(f"a check-in, one after the other, from sending to the answer (ms): {1000 * took / (HOLDERS - first):.0f}")
    for name, host in (("issuer", whole.issuer), ("verifier-a", whole.verifier), ("verifier-b", whole.second)):
        if host.process:
            workers = [round(megabytes(pid)) for pid in family(host.process.pid) if pid != host.process.pid]
            print(f"memory, web workers of {name} (MB): {workers}")
        if host.work:
            print(f"memory, background work of {name} (MB): {[round(megabytes(pid)) for pid in family(host.work.pid)]}")
    print(f"memory, PostgreSQL (MB): {sum(map(megabytes, family(whole.postgres))):.0f}")


if __name__ == "__main__":
    main()
