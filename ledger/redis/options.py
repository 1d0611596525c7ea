"""How a ledger's Redis is reached and what it must confirm. Both are read from its address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from edge.redisaddress import read_redis_address
from ledger.values import LedgerError

MOST_KEPT_DAYS = 100_000
LEAST_KEPT_DAYS = 30
"""Kept answers, proof markers and late offline records never refer to an entry as old as this. The margin is large."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """The address of the server, and the bounds of waiting for it.

    `replicas` must confirm every answer (WAIT). None: the address gives no number, so a server with replicas is
    refused. `wait` bounds this confirmation, `answer` bounds one call, `whole` bounds a change with all its tries.
    `cluster` None: the server tells. `allow_loss` accepts a server that can lose acknowledged entries. `seen`: the file
    that remembers the acknowledged entries. `keep`: older leaves are removed once the log holds them; None keeps all
    leaves. `nodes`: further nodes of a cluster, by which it is found while the address's own node is away.
    """

    url: str = field(repr=False)
    cluster: bool | None = None
    replicas: int | None = None
    wait: timedelta = timedelta(seconds=1)
    answer: timedelta = timedelta(seconds=2)
    whole: timedelta = timedelta(seconds=4)
    connections: int = 64
    allow_loss: bool = False
    seen: Path | None = None
    keep: timedelta | None = None
    nodes: tuple[tuple[str, int], ...] = ()


def read_options(url: str, *, allow_loss: bool = False, seen: Path | None = None) -> RedisOptions:
    """Return the options of `redis://` or `rediss://`.

    `?cluster=true`, `?node=host:port` (of a cluster; may be repeated), `?replicas=1` and `?keep_days=60` are options of
    this ledger; redis-py reads all others.

    Raises LedgerError if an option of this ledger cannot be read.
    """
    try:
        address = read_redis_address(url)
    except ValueError as error:
        raise LedgerError(f"the ledger's address: {error}") from None
    replicas, keep = address.options.get("replicas"), address.options.get("keep_days")
    if replicas is not None and not (replicas.isascii() and replicas.isdecimal()):
        raise LedgerError("the ledger's address: replicas is a number, such as 1")
    if keep is not None and not (
        keep.isascii() and keep.isdecimal() and len(keep) < 6 and int(keep) >= LEAST_KEPT_DAYS
    ):
        raise LedgerError(f"the ledger's address: keep_days is a number from {LEAST_KEPT_DAYS}, such as 60")
    return RedisOptions(
        url=address.url,
        cluster=address.cluster,
        replicas=None if replicas is None else int(replicas),
        allow_loss=allow_loss,
        seen=seen,
        keep=None if keep is None else timedelta(days=int(keep)),
        nodes=address.nodes,
    )
