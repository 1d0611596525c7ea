"""Closes SQLite files before a fork. An open file in the child would make SQLite's notes on locks wrong
(sqlite.org/howtocorrupt.html §2.6). So every ledger closes its file before a fork, and parent and child open it again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet


class Parked(Protocol):
    """An object that can close its files and open them again later."""

    def park(self) -> None:
        """Finish the accepted changes and close every file."""
        ...

    def is_open(self) -> bool:
        """Whether a file is open."""
        ...


_OPENING = threading.Lock()
_KNOWN: WeakSet[Parked] = WeakSet()


def watch(parked: Parked) -> None:
    """Park `parked` before every fork from now on."""
    _KNOWN.add(parked)


@contextmanager
def opening() -> Iterator[None]:
    """Hold this while a file is opened, so that no fork happens meanwhile."""
    with _OPENING:
        yield


def _before() -> None:
    while True:
        for parked in list(_KNOWN):
            parked.park()
        _OPENING.acquire()
        if not any(parked.is_open() for parked in list(_KNOWN)):
            return
        _OPENING.release()


os.register_at_fork(before=_before, after_in_parent=_OPENING.release, after_in_child=_OPENING.release)
