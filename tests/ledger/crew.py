"""Worker processes that drive one ledger at once, as a server's workers do."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Lock

from edge.clock import SystemClock
from ledger.values import LedgerUnavailable
from tests.ledger.builders import a_charge, a_check_in
from tests.ledger.conftest import STORES

_SPAWN = multiprocessing.get_context("spawn")


def _serve(store: str, folder: str, orders) -> None:
    """Take orders (a function of this module by name, and its arguments) until there is none."""
    ledger = STORES[store](Path(folder), SystemClock())
    ledger.ready()
    orders.send("ready")
    while (order := orders.recv()) is not None:
        orders.send(globals()[order[0]](ledger, orders, *order[1:]))
    ledger.close()


class Crew:
    """So many worker processes; every order goes to all at once."""

    def __init__(self, store: str, folder: Path, size: int) -> None:
        self.pipes, self.processes = [], []
        for _ in range(size):
            mine, theirs = _SPAWN.Pipe()
            process = _SPAWN.Process(target=_serve, args=(store, str(folder), theirs), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(mine)
            self.processes.append(process)
        for pipe in self.pipes:
            assert pipe.recv() == "ready"

    def order(self, *what: object) -> list:
        """Give an order to every worker and return their answers."""
        for pipe in self.pipes:
            pipe.send(what)
        return [pipe.recv() for pipe in self.pipes]

    def kill(self, index: int) -> None:
        """End a worker as the power does."""
        process = self.processes[index]
        assert process.pid is not None
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    def close(self) -> None:
        """Send the workers home."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            if process.is_alive():
                pipe.send(None)
            process.join(10)
            pipe.close()


@contextmanager
def a_crew(store: str, folder: Path, size: int):
    """A crew for the length of a test."""
    crew = Crew(store, folder, size)
    try:
        yield crew
    finally:
        crew.close()


def at_once(threads: int, work: Callable[[int], object]) -> list:
    """Run work in so many threads that start together."""
    gate = Barrier(threads)

    def started(number: int) -> object:
        try:
            gate.wait(10)
        except BrokenBarrierError:
            sys.exit("the threads did not start together")
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(started, range(threads)))


def rush(ledger, _orders, holder: str, threads: int) -> list[str | None]:
    """Check one holder in, in so many threads at once, on a quota of two; return the reasons."""

    def work(_number: int) -> str | None:
        device = f"tablet of {multiprocessing.current_process().pid}"
        change = a_check_in(SystemClock().now(), holder=holder, device=device, charges=(a_charge(2),))
        return ledger.check_in(change).reason

    return at_once(threads, work)


def repeat(ledger, _orders, operation: str, threads: int) -> list:
    """Send the same operation from so many threads at once; return the answers."""

    def work(_number: int):
        now = SystemClock().now()
        return ledger.check_in(a_check_in(now, holder="the-holder", operation=operation, charges=(a_charge(2),)))

    return at_once(threads, work)


def load(ledger, orders, name: str, threads: int) -> None:
    """Check holders in until killed, telling the parent every answer as soon as it is there."""
    numbers = count()
    telling = Lock()  # a pipe takes one sender at a time

    def work(number: int) -> None:
        while True:
            change = a_check_in(
                SystemClock().now(),
                holder=f"{name}-{next(numbers) % 50}",
                operation=f"{name}-{number}-{next(numbers):06d}",
                charges=(a_charge(100),),
            )
            outcome = ledger.check_in(change)
            with telling:
                orders.send((change.operation, outcome))

    at_once(threads, work)


def keep_busy(ledger, _orders, name: str, seconds: float, threads: int) -> int:
    """Check in for so long; return how many went through."""
    clock = SystemClock()
    until = clock.now() + timedelta(seconds=seconds)

    def work(number: int) -> int:
        done = 0
        while clock.now() < until:
            ledger.check_in(a_check_in(clock.now(), holder=f"{name}-{number}-{done % 100}"))
            done += 1
        return done

    return sum(at_once(threads, work))


def fill_disk(ledger, _orders, room: int) -> tuple[list[str], str]:
    """Check in with so many bytes of room for files; return what was granted and the first operation that was not."""
    granted: list[str] = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        while True:
            change = a_check_in(SystemClock().now(), holder=f"holder-{len(granted)}")
            try:
                granted.append(ledger.check_in(change).entry)
            except LedgerUnavailable:
                return granted, change.operation.subject
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
