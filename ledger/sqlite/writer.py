"""One writer thread for each process. Waiting steps are committed together, and no caller is answered before the
commit.

This module knows nothing of check-ins: the writer runs steps inside one durable transaction. A refused step undoes only
its own changes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Generic, TypeVar

from edge.metrics import observe_commits
from ledger.sqlite.files import Handle, Limits, bound_log, open_writer
from ledger.sqlite.forking import opening
from ledger.sqlite.schema import prepare_schema
from ledger.values import LedgerUnavailable

T = TypeVar("T")

_BATCHES_PER_LOOK = 256  # Batches between two looks at the size of the write-ahead log
_TIDY_EVERY = 32  # Changes between two rounds of tidying
_COMMITS_TOLD = 16  # Commits reported to the metrics at once: one report costs as much as a statement


class FileLock:
    """A blocking flock(2). The kernel queues the processes, so no process starves, as could happen with SQLite's own
    polling.
    """

    def __init__(self, path: Path) -> None:
        """Lock the file at `path`, which is made when it is first needed."""
        self._path = path
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises OSError if the file cannot be opened or locked."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock's file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Job(Generic[T]):
    """A step on its way. Its result or error is read only after `done` was released."""

    __slots__ = ("abandoned", "done", "error", "result", "step")

    def __init__(self, step: Callable[[sqlite3.Connection], T]) -> None:
        self.step = step
        self.result: T | None = None
        self.error: Exception | None = None
        self.abandoned = False
        self.done = threading.Lock()
        self.done.acquire()

    def run(self, db: sqlite3.Connection) -> bool:
        """Run the step. Return False if it was refused after a write, so that its changes must be undone."""
        before = db.total_changes
        try:
            self.result = self.step(db)
        except (sqlite3.Error, OSError):
            raise  # The store's own failure: the whole batch fails
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one change is its caller's to hear
            self.error = error
            return db.total_changes == before
        return True

    def run_apart(self, db: sqlite3.Connection) -> None:
        """Run the step in its own savepoint. If it is refused, it leaves no trace in its batch."""
        self.error = None
        db.execute("SAVEPOINT change")
        if not self.run(db):
            db.execute("ROLLBACK TO change")
        db.execute("RELEASE change")


class Writer:
    """Runs steps on the file at `path`, in batches. A writer belongs to the process that made it."""

    def __init__(
        self, path: Path, limits: Limits, tidy: Callable[[sqlite3.Connection], object] = lambda _db: None
    ) -> None:
        """Open no file yet. `tidy` runs in a batch's transaction after a number of changes."""
        self._path = path
        self._limits = limits
        self._tidy = tidy
        self._lock = FileLock(path.with_name(path.name + "-lock"))
        self._db: Handle | None = None
        self._file: tuple[int, int] | None = None
        self._queue: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._batches = 0
        self._untidied = 0
        self._told: list[tuple[int, float]] = []

    def submit(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Run a step. Return its result once it is durable.

        Raises the step's own error, or LedgerUnavailable if too many steps wait, the wait was too long, or the store
        failed. In this case the step may still be recorded later; a retry of the same operation gets its answer.
        """
        job = _Job(step)
        self._put(job)
        if not job.done.acquire(timeout=self._limits.wait.total_seconds()):
            job.abandoned = True
            raise LedgerUnavailable("the ledger did not answer in time")
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value] # a job without error has the step's own result

    def close(self) -> None:
        """Finish the accepted steps, end the thread, and close the file."""
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(self._limits.wait.total_seconds())

    @property
    def is_open(self) -> bool:
        """Whether the file is open for writing."""
        return self._db is not None

    def _put(self, job: _Job[T]) -> None:
        if self._thread is None:
            self._start()
        if self._closed or self._queue.qsize() >= self._limits.waiting:
            raise LedgerUnavailable("the ledger is closed" if self._closed else "too many changes wait for the ledger")
        self._queue.put(job)  # type: ignore[arg-type] # the queue never looks at results

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            last = self._batch(job)
            if last:
                break
        self._tell()
        self._drop()
        self._lock.close()

    def _batch(self, first: _Job[object]) -> bool:
        """Commit `first` and all steps that wait behind it. Return True if the end of the queue was among them."""
        batch, last, begun = [first], False, perf_counter()
        try:
            with self._lock.held():
                # Steps are gathered only now: those that came while another process had the lock go into the same
                # commit.
                last = self._gather(batch)
                self._commit(batch)
            self._told.append((len(batch), perf_counter() - begun))
        except (sqlite3.Error, OSError) as error:
            self._fail(batch, error)
        for job in batch:
            job.done.release()
        if len(self._told) >= _COMMITS_TOLD:
            self._tell()
        return last

    def _tell(self) -> None:
        """Report the commits since the last report to the metrics."""
        told, self._told = self._told, []
        observe_commits(told)

    def _gather(self, batch: list[_Job[object]]) -> bool:
        while len(batch) < self._limits.batch:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return False
            if job is None:
                return True
            batch.append(job)
        return False

    def _commit(self, batch: list[_Job[object]]) -> None:
        db = self._open()
        self._require_the_same_file()
        db.execute("BEGIN IMMEDIATE")
        waiting = [job for job in batch if not job.abandoned]
        # A refusal nearly always comes before any write, and savepoints are expensive. They are used on a second try.
        if not all(job.run(db) for job in waiting):
            db.execute("ROLLBACK")
            db.execute("BEGIN IMMEDIATE")
            for job in waiting:
                job.run_apart(db)
        self._untidied += len(batch)
        if self._untidied >= _TIDY_EVERY:
            self._untidied = 0
            self._tidy(db)
        db.execute("COMMIT")
        self._batches += 1
        if self._batches % _BATCHES_PER_LOOK == 0:
            bound_log(db, self._path, self._limits)

    def _open(self) -> Handle:
        if self._db is None:
            if self._file is not None:
                self._require_the_same_file()
            with opening():
                db = self._db = open_writer(self._path, self._limits)
            try:
                prepare_schema(db)
            except sqlite3.Error:
                self._drop()
                raise
        return self._db

    def _require_the_same_file(self) -> None:
        """Raise OSError if the file was removed or replaced after this process first opened it.

        Writes to a removed file are lost, and a new file would know of no use. So another file becomes the ledger only
        after a restart, which an operator must decide.
        """
        found = self._path.stat()
        self._file = self._file or (found.st_dev, found.st_ino)
        if self._file != (found.st_dev, found.st_ino):
            raise OSError(f"{self._path} is another file than at the start: put it back, or start again")

    def _fail(self, batch: list[_Job[object]], error: Exception) -> None:
        """Answer the whole batch with the store's failure. A connection that failed is not used again."""
        self._drop()
        for job in batch:
            job.error = LedgerUnavailable(f"the ledger's store failed: {error}")
            job.error.__cause__ = error

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()  # Rolls back the open transaction
