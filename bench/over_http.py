"""A whole check-in over HTTP beside hello-JSON under the same gunicorn: wall time and processor time a request."""

from __future__ import annotations

import http.client
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ledger_redis import redis_server
from bench.rows import Row, percentile
from bench.serving import Server, serving
from bench.world import BenchWorld, Device, check_in_body
from edge.clock import SystemClock
from edge.settings import load_settings
from tools.ports import free_port
from verifier.service import make_stores

CARDS = 100
"""How many holders come and go; each was seen by both workers before anything is measured."""

DEVICES = 20
"""How many tablets share the calls: a tablet that sent all of them would meet its own limit of writes."""

Call = tuple[str, str, bytes, dict[str, str]]


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure with one client and with eight."""
    requests = 2_000 if full else 600
    hello = _hello(requests)
    rows = [
        Row("hello-JSON, 1 client, p50", hello[0].p50, "µs"),
        Row("processor time of hello-JSON", hello[0].processor, "µs"),
        *_rows("SQLite", _served({}, requests), hello),
    ]
    if shutil.which("redis-server") is None:
        return rows
    with TemporaryDirectory() as folder, redis_server(Path(folder)) as port:
        return rows + _rows("Redis", _served({"YUNJU_LEDGER_URL": f"redis://127.0.0.1:{port}/0"}, requests), hello)


def _served(environ: Mapping[str, str], requests: int) -> tuple[Figures, Figures]:
    """Measure check-ins on one ledger with one client and with eight."""
    port = free_port()
    with TemporaryDirectory() as folder:
        world = BenchWorld(Path(folder), f"http://127.0.0.1:{port}")
        world.cards = [world.card(index) for index in range(CARDS)]
        devices = [world.device("hosp-2") for _ in range(DEVICES)]
        make_stores(load_settings({**world.environ, **environ}), SystemClock())
        with serving("wsgi:application", port, {**world.environ, **environ}) as server:
            return _measure(server, lambda count: _check_ins(world, devices, port, count), requests)


def _rows(ledger: str, mine: tuple[Figures, Figures], hello: tuple[Figures, Figures]) -> list[Row]:
    (one, eight), (floor_one, floor_eight), of = mine, hello, "hello-JSON"
    return [
        Row(f"check-in on {ledger} over HTTP, 1 client, p50", one.p50, "µs", floor_one.p50, of),
        Row(f"check-in on {ledger} over HTTP, 8 clients, p99", eight.p99, "µs", eight.p50, "its own p50", 5.0),
        Row(f"check-ins on {ledger} a second, 8 clients", eight.rate, "/s", floor_eight.rate, of, least=0.45),
        Row(f"processor time of a check-in on {ledger}", one.processor, "µs", floor_one.processor, of, 3.0),
        Row(f"the same at 8 clients on {ledger}", eight.processor, "µs", floor_eight.processor, of, 3.0),
    ]


class Figures:
    """The results of one load."""

    def __init__(self, times: list[float], seconds: float, processor: float) -> None:
        self.p50, self.p99 = percentile(times, 0.5), percentile(times, 0.99)
        self.rate = len(times) / seconds
        self.processor = processor / len(times) * 1e6


def _hello(requests: int) -> tuple[Figures, Figures]:
    with serving("bench.hello:application", free_port(), {}) as server:
        return _measure(server, lambda count: [("GET", "/hello", b"", {})] * count, requests)


def _measure(server: Server, calls: Callable[[int], list[Call]], requests: int) -> tuple[Figures, Figures]:
    _load(server, calls(2 * CARDS), 1, expected=None)
    return _load(server, calls(requests), 1), _load(server, calls(requests), 8)


def _check_ins(world: BenchWorld, devices: list[Device], port: int, count: int) -> list[Call]:
    """Sign them beforehand: what the phone and the tablet spend is not the server's. The cards were seen before."""
    url = f"http://127.0.0.1:{port}/v1/check-ins"
    calls = []
    for index in range(count):
        card = world.cards[index % len(world.cards)]
        body = check_in_body(f"{card}~{world.proof(card)}", "hospital-registration")
        device = devices[index % DEVICES]
        calls.append(("POST", "/v1/check-ins", body, device.headers("POST", url, body)))
    return calls


def _load(server: Server, calls: list[Call], clients: int, expected: tuple[int, ...] | None = (200, 201)) -> Figures:
    times: list[float] = []
    faults: list[int] = []
    shares = [calls[number::clients] for number in range(clients)]

    def client(share: list[Call]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for method, path, body, headers in share:
            start = time.perf_counter()
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
            times.append((time.perf_counter() - start) * 1e6)
            if expected and response.status not in expected:
                faults.append(response.status)
        connection.close()

    before, start = server.processor_seconds(), time.perf_counter()
    threads = [threading.Thread(target=client, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"{len(faults)} answers of {sorted(set(faults))}")
    return Figures(times, time.perf_counter() - start, server.processor_seconds() - before)
