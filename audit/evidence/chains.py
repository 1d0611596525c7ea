"""What every copy of the log must show, whatever file it comes from: each partition is dense and chained, and never
goes back.

The number of partitions and of faults bounds the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from edge.encoding import b64u
from edge.structs import UNREADABLE
from ledger.leaf import FIRST_PREV, entry_id
from ledger.values import PARTITIONS


class FindingKind(StrEnum):
    """What a check finds. The set is closed; docs/log-format.md explains each kind."""

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    OUT_OF_ORDER = "out-of-order"
    BACK_DATED = "back-dated"
    DAMAGED = "damaged"
    OTHER_LOG = "other-log"
    ROLLED_BACK = "rolled-back"
    REWRITTEN = "rewritten"
    PROOF = "proof"


@dataclass(frozen=True, slots=True)
class LogFinding:
    """A fault: its kind, its place (an entry's id, an index in the log, or a file), and a sentence."""

    kind: FindingKind
    place: str
    message: str


class Link(msgspec.Struct, frozen=True):
    """The fields of a leaf that bind the leaf to its place."""

    at: int
    id: str
    partition: int
    prev: str
    seq: int


_ELSEWHERE = "stands here, far from its place"
_LINK = msgspec.json.Decoder(Link)


@dataclass(slots=True)
class _Partition:
    """The end of a partition so far. `last` is None if the entry before is unknown."""

    seq: int = 0
    last: bytes | None = FIRST_PREV
    at: int = 0
    gaps: dict[int, int] = field(default_factory=dict)

    def fill(self, seq: int) -> bool:
        """Remove a number from the gap that contains it. Return False if no gap contains it."""
        for start, end in self.gaps.items():
            if start <= seq < end:
                del self.gaps[start]
                self.gaps |= {first: last for first, last in ((start, seq), (seq + 1, end)) if first < last}
                return True
        return False


class Chains:
    """Follows each partition through the entries of a log."""

    def __init__(self) -> None:
        """Start before the first entry."""
        self._partitions: dict[int, _Partition] = {}
        self._strays: dict[tuple[int, int], int] = {}

    def add(self, index: int, data: bytes, committed: bytes) -> list[LogFinding]:
        """Check the next entry. `committed` is the hash that the tree has for this place; it equals the entry's own
        hash unless the entry was altered.
        """
        try:
            link = _LINK.decode(data)
        except UNREADABLE:
            return [LogFinding(FindingKind.ALTERED, entry_place(index), "is no entry of a usage log")]
        if not 0 <= link.partition < PARTITIONS or link.seq < 1 or link.id != entry_id(link.partition, link.seq):
            return [LogFinding(FindingKind.ALTERED, entry_place(index, link.id), "its id does not say where it stands")]
        part = self._partitions.setdefault(link.partition, _Partition())
        if link.seq == part.seq + 1 and link.at >= part.at and (part.last is None or link.prev == b64u(part.last)):
            part.seq, part.last, part.at = link.seq, committed, link.at
            return []
        return self._judge(index, link, part, committed)

    def add_altered(self, index: int, data: bytes, committed: bytes) -> list[LogFinding]:
        """Check an entry that is known to differ from the tree's entry at this place.

        If the entry claims this place, it counts as the entry of this place. Any other entry may come from elsewhere.
        """
        try:
            link = _LINK.decode(data)
        except UNREADABLE:
            return []
        part = self._partitions.setdefault(link.partition, _Partition())
        if link.seq != part.seq + 1:
            self._strays[link.partition, link.seq] = index
            return []
        back = link.at < part.at
        part.seq, part.last = link.seq, committed
        told = LogFinding(
            FindingKind.BACK_DATED, entry_place(index, link.id), "its instant lies before that of the entry before it"
        )
        return [told] if back else []

    def end(self) -> list[LogFinding]:
        """Return findings for the entries that never came, or that stood elsewhere."""
        found = []
        for partition, part in sorted(self._partitions.items()):
            for (home, seq), index in self._strays.items():
                if home == partition and part.fill(seq):
                    found.append(
                        LogFinding(FindingKind.OUT_OF_ORDER, entry_place(index, entry_id(home, seq)), _ELSEWHERE)
                    )
            found += [
                LogFinding(FindingKind.MISSING, entry_id(partition, start), _count(end - start))
                for start, end in sorted(part.gaps.items())
            ]
        return found

    def _judge(self, index: int, link: Link, part: _Partition, committed: bytes) -> list[LogFinding]:
        place = entry_place(index, link.id)
        if link.seq <= part.seq:
            return [self._earlier(place, link, part)]
        if link.seq > part.seq + 1:
            part.gaps[part.seq + 1] = link.seq
            part.seq, part.last, part.at = link.seq, committed, max(part.at, link.at)
            return []
        found = []
        if part.last is not None and link.prev != b64u(part.last):
            before = entry_id(link.partition, link.seq - 1) if link.seq > 1 else "the beginning"
            found.append(
                LogFinding(FindingKind.ALTERED, place, f"the chain of hashes is broken between {before} and this entry")
            )
        if link.at < part.at:
            found.append(
                LogFinding(FindingKind.BACK_DATED, place, "its instant lies before that of the entry before it")
            )
        part.seq, part.last, part.at = link.seq, committed, max(part.at, link.at)
        return found

    def _earlier(self, place: str, link: Link, part: _Partition) -> LogFinding:
        """Return the finding for a number that has passed: it fills a gap too late, or comes twice."""
        if part.fill(link.seq):
            return LogFinding(FindingKind.OUT_OF_ORDER, place, "stands behind an entry that follows it")
        return LogFinding(FindingKind.INSERTED, place, "its number is another entry's already")


def entry_place(index: int, entry: str | None = None) -> str:
    """Return a place in the log in the form that findings use."""
    return f"index {index}" if entry is None else f"{entry} (index {index})"


def _count(missing: int) -> str:
    return "this entry is missing" if missing == 1 else f"{missing} entries from here on are missing"
