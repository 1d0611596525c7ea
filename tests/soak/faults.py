"""What goes wrong during a soak, each fault for a while: when it began and ended, and which answers it explains."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.parts import part
from tests.soak.journal import FORM_OVER, Trouble
from tests.soak.redis_pair import Pair
from tests.soak.town import Town

LOST = "lost"
"""Stands for an answer that never came."""
AFTER_S = 6.0
"""So long after its end a fault still explains an answer: calls have bounds of 5 s, a circuit rests up to 2 s."""


@dataclass
class Fault:
    """One fault of the run; `explains` are the codes of answers that may come of it."""

    name: str
    explains: frozenset[str]
    began: float
    ended: float = float("inf")

    def covers(self, trouble: Trouble) -> bool:
        """Whether an answer comes of this fault."""
        code = LOST if trouble.status == 0 else trouble.code
        return code in self.explains and self.began - 0.5 <= trouble.at <= self.ended + AFTER_S


class MovedTime:
    """The time of day of the machine's processes, which can be moved; their monotonic clock runs on."""

    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "moved_clock.so", folder / "moved_by"
        self._file.write_bytes(bytes(8))
        source = Path(__file__).with_name("moved_clock.c")
        command = [part("gcc", "gcc"), "-O2", "-shared", "-fPIC", "-o", str(self._library), str(source), "-ldl"]
        subprocess.run(command, check=True)

    @property
    def environ(self) -> dict[str, str]:
        """What the processes need to be moved."""
        return {"LD_PRELOAD": str(self._library), "SOAK_MOVED_BY": str(self._file)}

    def move(self, seconds: float) -> None:
        """Set the machine's clock so many seconds off the true time."""
        with self._file.open("r+b") as file:
            file.write(int(seconds * 1000).to_bytes(8, sys.byteorder, signed=True))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Give a folder a disk of its own that can really be full; yields False where this user may mount nothing."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "soak", str(folder)], check=False,
                          capture_output=True)  # fmt: skip
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


class Faults:
    """Does the faults, one after the other, and remembers each."""

    def __init__(self, town: Town, time_: MovedTime, disk: Path | None, pair: Pair | None, seed: int) -> None:
        self.town, self.time, self.disk, self.pair = town, time_, disk, pair
        self.random = Random(seed)
        self.done: list[Fault] = []

    @contextmanager
    def _while(self, name: str, *explains: str) -> Iterator[None]:
        fault = Fault(name, frozenset(explains), time.monotonic())
        self.done.append(fault)
        try:
            yield
        finally:
            fault.ended = time.monotonic()

    def kinds(self, *, early: bool) -> list[Callable[[], None]]:
        """Return the faults of this machine; `early`: also those that end a process whose growth is not watched yet."""
        found = [self.worker_killed, self.slow_clients, self.garbage, self.clock_jump]
        if early:
            found.append(self.work_killed)
        if self.disk is not None:
            found.append(self.disk_full)
        if self.pair is not None:
            found += [self.redis_restarted, self.redis_lost, self.redis_handed_over]
        return found

    def worker_killed(self) -> None:
        """SIGKILL of the youngest worker: calls that it had are lost, the master starts another."""
        with self._while("worker killed", LOST):
            youngest = max(self.town.machine.worker_pids(), key=_started)
            with suppress(ProcessLookupError):
                os.kill(youngest, signal.SIGKILL)

            def replaced() -> bool:
                pids = self.town.machine.worker_pids()
                return youngest not in pids and len(pids) == 2

            self._until(replaced)

    def work_killed(self) -> None:
        """SIGKILL of the background work, and its start again three seconds later: no caller may notice."""
        with self._while("background work killed"):
            process = self.town.machine.background
            assert process is not None
            process.kill()
            process.wait(10)
            time.sleep(3)
            self.town.machine.begin_work()

    def disk_full(self) -> None:
        """Every byte of the machine's disk is taken for some seconds."""
        assert self.disk is not None
        ballast = self.disk / "ballast"
        with self._while("disk full", "unavailable"):
            try:
                _fill(ballast)
                self._until(lambda: False, 4)
            finally:
                ballast.unlink(missing_ok=True)
            if self.pair is not None:  # with appendfsync always Redis ends itself, and is started when there is room
                for server in (self.pair.replica, self.pair.primary):
                    if server.process is None or server.process.poll() is not None:
                        server.start()
                self.pair.wait_linked()

    def clock_jump(self) -> None:
        """The clock goes ahead and comes back: partitions that saw the later time refuse until it is reached."""
        ahead = self.random.choice((3.0, 5.0))
        codes = ("clock-skew", "unavailable", FORM_OVER)
        with self._while(f"clock {ahead:.0f} s ahead and back", *codes):
            self.time.move(ahead)
            time.sleep(2)
            self.time.move(0)
            time.sleep(ahead)

    def slow_clients(self) -> None:
        """Six clients send a header byte by byte and never end: others must not notice."""
        with self._while("slow clients"):
            held = [self._connect() for _ in range(6)]
            for byte in b"POST /v1/check-ins HTTP/1.1\r\nHost: x\r\n"[:16]:
                for one in held:
                    with suppress(OSError):
                        one.send(bytes([byte]))
                time.sleep(0.25)
            for one in held:
                one.close()

    def garbage(self) -> None:
        """Bytes that are no HTTP, and HTTP that says nothing sensible: never answered by 500, and nobody is harmed."""
        with self._while("garbage"):
            for number in range(12):
                body = self.random.randbytes(self.random.randrange(1, 400))
                sent = body if number % 2 else _as_http(self.random, body)
                with suppress(OSError), self._connect() as one:
                    one.sendall(sent)
                    one.shutdown(socket.SHUT_WR)
                    answer = one.recv(200)
                    assert not answer.startswith(b"HTTP/1.1 500"), answer

    def redis_restarted(self) -> None:
        """The primary is killed and started again."""
        assert self.pair is not None
        with self._while("Redis killed and started again", "unavailable"):
            self.pair.restart(1.5)

    def redis_lost(self) -> None:
        """The primary dies, the replica takes over."""
        assert self.pair is not None
        with self._while("Redis primary lost, replica promoted", "unavailable"):
            self.pair.lose_primary()

    def redis_handed_over(self) -> None:
        """The primary hands over in order: a call may have to be sent again (docs/operations.md, Restarts)."""
        assert self.pair is not None
        with self._while("Redis handed over by FAILOVER", "unavailable"):
            self.pair.fail_over()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.town.machine.port), timeout=12)

    @staticmethod
    def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
        ends = time.monotonic() + seconds
        while not holds() and time.monotonic() < ends:
            time.sleep(0.05)


def _started(pid: int) -> int:
    """Return when a process began, in the kernel's ticks; 0 where it has ended. Numbers come round again."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19])
    return 0


def _fill(ballast: Path) -> None:
    """Take every block that is left."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))


def _as_http(random: Random, body: bytes) -> bytes:
    path = random.choice(
        ("/v1/check-ins", "/v1/offline-check-ins", "/v1/wallet/bookings", "/v1/sessions", "/apply/new")
    )
    kind = random.choice(("application/json", "application/x-www-form-urlencoded", "text/plain"))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
