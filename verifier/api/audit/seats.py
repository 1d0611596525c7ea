"""Seats for long answers: each holds one of the server's threads until it is read, and counters need the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import BoundedSemaphore, Lock
from typing import Final

from flask import Response

from edge.problems import Problem

RETRY_SECONDS: Final = 20


class AuditSlots:
    """So many long answers at once in this process; any thread."""

    def __init__(self, count: int) -> None:
        """Begin with all of them free."""
        self._free = BoundedSemaphore(count)

    def take(self) -> Callable[[], None]:
        """Take a seat and return what gives it back, once however often it is called; Problem `unavailable`."""
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
    """Let a response write `lines` and give its seat back at their end, or when its reader is gone before any."""

    def written() -> Iterator[bytes]:
        try:
            yield from lines
        finally:
            give_back()

    response.response = written()
    response.call_on_close(give_back)  # an answer nobody begins to read, as that to HEAD, never gets to its end
    return response
