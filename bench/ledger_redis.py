"""The Redis ledger: one check-in against one bare durable write of the same server; threads; growth; memory."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis
from redis.exceptions import RedisError

from bench.ledger import fill, load
from bench.rows import Row, percentile
from ledger.redis import RedisLedger, RedisOptions
from tools.ports import free_port


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure one and eight clients, cost as the log grows, and memory; nothing where Redis is not installed."""
    if shutil.which("redis-server") is None:
        return []
    with TemporaryDirectory() as folder, redis_server(Path(folder)) as port:
        floor, bare = _bare(port, clients=1, each=400), _bare(port, clients=8, each=200)
        ledger = RedisLedger(RedisOptions(f"redis://127.0.0.1:{port}/0"))
        one, eight = load(ledger, clients=1, each=400), load(ledger, clients=8, each=200)
        rows = [
            Row("one bare durable INCR on Redis, p50", percentile(floor[0], 0.5), "µs"),
            Row("check-in on Redis, 1 client, p50", percentile(one[0], 0.5), "µs", percentile(floor[0], 0.5), "bare",
                2.0),
            Row("check-in on Redis, 1 client, p99", percentile(one[0], 0.99), "µs", percentile(floor[0], 0.99), "bare"),
            Row("check-ins on Redis a second, 1 client", one[1], "/s"),
            Row("check-ins on Redis a second, 8 threads", eight[1], "/s", bare[1], "bare, 8 threads"),
            Row("check-in on Redis, 8 threads, p99", percentile(eight[0], 0.99), "µs"),
            *_memory(ledger, port, full=full),
            Row("check-in on Redis, p50, after that", percentile(load(ledger, clients=1, each=300)[0], 0.5), "µs",
                percentile(_bare(port, clients=1, each=300)[0], 0.5), "bare at the same moment"),
        ]  # fmt: skip
        ledger.close()
    return rows


def _memory(ledger: RedisLedger, port: int, *, full: bool) -> list[Row]:
    """Bytes of the server's memory for a holder's first entry and for each further one; kept answers are told apart."""
    holders = 100_000 if full else 5_000
    subjects = [f"holder-of-memory-{number:07d}" for number in range(holders)]
    start = _used(port)
    fill(ledger, holders, iter(subjects))
    first = _used(port)
    fill(ledger, holders, iter(subjects))
    second = _used(port)
    _forget_answers(port)
    lasting = _used(port)
    further, short = (second - first) / holders, (second - lasting) / holders / 2
    return [
        Row("memory on Redis, a holder's first entry", (first - start) / holders, "B"),
        Row("memory on Redis, each further entry", further, "B"),
        Row("of it for 7 days alone (answer and proof)", short, "B", further, "entry"),
        Row("1 million holders, 10 million entries, lasting",
            ((first - start - (second - first)) + 10 * (further - short) * holders) / holders / 1e3, "GB"),
    ]  # fmt: skip


def _used(port: int) -> int:
    with Redis(port=port) as client:
        return int(client.info("memory")["used_memory_dataset"])


def _forget_answers(port: int) -> None:
    with Redis(port=port) as client:
        for kind in ("o", "q"):
            for key in client.scan_iter(f"yj:*:{kind}:*", count=5000):
                client.unlink(key)


def _bare(port: int, clients: int, each: int) -> tuple[list[float], float]:
    """INCR, synced before it is answered, by the same client library."""
    with Redis(port=port) as client:
        return _timed(lambda: client.incr("bare"), clients, each)


def _timed(work: Callable[[], object], clients: int, each: int) -> tuple[list[float], float]:
    times: list[float] = []
    gate = threading.Barrier(clients + 1)

    def run_one() -> None:
        gate.wait()
        for _ in range(each):
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) * 1e6)

    threads = [threading.Thread(target=run_one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return times, clients * each / (time.perf_counter() - start)


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A server that syncs before it answers, on a free port; gives the port."""
    port = free_port()
    words = f"--port {port} --bind 127.0.0.1 --appendonly yes --appendfsync always --maxmemory-policy noeviction --save"
    process = subprocess.Popen(["redis-server", *words.split(), "", "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        _until_it_answers(port)
        yield port
    finally:
        process.kill()
        process.wait()


def _until_it_answers(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(RedisError), Redis(port=port) as client:
            client.ping()
            return
        time.sleep(0.02)
    raise TimeoutError("the Redis server does not answer")
