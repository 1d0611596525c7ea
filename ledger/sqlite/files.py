"""How the ledger's file is opened, and how its write-ahead log is kept small."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_CACHE_KIB = -16384  # the pragma counts KiB below zero


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of waiting, batching and the write-ahead log.

    `wait` bounds a change's whole time here, `busy` the wait for a lock that another program holds on the file,
    `waiting` the changes in the queue, `batch` those in one commit. `page_limit` caps the file (pages of 4 KB).
    """

    wait: timedelta = timedelta(seconds=5)
    busy: timedelta = timedelta(seconds=2)
    waiting: int = 1024
    batch: int = 128
    checkpoint_pages: int = 4000
    wal_bytes: int = 64 * 1024 * 1024
    page_limit: int | None = None


class Handle(sqlite3.Connection):
    """A connection that can be referred to weakly, so that a thread that ends takes its reader along.

    `in_use` is held by whoever reads or closes: closing a connection under another thread's hands ends the process.
    """

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - sqlite3's own arguments
        """Open it, in nobody's use."""
        super().__init__(*given, **named)
        self.in_use = threading.RLock()


def open_writer(path: Path, limits: Limits) -> Handle:
    """Open the file for writing: write-ahead log, a full sync at every commit."""
    db = _connect(path, limits)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")  # savepoints note the pages they change; no file for that
        db.execute(f"PRAGMA cache_size = {_CACHE_KIB}")
        db.execute(f"PRAGMA wal_autocheckpoint = {limits.checkpoint_pages}")
        db.execute(f"PRAGMA journal_size_limit = {limits.wal_bytes}")
        if limits.page_limit is not None:
            db.execute(f"PRAGMA max_page_count = {limits.page_limit}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def open_reader(path: Path, limits: Limits) -> Handle:
    """Open the file for reading alone."""
    db = _connect(path, limits)
    db.execute("PRAGMA query_only = ON")
    return db


def _connect(path: Path, limits: Limits) -> Handle:
    # It holds the salts of the holders' pseudonyms: made before SQLite would make it readable for others.
    with suppress(OSError):  # what cannot be made cannot be opened either, and SQLite says so
        path.touch(mode=0o600)
    # Threads other than the one that opened a connection only ever close it.
    return sqlite3.connect(
        path,
        timeout=limits.busy.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        factory=Handle,
        cached_statements=256,
    )


def bound_log(db: sqlite3.Connection, path: Path, limits: Limits) -> None:
    """Empty a write-ahead log that has outgrown its bound because some reader always stood in the way."""
    with suppress(OSError):
        if path.with_name(path.name + "-wal").stat().st_size <= limits.wal_bytes:
            return
        # A reader that holds on past the busy time leaves it for the next try: no harm but the space.
        with suppress(sqlite3.OperationalError):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
