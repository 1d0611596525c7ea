"""What the workers of a service count together: buckets of calls, and what may come once. In a file, or in Redis.

Nothing here is the truth, and nothing here decides alone: where it is away, each worker goes on counting by itself.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol, TypeVar

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import RedisClusterStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from edge.redisaddress import SCHEMES, is_cluster, read_redis_address
from edge.settings import Settings

BUSY_SECONDS: Final = 0.25
"""How long a call waits for the file. After that, this worker counts by itself."""
REST_SECONDS: Final = 2.0
TIDY_EVERY: Final = 1000
FILE: Final = "limits.db"
T = TypeVar("T")


class SharedAway(Exception):
    """The shared counts cannot be reached."""


class Shared(Protocol):
    """Counts that all workers share. Both calls raise SharedAway where the counts cannot be reached."""

    def take(self, key: str, rate: float, burst: int, now: float, most: int = 1) -> tuple[int, float]:
        """Take up to `most` of `burst`, refilled by `rate` a second.

        Return how many were taken and 0, or 0 and the seconds until there is one again.
        """
        ...

    def first(self, key: str, until: float, now: float) -> bool:
        """Remember a key until an instant; tell whether this is the first time. Instants are epoch seconds."""
        ...


class FileShared:
    """Counts in an SQLite file, for the workers of one machine. A lost file is an empty one."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet: each thread opens the file when it first counts, after the fork."""
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
                held.execute("PRAGMA synchronous = OFF")  # a lost count is a limit that fails open
            held.execute(
                "CREATE TABLE IF NOT EXISTS buckets "
                "(key TEXT PRIMARY KEY, left REAL, since REAL, full_at REAL) WITHOUT ROWID"
            )
            held.execute("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, until REAL) WITHOUT ROWID")
            self._local.held = held
        return held


class RedisShared:
    """Counts in the ledger's Redis, for workers of several machines: a sliding window as long as a bucket fills.

    After a server did not answer nobody asks for `REST_SECONDS`: each call would wait for it.
    """

    def __init__(self, url: str, prefix: str = "yunju-limits") -> None:
        """Connect at the first count. `url` is the ledger's address, with the ledger's own options in it."""
        self._address, self._prefix = read_redis_address(url), prefix
        self._held: tuple[Storage, SlidingWindowCounterRateLimiter] | None = None
        self._asks_at = 0.0

    def take(self, key: str, rate: float, burst: int, now: float, most: int = 1) -> tuple[int, float]:  # noqa: ARG002 - Redis has its own clock
        """Take, as in Shared: all of `most`, or one where the window holds fewer."""
        item = RateLimitItemPerSecond(burst, max(1, math.ceil(burst / rate)), namespace=self._prefix)
        with self._asked() as (_, limiter):
            taken = next((count for count in dict.fromkeys((most, 1)) if limiter.hit(item, key, cost=count)), 0)
        return taken, 0.0 if taken else max(1.0, 1 / rate)

    def first(self, key: str, until: float, now: float) -> bool:
        """Remember a key, as in Shared."""
        lives = max(1, math.ceil(until - now) + 1)
        with self._asked() as (storage, _):
            return int(storage.incr(f"{self._prefix}/seen/{key}", lives)) == 1

    @contextmanager
    def _asked(self) -> Iterator[tuple[Storage, SlidingWindowCounterRateLimiter]]:
        # Imported here alone: who counts in a file loads no Redis client.
        from redis.exceptions import RedisClusterException, RedisError, ResponseError  # noqa: PLC0415 - as said above

        if monotonic() < self._asks_at:
            raise SharedAway("resting after a failure")
        try:
            if self._held is None:
                storage = self._storage()
                self._held = storage, SlidingWindowCounterRateLimiter(storage)
            yield self._held
        except (StorageError, RedisError, RedisClusterException, OSError) as error:
            self.close()  # connections to a primary that handed over would be refused for ever
            if not isinstance(getattr(error, "storage_error", error), ResponseError):
                self._asks_at = monotonic() + REST_SECONDS
            raise SharedAway(type(error).__name__) from None

    def close(self) -> None:
        """Close the connections. The next count opens new ones."""
        held, self._held = self._held, None
        if held is None or not isinstance(held[0], RedisStorage):
            return
        client: Any = held[0].storage
        from redis.exceptions import RedisError  # noqa: PLC0415 - as above

        with suppress(RedisError, OSError):  # a client that is broken already has nothing left to close
            if hasattr(client, "disconnect_connection_pools"):
                client.disconnect_connection_pools()  # a cluster's own close leaves them open
            client.close()

    def _storage(self) -> Storage:
        from redis import Redis  # noqa: PLC0415 - as above
        from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
        from redis.cluster import ClusterNode  # noqa: PLC0415 - as above
        from redis.retry import Retry  # noqa: PLC0415 - as above

        address, seconds = self._address, {"socket_timeout": BUSY_SECONDS, "socket_connect_timeout": BUSY_SECONDS}
        bounds: dict[str, Any] = {**seconds, "retry": Retry(NoBackoff(), 0)}
        if is_cluster(lambda: Redis.from_url(address.url, **bounds), named=address.cluster):
            bounds["startup_nodes"] = [ClusterNode(*node) for node in address.nodes]  # type: ignore[no-untyped-call]
            return RedisClusterStorage("redis+cluster://", wrap_exceptions=True, url=address.url, **bounds)
        return RedisStorage(address.url, wrap_exceptions=True, **bounds)


def open_shared(settings: Settings) -> Shared:
    """Return the counts that the workers of these settings share: in Redis where the ledger is, else in a file."""
    if settings.ledger_url.startswith(SCHEMES):
        return RedisShared(settings.ledger_url)
    return FileShared(settings.var / FILE)
