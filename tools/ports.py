"""Ports for servers under test and under measurement: each given once on a machine, and none that the kernel gives."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import Final

FIRST: Final = 12_000
"""The first port given. Below the range from which the kernel takes ports for outgoing calls, on every usual Linux."""
LAST: Final = 21_999
"""The last: the second port of a Redis cluster's node, 10,000 above, is then neither given nor the kernel's."""

_held: list[int] = []
"""The locks of the ports given to this process: they end with it."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on, and that no other running process is given.

    A port that was only tried could be taken again before its server binds it: by another test's server, or as the
    near end of any call. So a port comes from below the kernel's own range, and a lock keeps it for this process.

    Raises:
        RuntimeError: all ports are taken.
    """
    folder = Path(tempfile.gettempdir()) / f"yunju-ports.{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(range(FIRST, LAST + 1), LAST + 1 - FIRST):
        lock = _locked(folder / str(port))
        if lock is not None and _is_free(port):
            _held.append(lock)
            return port
        if lock is not None:
            os.close(lock)
    raise RuntimeError(f"no port from {FIRST} to {LAST} is free: end the servers that old tests left")


def _locked(path: Path) -> int | None:
    """Return the lock of a port's file, which lasts until it is closed; None where another process has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a call just ended holds no port
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
