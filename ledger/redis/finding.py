"""Finds the places of a search's entries, newest first over all partitions. The partitions' indexes are merged as they
are read.

A search by point or time reads, in every partition, an index of ids by time. A search by holder reads the holder's own
list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger import leaf
from ledger.millis import to_millis
from ledger.redis import keys
from ledger.redis.servers import Servers
from ledger.state import stored_leaf
from ledger.values import PARTITIONS, Query

_MOST = 1000  # index entries of one partition in one read
_SEQ_BYTES = 6
_LAST = 2**63


class FoundPlace(NamedTuple):
    """The place of an entry. Places sort in the order of a search. `sign`: the letter of the entry's outcome in the
    index.
    """

    at: int
    partition: int
    seq: int
    sign: bytes = b""


@dataclass(slots=True)
class _Line:
    """One partition's index, read from its newest end: the part that was read but not yet given, and where to read
    on.
    """

    partition: int
    key: str
    end: str
    size: int
    read: list[FoundPlace] = field(default_factory=list)
    over: bool = False

    def take(self, replies: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Add the replies of a read of the index."""
        fresh = []
        for place, fields in replies:
            at, _, seq = place.partition(b"-")
            fresh.append(FoundPlace(int(at), self.partition, int(seq), fields[b"o"]))
        self.over = len(fresh) < self.size
        if fresh:
            last = fresh[-1]
            self.end = f"{last.at}-{last.seq - 1}"  # seq is 1 or more
        self.read = fresh[::-1]
        self.size = min(self.size * 2, _MOST)


class Search:
    """Returns the places that a search must look at, newest first, in runs of the size that the caller asks for."""

    def __init__(self, servers: Servers, query: Query, wanted: int) -> None:
        """Find the beginning. A search with an unknown cursor finds nothing."""
        self._servers = servers
        self._since = 0 if query.since is None else to_millis(query.since)
        self._until = _LAST if query.until is None else to_millis(query.until)
        cursor = None if query.before is None else self._place(query.before)
        self._ready: list[FoundPlace] = []
        self._lines: list[_Line] = []
        if query.before is not None and cursor is None:
            return
        if query.holder is not None:
            self._ready = self._of_holder(query.holder, cursor)
        else:
            self._lines = [self._line(partition, query.point, cursor, wanted) for partition in range(PARTITIONS)]

    def more(self, most: int) -> list[FoundPlace]:
        """Return the next places, at most `most`, or an empty list at the end."""
        while len(self._ready) < most and (self._fill() or any(line.read for line in self._lines)):
            self._ready += self._merge()
        given, self._ready = self._ready[:most], self._ready[most:]
        return given

    def unordered(self) -> Iterator[list[FoundPlace]]:
        """Yield all places in runs, without order: for callers that only count."""
        if self._ready:
            yield self._ready
        for line in self._lines:
            line.size = _MOST
        while self._fill():
            for line in self._lines:
                if line.read:
                    yield line.read
                    line.read = []

    def _merge(self) -> list[FoundPlace]:
        """Take the newest entries that were read. Stop at the point down to which every unfinished partition was
        read.
        """
        floor = max((line.read[0] for line in self._lines if line.read and not line.over), default=None)
        taken: list[FoundPlace] = []
        for line in self._lines:
            cut = 0 if floor is None else bisect_left(line.read, floor)
            taken += line.read[cut:]
            line.read = line.read[:cut]
        taken.sort(reverse=True)
        return taken

    def _fill(self) -> bool:
        """Read on in every partition without entries left to give. Return whether there was such a partition."""
        empty = [line for line in self._lines if not line.read and not line.over]
        if not empty:
            return False
        low = f"{self._since}-0"
        commands = [(line.partition, ("XREVRANGE", line.key, line.end, low, "COUNT", line.size)) for line in empty]
        for line, replies in zip(empty, self._servers.read(commands), strict=True):
            line.take(replies)
        return True

    def _line(self, partition: int, point: str | None, cursor: FoundPlace | None, wanted: int) -> _Line:
        key = keys.times(partition) if point is None else keys.point(partition, point)
        end = f"{self._until - 1}-{_LAST}"
        size = max(4, wanted // 64)
        if cursor is not None and cursor.at < self._until:
            if partition < cursor.partition:
                end = f"{cursor.at}-{_LAST}"
            elif partition == cursor.partition:
                end = f"{cursor.at}-{cursor.seq - 1}"
            else:
                end = f"{cursor.at - 1}-{_LAST}"
        return _Line(partition, key, end, size)

    def _place(self, entry_id: str) -> FoundPlace | None:
        """Return the place of an entry in the order of a search, or None."""
        try:
            partition, seq = leaf.split_id(entry_id)
        except leaf.LeafError:
            return None
        (found,) = self._servers.read([(partition, ("XRANGE", keys.log(partition), f"{seq}-0", f"{seq}-0"))])
        return FoundPlace(stored_leaf(found[0][1][b"l"]).at, partition, seq) if found else None

    def _of_holder(self, name: str, cursor: FoundPlace | None) -> list[FoundPlace]:
        """Return a holder's entries within the bounds. The name does not tell the partition, so all partitions are
        asked at once.
        """
        lists = self._servers.read([(partition, ("GET", keys.own(partition, name))) for partition in range(PARTITIONS)])
        places = [(partition, seq) for partition, kept in enumerate(lists) if kept for seq in _seqs(kept)]
        commands = [(place[0], ("XRANGE", keys.log(place[0]), f"{place[1]}-0", f"{place[1]}-0")) for place in places]
        replies = self._servers.read(commands) if commands else []
        found = [
            FoundPlace(stored_leaf(reply[0][1][b"l"]).at, *place)
            for place, reply in zip(places, replies, strict=True)
            if reply
        ]
        return [
            one
            for one in sorted(found, reverse=True)
            if self._since <= one.at < self._until and (cursor is None or one < cursor)
        ]


def _seqs(kept: bytes) -> list[int]:
    return [int.from_bytes(kept[place : place + _SEQ_BYTES]) for place in range(0, len(kept), _SEQ_BYTES)]
