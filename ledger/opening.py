"""Opens the store that an address names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.clock import Clock, SystemClock
from edge.redisaddress import SCHEMES
from ledger.interface import Ledger
from ledger.sqlite import SqliteLedger
from ledger.values import LedgerUnavailable

_SQLITE = "sqlite:///"


def open_ledger(
    url: str,
    clock: Clock,
    *,
    allow_redis_loss: bool = False,
    seen: Path | None = None,
    older: Callable[[int, int, int], list[bytes]] | None = None,
) -> Ledger:
    """Return the ledger at an address: `sqlite:///file`, `redis://…` or `rediss://…`.

    The file's folder is made if it is missing. Raises LedgerUnavailable for any other address, or if the folder cannot
    be made. For Redis: a server that could lose check-ins is refused, unless `allow_redis_loss` is set. `seen` is the
    file that remembers the acknowledged entries. `older` reads entries that were removed from Redis after the log held
    them. The server's clock is the store's clock, unless `clock` is not the machine's clock.
    """
    if url.startswith(_SQLITE) and url != _SQLITE:
        path = Path(url.removeprefix(_SQLITE))
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerUnavailable(f"the ledger's folder cannot be made: {error.strerror}") from error
        return SqliteLedger(path, clock)
    if url.startswith(SCHEMES):
        return _open_redis(url, clock, older, allow_loss=allow_redis_loss, seen=seen)
    raise LedgerUnavailable(f"no ledger is kept at {url.partition(':')[0]}: use sqlite:///file or redis://host")


def _open_redis(
    url: str,
    clock: Clock,
    older: Callable[[int, int, int], list[bytes]] | None,
    *,
    allow_loss: bool,
    seen: Path | None,
) -> Ledger:
    # Imported only here, so that a process with the ledger in a file loads no Redis client.
    from ledger.redis import RedisLedger, read_options  # noqa: PLC0415 - as said above
    from ledger.redis.safety import UnsafeServer  # noqa: PLC0415 - likewise

    options = read_options(url, allow_loss=allow_loss, seen=seen)
    ledger = RedisLedger(options, None if isinstance(clock, SystemClock) else clock, older, host=clock)
    try:
        ledger.open()
    except UnsafeServer:
        ledger.close()
        raise
    except LedgerUnavailable:
        pass  # The server is away for now: every call says so until the server answers, and checks the server then
    return ledger
