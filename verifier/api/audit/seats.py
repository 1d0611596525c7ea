"""Seats for long answers. Each long answer holds one of the server's threads until it is read, and counters need the
other threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import BoundedSemaphore, Lock
from typing import Final

from flask import Response

from edge.problems import Problem

RETRY_SECONDS: Final = 20


class AuditSlots:
    """A limited number of simultaneous long answers in this process. Safe between threads."""

    def __init__(self, count: int) -> None:
        """Start with all seats free."""
        self._free = BoundedSemaphore(count)

    def take(self) -> Callable[[], None]:
        """Take a seat. Return a function that gives the seat back; further calls of it do nothing. Problem
        `unavailable` if all seats are taken.
        """
        if not self._free.acquire(blocking=False):
            detail = "as many exports and checks as this server does at once are running; try again when one is done"
            raise Problem("unavailable", detail, retry_after=RETRY_SECONDS)
        given, lock = [False], Lock()

        def give_back() -> None:
            with lock:
                if not given[0]:
                    given[0] = True
                    self._free.release()

        return give_back


def seated(response: Response, lines: Iterable[bytes], give_back: Callable[[], None]) -> Response:
    """Let a response write `lines`. Give its seat back at the end of the lines, or when the reader leaves before any
    line.
    """

    def written() -> Iterator[bytes]:
        try:
            yield from lines
        finally:
            give_back()

    response.response = written()
    response.call_on_close(give_back)  # An answer that nobody begins to read, such as that to HEAD, never ends
    return response
