"""Real Redis servers, started by the tests on free ports in folders of their own, and ended by their process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis
from redis.exceptions import RedisError

from edge.clock import Clock, SystemClock
from ledger.redis import RedisLedger, read_options
from tests.parts import part
from tools.ports import free_port

BINARY = shutil.which("redis-server")
SAFE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
SLOTS = 16384
MEMORY = Path("/dev/shm")


class Server:
    """One redis-server, in a folder that outlives it."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.binary = part("redis-server", "redis-server")
        self.folder, self.port, self.settings = folder, free_port(), {**SAFE, **settings}
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, or start it again on what it left, and wait until it answers."""
        asked = [str(part) for name, value in self.settings.items() for part in (f"--{name.replace('_', '-')}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *asked],
                stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 60  # a busy machine is slow, not wrong
        while time.monotonic() < until:
            with suppress(RedisError), self.client() as client:
                if client.ping():
                    return
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.01)
        raise AssertionError("the server does not answer")

    def client(self) -> Redis:
        """A plain client, to look and to tamper."""
        return Redis(port=self.port, socket_timeout=5)

    def kill(self) -> None:
        """End it as the power does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it, however it stands."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def a_server(folder: Path, **settings: object):
    """A server for the length of a test."""
    server = Server(folder, **settings)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def a_cluster(folder: Path, size: int = 3, **settings: object):
    """A cluster of so many primaries, without replicas."""
    servers: list[Server] = []
    try:
        for number in range(size):
            server = Server(folder / str(number), cluster_enabled="yes", cluster_node_timeout=1000, **settings)
            servers.append(server)
        _join(servers)
        yield servers
    finally:
        for server in servers:
            server.stop()


def _join(servers: list[Server]) -> None:
    size = len(servers)
    for number, server in enumerate(servers):
        with server.client() as client:
            first, last = number * SLOTS // size, (number + 1) * SLOTS // size - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if all(_is_whole(server, size) for server in servers):
            return
        time.sleep(0.05)
    raise AssertionError("the cluster does not come together")


def _is_whole(server: Server, size: int) -> bool:
    with server.client() as client:
        about = client.execute_command("CLUSTER", "INFO")
    text = about.decode() if isinstance(about, bytes) else "\n".join(f"{k}:{v}" for k, v in about.items())
    return "cluster_state:ok" in text and f"cluster_known_nodes:{size}" in text


@cache
def _shared(kind: str) -> list[Server]:
    """The server, or the cluster, that the contract's tests of one process share; it ends with the process."""
    # In memory where there is such a folder: what these tests ask does not depend on the disk.
    folder = TemporaryDirectory(prefix="yunju-redis-", dir=MEMORY if MEMORY.is_dir() else None)
    exits = ExitStack()
    exits.callback(folder.cleanup)
    if kind == "redis-cluster":
        servers = exits.enter_context(a_cluster(Path(folder.name)))
    else:
        servers = [exits.enter_context(a_server(Path(folder.name)))]
    atexit.register(exits.close)
    return servers


def open_shared(kind: str, folder: Path, clock: Clock) -> RedisLedger:
    """A ledger on the shared server, empty when it is first opened for a folder; other processes find it there too."""
    address = folder / "redis-url"
    if not address.exists():
        for server in _shared(kind):
            with server.client() as client:
                client.flushall()
        address.write_text(_shared(kind)[0].url)
    return RedisLedger(read_options(address.read_text()), None if isinstance(clock, SystemClock) else clock)


REDIS_STORES = {kind: partial(open_shared, kind) for kind in ("redis", "redis-cluster")} if BINARY else {}
"""The contract's stores on Redis, wherever it is installed."""
