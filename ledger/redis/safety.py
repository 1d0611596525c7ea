"""Checks whether a server may keep the ledger. A server that could lose acknowledged changes is refused, with a
remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from ledger.redis.options import RedisOptions
from ledger.values import LedgerUnavailable

SETTING = "YUNJU_DANGEROUS_ALLOW_REDIS_LOSS"
_NEEDED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


class UnsafeServer(LedgerUnavailable):
    """The server could lose acknowledged entries. `faults` says how; each fault names its remedy."""

    def __init__(self, faults: list[str]) -> None:
        """Join the faults into one message."""
        super().__init__(f"the Redis server could lose check-ins: {'; '.join(faults)} (or accept it: {SETTING}=yes)")
        self.faults = tuple(faults)


def require_safe(server: Redis, options: RedisOptions) -> None:
    """Raise UnsafeServer unless the server keeps what it acknowledges. A version that is too old is never accepted."""
    about: dict[str, Any] = server.info()
    if int(str(about["redis_version"]).partition(".")[0]) < 7:
        raise LedgerUnavailable(f"Redis {about['redis_version']} is too old for the ledger: use 7.0 or later")
    if options.allow_loss:
        return
    faults = [*_settings(server), *_state(about), *_replicas(about, options)]
    if faults:
        raise UnsafeServer(faults)


def _settings(server: Redis) -> Iterator[str]:
    try:
        found = server.config_get(*_NEEDED)
    except ResponseError:
        yield "its settings cannot be read: allow CONFIG GET"
        return
    for name, needed in _NEEDED.items():
        if found.get(name) != needed:
            yield f"{name} is {found.get(name, 'unknown')}: set `{name} {needed}`"


def _state(about: dict[str, Any]) -> Iterator[str]:
    if about.get("aof_last_write_status", "ok") != "ok":
        yield "its append-only file could not be written last time: see to the disk"


def _replicas(about: dict[str, Any], options: RedisOptions) -> Iterator[str]:
    """Yield faults of the replicas. A replica may take over without every change, so the settings must say how many
    replicas confirm.
    """
    connected = int(about.get("connected_slaves", 0))
    if connected and not options.replicas:
        yield f"it has {connected} replicas and none is waited for: add `?replicas=1` to YUNJU_LEDGER_URL"
