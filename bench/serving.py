"""A gunicorn on a free loopback port, which is ended by its process id, and the processor time of its workers."""

from __future__ import annotations

import gc
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


ROOT = Path(__file__).parents[1]


def pass_over_what_stays() -> None:
    """Do as a web worker does once it has loaded (gunicorn.conf.py), for pages that are made in this process."""
    gc.collect()
    gc.freeze()


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int

    def processor_seconds(self) -> float:
        """Return what the workers' processors have spent until now."""
        return sum(_spent(pid) for pid in self._workers())

    def _workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


@contextmanager
def serving(target: str, port: int, environ: Mapping[str, str], *, workers: int = 2) -> Iterator[Server]:
    """Serve a WSGI target until the block ends."""
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--log-level", "error",
               "--workers", str(workers), "--bind", f"127.0.0.1:{port}", target]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield Server(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError("the server ended at once")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError("the server did not answer")


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
