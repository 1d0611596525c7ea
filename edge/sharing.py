"""Counts that the workers of a service share: buckets of calls, and keys that may come once. In a file, or in Redis.

Nothing here is the truth, and nothing here decides alone: while it is away, each worker goes on counting by itself.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from edge.settings import Settings

BUSY_SECONDS: Final = 0.25
"""How long a call waits for the file. After that, this worker counts by itself."""
TIDY_EVERY: Final = 1000
FILE: Final = "limits.db"
LEDGERS_OWN: Final = frozenset({"cluster", "replicas", "keep_days"})
"""Options of a ledger's address that are the ledger's own: the client of Redis knows none of them."""
T = TypeVar("T")


class SharedAway(Exception):
    """The shared counts cannot be reached."""


class Shared(Protocol):
    """Counts that all workers share. Both calls raise SharedAway if the counts cannot be reached."""

    def take(self, key: str, rate: float, burst: int, now: float, most: int = 1) -> tuple[int, float]:
        """Take up to `most` of `burst`, refilled by `rate` a second.

        Return the number taken and 0, or 0 and the seconds until there is one again.
        """
        ...

    def first(self, key: str, until: float, now: float) -> bool:
        """Remember a key until an instant. Return whether this is its first time. Instants are epoch seconds."""
        ...


class FileShared:
    """Counts in an SQLite file, for the workers of one machine. A lost file counts as an empty one."""

    def __init__(self, path: Path) -> None:
        """Open no file yet: each thread opens the file when it first counts, after the fork."""
        self._path = path
        self._local = threading.local()
        self._taken = 0

    def take(self, key: str, rate: float, burst: int, now: float, most: int = 1) -> tuple[int, float]:
        """Take, as in Shared."""

        def step(held: sqlite3.Connection) -> tuple[int, float]:
            row = held.execute("SELECT left, since FROM buckets WHERE key = ?", (key,)).fetchone()
            left, since = (float(burst), now) if row is None else row
            # A clock set back refills nothing and takes nothing away.
            left = min(float(burst), left + max(0.0, now - since) * rate)
            taken = min(most, int(left))
            wait = 0.0 if taken else (1 - left) / rate
            left -= taken
            full_at = now + (burst - left) / rate
            held.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", (key, left, now, full_at))
            return taken, wait

        return self._change(step, now)

    def first(self, key: str, until: float, now: float) -> bool:
        """Remember a key, as in Shared."""

        def step(held: sqlite3.Connection) -> bool:
            held.execute("DELETE FROM seen WHERE key = ? AND until < ?", (key, now))
            return held.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, until)).rowcount == 1

        return self._change(step, now)

    def _change(self, step: Callable[[sqlite3.Connection], T], now: float) -> T:
        try:
            held = self._connection()
            held.execute("BEGIN IMMEDIATE")
            try:
                found = step(held)
                self._tidy(held, now)
            except BaseException:
                held.execute("ROLLBACK")
                raise
            held.execute("COMMIT")
        except sqlite3.Error as error:
            raise SharedAway(type(error).__name__) from None
        return found

    def _tidy(self, held: sqlite3.Connection, now: float) -> None:
        self._taken += 1
        if self._taken % TIDY_EVERY == 0:
            held.execute("DELETE FROM buckets WHERE full_at < ?", (now,))
            held.execute("DELETE FROM seen WHERE until < ?", (now,))

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "held", None)
        if held is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            held = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            with closing(held.execute("PRAGMA journal_mode = WAL")):
                held.execute("PRAGMA synchronous = OFF")  # A lost count is a limit that fails open
            held.execute(
                "CREATE TABLE IF NOT EXISTS buckets "
                "(key TEXT PRIMARY KEY, left REAL, since REAL, full_at REAL) WITHOUT ROWID"
            )
            held.execute("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, until REAL) WITHOUT ROWID")
            self._local.held = held
        return held


class RedisShared:
    """Counts in the ledger's Redis, for workers of several machines: a sliding window as long as a bucket takes to
    fill.
    """

    def __init__(self, url: str, prefix: str = "yunju-limits") -> None:
        """Connect at the first count. `url`: the ledger's; what in it is the ledger's own is left out."""
        self._url, self._prefix = _plain(url), prefix
        self._held: tuple[Storage, SlidingWindowCounterRateLimiter] | None = None

    def take(self, key: str, rate: float, burst: int, now: float, most: int = 1) -> tuple[int, float]:  # noqa: ARG002 - Redis has its own clock
        """Take, as in Shared: all of `most`, or one if the window holds fewer."""
        item = RateLimitItemPerSecond(burst, max(1, math.ceil(burst / rate)), namespace=self._prefix)
        try:
            limiter = self._opened()[1]
            taken = next((count for count in dict.fromkeys((most, 1)) if limiter.hit(item, key, cost=count)), 0)
        except (StorageError, OSError) as error:
            raise self._away(error) from None
        return taken, 0.0 if taken else max(1.0, 1 / rate)

    def first(self, key: str, until: float, now: float) -> bool:
        """Remember a key, as in Shared."""
        lives = max(1, math.ceil(until - now) + 1)
        try:
            return int(self._opened()[0].incr(f"{self._prefix}/seen/{key}", lives)) == 1
        except (StorageError, OSError) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> SharedAway:
        """Let go of the connections: those to a primary that handed over would be refused for ever."""
        self._held = None
        return SharedAway(type(error).__name__)

    def _opened(self) -> tuple[Storage, SlidingWindowCounterRateLimiter]:
        held = self._held
        if held is None:
            storage = storage_from_string(self._url, wrap_exceptions=True, socket_timeout=BUSY_SECONDS)
            if not isinstance(storage, Storage):
                raise SharedAway("not a storage that answers at once")
            self._held = held = storage, SlidingWindowCounterRateLimiter(storage)
        return held


def _plain(url: str) -> str:
    parts = urlsplit(url)
    asked = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in LEDGERS_OWN]
    return urlunsplit(parts._replace(query=urlencode(asked)))


def open_shared(settings: Settings) -> Shared:
    """Return the counts that the workers of these settings share: in Redis if the ledger is there, otherwise in a
    file.
    """
    if settings.ledger_url.startswith(("redis://", "rediss://")):
        return RedisShared(settings.ledger_url.partition("#")[0])
    return FileShared(settings.var / FILE)
