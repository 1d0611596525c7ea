"""How the ledger's address on Redis is read. The ledger and the shared counts both read it here. Connects to nothing by
itself and loads no Redis client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

SCHEMES: Final = ("redis://", "rediss://")
_OPTIONS: Final = frozenset({"cluster", "node", "replicas", "keep_days"})
_FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class InfoClient(Protocol):
    """A client of Redis that can ask its server for facts."""

    def info(self, section: str) -> Any:  # noqa: ANN401 - a reply of Redis
        """Return the facts of one section."""
        ...


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The ledger's address, without the ledger's own options.

    `url`: what the Redis client takes. `cluster`: whether the servers are a cluster; None if the address does not say.
    `nodes`: host and port of further nodes of a cluster. `options`: the texts of the ledger's other options, `replicas`
    and `keep_days`, if the address names them.
    """

    url: str = field(repr=False)
    cluster: bool | None
    nodes: tuple[tuple[str, int], ...]
    options: Mapping[str, str]


def read_redis_address(url: str) -> RedisAddress:
    """Return an address of `redis://` or `rediss://` in its parts. A fragment is left out.

    Raises ValueError with the remedy if `cluster` or `node` cannot be read, or if the two contradict each other.
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    nodes = tuple(_node(value) for name, value in pairs if name == "node")
    ours = {name: value for name, value in pairs if name in _OPTIONS}
    named = ours.get("cluster")
    if named is not None and named not in _FLAGS:
        raise ValueError("cluster is true or false")
    cluster = None if named is None else _FLAGS[named]
    if nodes and cluster is False:
        raise ValueError("node names a node of a cluster, and cluster is false")
    plain = urlencode([(name, value) for name, value in pairs if name not in _OPTIONS])
    return RedisAddress(
        url=urlunsplit(parts._replace(query=plain, fragment="")),
        cluster=True if nodes else cluster,
        nodes=nodes,
        options={name: ours[name] for name in ("replicas", "keep_days") if name in ours},
    )


def is_cluster(connect: Callable[[], AbstractContextManager[InfoClient]], *, named: bool | None) -> bool:
    """Return whether the servers are a cluster: as the address names them, otherwise as the server answers.

    `connect` opens a client for this one question. Errors of the client pass through.
    """
    if named is not None:
        return named
    with connect() as client:
        return bool(client.info("cluster").get("cluster_enabled"))


def _node(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError("node is host:port, such as node-2.example:6379")
    return host.removeprefix("[").removesuffix("]"), int(port)
