"""Notices if a server no longer has acknowledged entries, reports the loss, and remembers it."""

from __future__ import annotations

import logging

from edge.clock import SystemClock
from edge.instants import rfc3339
from ledger import leaf
from ledger.redis import keys
from ledger.redis.seen import AcknowledgedEntry, Loss, Seen
from ledger.redis.servers import Command, Servers
from ledger.values import PARTITIONS

_LOG = logging.getLogger(__name__)


class Watch:
    """Compares the marks of acknowledged entries with the server's entries."""

    def __init__(self, seen: Seen) -> None:
        """Keep the marks."""
        self.seen = seen

    def compare(
        self, partition: int, mark: AcknowledgedEntry, head: tuple[int, bytes | None], acknowledged: bytes | None
    ) -> Loss | None:
        """Compare a mark with the leaf that is now in its place, and report a loss. `head` is the last (seq, leaf)."""
        if mark.seq == 0 or (acknowledged is not None and leaf.leaf_hash(acknowledged) == mark.hash):
            return None
        seq, data = head
        loss = Loss(
            partition=partition,
            first=min(seq + 1, mark.seq),
            last=mark.seq,
            replaced=acknowledged is not None,
            noticed_at=rfc3339(SystemClock().now()),  # The server has just proved that its word cannot be trusted here
        )
        self.seen.report(loss, AcknowledgedEntry(seq, leaf.leaf_hash(data) if data else bytes(32)))
        _LOG.error("the ledger's store lost acknowledged entries: %s", loss.fault().message)
        return loss

    def compare_all(self, servers: Servers) -> list[Loss]:
        """Compare every partition: at the start, and before a server that was met again is believed."""
        marks = self.seen.all()
        wanted = [partition for partition in range(PARTITIONS) if marks[partition].seq]
        losses = []
        for partition, (data, head) in zip(wanted, _look(servers, wanted, marks), strict=True):
            losses.append(self.compare(partition, marks[partition], head, data))
        return [loss for loss in losses if loss is not None]


def _look(
    servers: Servers, wanted: list[int], marks: list[AcknowledgedEntry]
) -> list[tuple[bytes | None, tuple[int, bytes | None]]]:
    """Return for each partition the leaf at its mark, and the last leaf with its `seq`."""
    commands: list[tuple[int, Command]] = []
    for partition in wanted:
        place = f"{marks[partition].seq}-0"
        commands.append((partition, ("XRANGE", keys.log(partition), place, place)))
        commands.append((partition, ("XREVRANGE", keys.log(partition), "+", "-", "COUNT", 1)))
    replies = servers.read(commands)
    found = []
    for at_mark, last in zip(replies[::2], replies[1::2], strict=True):
        data = at_mark[0][1][b"l"] if at_mark else None
        head = (int(last[0][0].partition(b"-")[0]), last[0][1][b"l"]) if last else (0, None)
        found.append((data, head))
    return found
