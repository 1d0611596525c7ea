"""The last entry of each partition as this process knows it, and the last entry that was acknowledged to callers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger import leaf
from ledger.values import PARTITIONS


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A partition's end: its `seq`, the tag that distinguishes two entries with the same `seq`, and the hash of its
    leaf.
    """

    seq: int = 0
    tag: str = ""
    hash: bytes = leaf.FIRST_PREV


@dataclass(slots=True)
class Heads:
    """The known ends of all partitions. A value is always replaced whole, so threads may read while another thread
    writes.
    """

    known: list[KnownHead] = field(default_factory=lambda: [KnownHead()] * PARTITIONS)

    def get(self, partition: int) -> KnownHead:
        """Return the end of a partition as far as it is known."""
        return self.known[partition]

    def learn(self, partition: int, seq: int, tag: str, data: bytes | None) -> KnownHead:
        """Store the end of a partition as the server reports it: a leaf, or None for an empty partition."""
        head = KnownHead(seq, tag, leaf.leaf_hash(data) if data else leaf.FIRST_PREV)
        self.known[partition] = head
        return head
