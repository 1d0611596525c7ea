"""How the ledger's file is opened, and how its write-ahead log stays small."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_CACHE_KIB = -16384  # The pragma counts KiB as negative numbers


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of waiting, batching and the write-ahead log.

    `wait` bounds the whole time of a change here. `busy` bounds the wait for a lock that another program holds on the
    file. `waiting` bounds the changes in the queue, `batch` those in one commit. `page_limit` caps the file (pages of 4
    KB).
    """

    wait: timedelta = timedelta(seconds=5)
    busy: timedelta = timedelta(seconds=2)
    waiting: int = 1024
    batch: int = 128
    checkpoint_pages: int = 4000
    wal_bytes: int = 64 * 1024 * 1024
    page_limit: int | None = None


class Handle(sqlite3.Connection):
    """A connection that allows weak references, so that a thread's reader ends together with its thread.

    A reader holds `in_use` while it reads, and so does who closes the connection. Closing a connection that another
    thread is using ends the process.
    """

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - sqlite3's own arguments
        """Start with nobody using the connection."""
        super().__init__(*given, **named)
        self.in_use = threading.RLock()


def open_writer(path: Path, limits: Limits) -> Handle:
    """Open the file for writing: write-ahead log, a full sync at every commit."""
    db = _connect(path, limits)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")  # Savepoints note the pages that they change; this needs no file
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
    """Open the file read-only."""
    db = _connect(path, limits)
    db.execute("PRAGMA query_only = ON")
    return db


def _connect(path: Path, limits: Limits) -> Handle:
    # The file holds the salts of the holders' pseudonyms. It is made here, before SQLite could make it readable for
    # others.
    with suppress(OSError):  # A file that cannot be made cannot be opened either, and SQLite then says so
        path.touch(mode=0o600)
    # Other threads than the opener only ever close the connection.
    return sqlite3.connect(
        path,
        timeout=limits.busy.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        factory=Handle,
        cached_statements=256,
    )


def bound_log(db: sqlite3.Connection, path: Path, limits: Limits) -> None:
    """Empty a write-ahead log that has outgrown its bound because some reader always prevented this."""
    with suppress(OSError):
        if path.with_name(path.name + "-wal").stat().st_size <= limits.wal_bytes:
            return
        # If a reader holds on past the busy time, the next try empties the log. Until then it only takes space.
        with suppress(sqlite3.OperationalError):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
