"""The way to the servers: each call has one connection, the replicas confirm on this same connection, and time is
bounded.

This module knows nothing of check-ins. Every error of redis-py ends here and becomes LedgerUnavailable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from random import sample
from time import monotonic, sleep
from typing import Any, TypeVar

from redis import BlockingConnectionPool, Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
    WatchError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)
from redis.retry import Retry

from edge.redisaddress import is_cluster
from ledger.redis.circuit import Circuit
from ledger.redis.keys import PREFIXES
from ledger.redis.options import RedisOptions
from ledger.redis.scripts import Script
from ledger.values import PARTITIONS, LedgerError, LedgerUnavailable

T = TypeVar("T")
Command = tuple[Any, ...]

Complete = Callable[[Sequence[tuple[int, Command]], Sequence[Any], Callable[..., list[Any]]], list[Any]]

_PAUSE_SECONDS = 0.05
_PROBE_SECONDS = 0.3
_REWRITE_SECONDS = 30.0
_WRITTEN_AT_ONCE = 200  # Commands in one batch: a round trip stays well within the time for an answer
_ELSEWHERE = (MovedError, AskError, ReadOnlyError, ClusterDownError, TryAgainError, RedisClusterException)
"""Answers of a cluster or a failover in progress. Another try soon may find the right node."""

_AWAY = (RedisConnectionError, RedisTimeoutError, *_ELSEWHERE)

_UNBLOCKED = "UNBLOCKED"
"""How a server answers who waits on it, for replicas to confirm, in the moment in which it hands over."""

_SLOTS = tuple(key_slot(prefix.encode()) for prefix in PREFIXES)


class Unconfirmed(LedgerUnavailable):
    """The change may stand, but too few replicas have confirmed it."""


class Servers:
    """One server or a cluster; the first call finds out which. `on_contact` checks each node at the first contact and
    after each reconnection.
    """

    def __init__(
        self, options: RedisOptions, on_contact: Callable[[Redis], None], complete: Complete | None = None
    ) -> None:
        """Connect to nothing yet. `complete` adds what replies lack (`trimming.completed`)."""
        self._options = options
        self._complete = complete or _as_they_are
        self._on_contact = on_contact
        self._lock = threading.Lock()
        self._learning = threading.Lock()
        self._single: Redis | None = None
        self._cluster: RedisCluster | None = None
        self._known: dict[int, Redis] = {}  # By identity: holding the node keeps its identity unique
        self.circuit = Circuit()

    def change(self, partition: int, script: Script, keys: Sequence[str], *request: bytes) -> Any:  # noqa: ANN401 - a script's reply
        """Run a script where the partition lies and return its reply once it is durable. Raises LedgerUnavailable."""
        return self._guarded(lambda: self._run(self._node(partition), script, keys, *request))

    def read(self, commands: Sequence[tuple[int, Command]]) -> list[Any]:
        """Run reading commands, each in its partition, in one round trip a node; replies in the same order.

        Leaves that were removed from the streams come from the log's tiles.
        """
        return self._complete(commands, self._read(commands), self._read)

    def _read(self, commands: Sequence[tuple[int, Command]]) -> list[Any]:
        return self._guarded(lambda: self._gather(commands))

    def write(self, partition: int, *command: object) -> None:
        """Run one writing command. Wait until it is durable."""

        def run() -> None:
            with self._node(partition).pipeline(transaction=False) as line:
                line.execute_command(*command)  # type: ignore[no-untyped-call]
                self._confirm(line)
                self._settle(line.execute())

        self._guarded(run)

    def write_all(self, partition: int, commands: Sequence[Command]) -> None:
        """Run many writing commands in their order, in batches. If one fails, those before it stay written."""
        for start in range(0, len(commands), _WRITTEN_AT_ONCE):
            some = commands[start : start + _WRITTEN_AT_ONCE]
            self._guarded(lambda some=some: self._write_some(partition, some))  # type: ignore[misc] # mypy cannot see the bound values

    def _write_some(self, partition: int, commands: Sequence[Command]) -> None:
        with self._node(partition).pipeline(transaction=False) as line:
            for command in commands:
                line.execute_command(*command)  # type: ignore[no-untyped-call]
            self._confirm(line)
            self._settle(line.execute()[-2:])

    def exchange(self, partition: int, watched: str, require: Callable[[], None], commands: Sequence[Command]) -> None:
        """Run many writing commands as one, if `require` passes and the watched keys stay unchanged. Raises LedgerError
        otherwise.
        """

        def run() -> None:
            with self._node(partition).pipeline(transaction=True) as line:
                line.watch(watched)  # type: ignore[no-untyped-call]
                require()
                line.multi()
                for command in commands:
                    line.execute_command(*command)  # type: ignore[no-untyped-call]
                try:
                    line.execute()
                except WatchError:
                    raise LedgerError(f"partition {partition:02x} was written to meanwhile") from None

        self._guarded(run)
        if self._options.replicas:
            self.write(partition, "PERSIST", watched)  # Changes nothing: the commands before it are confirmed with it

    def is_cluster(self) -> bool:
        """Tell whether partitions lie on several servers, asked of the server at the first call; LedgerUnavailable."""
        if self._single is None and self._cluster is None:
            self._guarded(self._open)
        return self._cluster is not None

    def rewrite(self, partition: int) -> None:
        """Begin to rewrite the append-only file where a partition lies, after any running rewrite ends."""
        self._guarded(lambda: _rewrite(self._node(partition)))

    def primaries(self) -> list[tuple[int, Redis]]:
        """Return every primary with one partition that lies on it."""
        return self._guarded(self._primaries)

    def names(self) -> str:
        """Return the replication ids of the primaries. They change with a failover and at every start."""
        nodes = [node for _, node in self.primaries()]
        told = self._guarded(lambda: [node.info("replication")["master_replid"] for node in nodes])
        return " ".join(sorted(str(one) for one in told))

    def scan(self) -> Iterator[list[bytes]]:
        """Yield every key of the ledger, in runs. A key that is written meanwhile may be missing, and a key may come
        twice.
        """
        for _, node in self.primaries():
            cursor = 0
            while True:
                cursor, found = self._guarded(lambda cursor=cursor, node=node: node.scan(cursor, "yj:*", 1000))  # type: ignore[misc] # mypy cannot see the bound values
                yield found
                if cursor == 0:
                    break

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            single, cluster = self._single, self._cluster
            self._single = self._cluster = None
            self._known.clear()
        if single is not None:
            single.close()
        if cluster is not None:
            cluster.disconnect_connection_pools()  # type: ignore[no-untyped-call] # its own close leaves them open
            cluster.close()

    def _guarded(self, work: Callable[[], T]) -> T:
        """Run a piece of work. Try again while a failover or a lost connection allows it, within the whole time
        bound.
        """
        self.circuit.enter()
        until = monotonic() + self._options.whole.total_seconds()
        tries = 0
        while True:
            try:
                result = work()
            except Unconfirmed:
                raise
            except _AWAY as error:
                tries += 1
                self._forget(until)
                if not _again(error, tries) or monotonic() + _PAUSE_SECONDS > until:
                    self.circuit.failed()
                    raise _unavailable(error) from error
                sleep(_PAUSE_SECONDS)
            except ResponseError as error:
                if not str(error).startswith(_UNBLOCKED) or monotonic() + _PAUSE_SECONDS > until:
                    raise _unavailable(error) from error
                self._forget(until)
                sleep(_PAUSE_SECONDS)
            except RedisError as error:  # The server is there: only this call failed
                raise _unavailable(error) from error
            else:
                self.circuit.worked()
                return result

    def _run(self, node: Redis, script: Script, keys: Sequence[str], *request: bytes) -> Any:  # noqa: ANN401 - a script's reply
        try:
            return self._evaluate(node, script, keys, *request)
        except NoScriptError:
            node.script_load(script.text)
            return self._evaluate(node, script, keys, *request)

    def _evaluate(self, node: Redis, script: Script, keys: Sequence[str], *request: bytes) -> Any:  # noqa: ANN401 - a script's reply
        if not self._options.replicas:
            return node.evalsha(script.sha, len(keys), *keys, *request)
        # WAIT covers the writes of its own connection, and one pipeline is one connection.
        with node.pipeline(transaction=False) as line:
            line.evalsha(script.sha, len(keys), *keys, *request)
            self._confirm(line)
            return self._settle(line.execute())

    def _confirm(self, line: Any) -> None:  # noqa: ANN401 - redis-py's pipeline
        if self._options.replicas:
            line.execute_command("WAIT", self._options.replicas, int(self._options.wait.total_seconds() * 1000))

    def _settle(self, replies: list[Any]) -> Any:  # noqa: ANN401 - a script's reply
        if self._options.replicas and replies[1] < self._options.replicas:
            raise Unconfirmed("too few replicas confirmed the change in time: retry with the same operation")
        return replies[0]

    def _gather(self, commands: Sequence[tuple[int, Command]]) -> list[Any]:
        lines: dict[int, tuple[Redis, list[int]]] = {}
        for place, (partition, _) in enumerate(commands):
            node = self._node(partition)
            lines.setdefault(id(node), (node, []))[1].append(place)
        replies: list[Any] = [None] * len(commands)
        for node, places in lines.values():
            with node.pipeline(transaction=False) as line:
                for place in places:
                    line.execute_command(*commands[place][1])  # type: ignore[no-untyped-call]
                for place, reply in zip(places, line.execute(), strict=True):
                    replies[place] = reply
        return replies

    def _primaries(self) -> list[tuple[int, Redis]]:
        found = {id(node): (partition, node) for partition in range(PARTITIONS) for node in [self._node(partition)]}
        return list(found.values())

    def _node(self, partition: int) -> Redis:
        """Return the server where a partition lies. The server is checked at the first contact."""
        if self._single is None and self._cluster is None:
            self._open()
        node = self._single
        if node is None:
            cluster = self._cluster
            if cluster is None:
                raise RedisConnectionError("closed meanwhile")
            owner = cluster.nodes_manager.get_node_from_slot(_SLOTS[partition])
            node = _connection(cluster, owner)
        if id(node) not in self._known:
            self._on_contact(node)
            self._known[id(node)] = node
        return node

    def _open(self) -> None:
        with self._lock:
            if self._single is not None or self._cluster is not None:
                return
            if is_cluster(self._client, named=self._options.cluster):
                others = [ClusterNode(*node) for node in self._options.nodes]  # type: ignore[no-untyped-call]
                self._cluster = RedisCluster.from_url(self._options.url, startup_nodes=others, **self._bounds())
            else:
                self._single = self._client()

    def _client(self) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._options.url,
            max_connections=self._options.connections,
            timeout=self._options.answer.total_seconds(),
            **self._bounds(),
        )
        return Redis.from_pool(pool)

    def _bounds(self) -> dict[str, Any]:
        seconds = self._options.answer.total_seconds()
        # This module does the retries: redis-py's own retries would multiply the time bound.
        return {
            "socket_timeout": seconds,
            "socket_connect_timeout": min(1.0, seconds),
            "retry": Retry(NoBackoff(), 0),
        }

    def _forget(self, until: float) -> None:
        """Forget everything known of the servers after a failure: where partitions lie, and how nodes are set up.

        A primary that handed over lives on as a replica and keeps its connections: idle ones are closed, so that the
        next go where the address leads now.
        """
        self._known.clear()
        single, cluster = self._single, self._cluster
        if single is not None:
            single.connection_pool.disconnect(inuse_connections=False)
        if cluster is not None and self._learning.acquire(blocking=False):
            try:
                _learn(cluster, until)
            finally:
                self._learning.release()


def _learn(cluster: RedisCluster, until: float) -> None:
    """Read the cluster's map anew, from the first node that answers.

    redis-py asks every node it knows, one after the other, each for as long as an answer may take: with some of them
    silent a change would wait far longer than is promised.
    """
    manager = cluster.nodes_manager
    known = dict(manager.startup_nodes)
    for node in sample(list(known.values()), len(known)):
        seconds = min(_PROBE_SECONDS, until - monotonic())
        if seconds <= 0:
            return
        if _answers(cluster, node, seconds):
            manager.startup_nodes = {node.name: node}
            with suppress(RedisError, RedisClusterException):  # the second is none of the first
                manager.initialize()
            manager.startup_nodes = known | manager.startup_nodes
            return


def _answers(cluster: RedisCluster, node: ClusterNode, seconds: float) -> bool:
    """Tell whether a node answers within a moment."""
    manager = cluster.nodes_manager
    named = manager.connection_kwargs | {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    client = manager.create_redis_node(node.host, node.port, **named)  # type: ignore[no-untyped-call] # as above
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.connection_pool.disconnect()


def _as_they_are(
    _commands: Sequence[tuple[int, Command]], replies: Sequence[Any], _read: Callable[..., list[Any]]
) -> list[Any]:
    return list(replies)


def _rewrite(node: Redis) -> None:
    # A rewrite that began earlier would still hold the erased data. Redis does not queue a second rewrite behind it.
    until = monotonic() + _REWRITE_SECONDS
    while monotonic() < until:
        if not node.info("persistence").get("aof_rewrite_in_progress"):
            node.bgrewriteaof()
            return
        sleep(_PAUSE_SECONDS)
    raise RedisConnectionError("the append-only file is still being rewritten")


def _connection(cluster: RedisCluster, node: ClusterNode | None) -> Redis:
    if node is None:
        raise ClusterDownError("no node serves the partition")
    return node.redis_connection or cluster.get_redis_connection(node)


def _unavailable(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(f"the ledger's store failed ({type(error).__name__}): retry with the same operation")


def _again(error: Exception, tries: int) -> bool:
    """Return whether another try is worth it: after a moved node or a connection that died unnoticed, never after a
    long silence.
    """
    if isinstance(error, _ELSEWHERE):
        return True
    return isinstance(error, RedisConnectionError) and not isinstance(error, RedisTimeoutError) and tries < 3
