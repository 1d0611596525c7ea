"""Puts back what a ledger lost and its log still holds (docs/operations.md): compares, reports, then writes in order.

Only entries that the signed checkpoint commits to are put back. If another entry now has the number, nothing is done: a
person must find out which of the two happened.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from audit.tree.entryindex import EntryIndex
from audit.tree.tiles import TileError, TileSource, Tree
from edge.encoding import b64u
from edge.structs import UNREADABLE
from keys.merkle import ProofError, verify_inclusion
from keys.notes import Checkpoint
from ledger import answers
from ledger.contents import Contents, KeptHolder
from ledger.interface import Ledger
from ledger.leaf import entry_id, leaf_hash, split_id
from ledger.values import LedgerError


class Unrepairable(Exception):
    """Nothing can be put back. The message says why."""


class _Link(msgspec.Struct, frozen=True):
    """The fields of a leaf that name its place in the log and its holder."""

    partition: int
    seq: int
    holder: str | None = None


_LINK = msgspec.json.Decoder(_Link)
_SLICE = 1000


class Logged:
    """The published log as a repair reads it: the end of each partition, the hash of any entry, and entries with their
    proofs.
    """

    def __init__(self, source: TileSource, index: EntryIndex, checkpoint: Checkpoint) -> None:
        """Read the log of a checkpoint whose signature was verified. Raises Unrepairable if the files belong to another
        checkpoint.
        """
        self._index, self._checkpoint = index, checkpoint
        self._tree = Tree(source, checkpoint.size)
        self.ends = index.ends(checkpoint.size)
        if sum(self.ends.values()) != checkpoint.size:
            raise Unrepairable("the log's index is not that of its entries: `python -m verifier audit sequence --once`")
        try:
            same = self._tree.root() == checkpoint.root
        except TileError as error:
            raise Unrepairable(f"the log's tiles cannot be read: {error}") from None
        if not same:
            raise Unrepairable("the log's tiles are not those of the checkpoint")

    def hash(self, partition: int, seq: int) -> bytes:
        """Return the hash of an entry that the log holds."""
        place = self._index.find(entry_id(partition, seq))
        if place is None or place >= self._checkpoint.size:
            raise Unrepairable(f"the log's index lacks {entry_id(partition, seq)}")
        return self._tree.node(0, place)

    def from_on(self, first: Mapping[int, int]) -> dict[int, list[bytes]]:
        """Return the proved entries of each of these partitions, from a `seq` on. Raises Unrepairable or TileError."""
        found: dict[int, list[bytes]] = {partition: [] for partition in first}
        missing = sum(self.ends.get(partition, 0) - seq + 1 for partition, seq in first.items())
        places = self._tree.entries_back()
        while missing:
            place, data = next(places, (0, b""))
            link = _link(data)
            if link.seq >= first.get(link.partition, link.seq + 1):
                self._prove(place, data)
                found[link.partition].append(data)
                missing -= 1
        return {partition: leaves[::-1] for partition, leaves in found.items()}

    def _prove(self, place: int, data: bytes) -> None:
        try:
            path = self._tree.inclusion(place)
            verify_inclusion(leaf_hash(data), place, self._checkpoint.size, path, self._checkpoint.root)
        except ProofError as error:
            raise Unrepairable(f"the log's entry {place} is not the one that was signed: {error}") from None


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries `first` to `last` of a partition, which the log holds and the ledger has lost."""

    partition: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """The number of entries."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return _run(self.partition, self.first, self.last)


@dataclass(frozen=True, slots=True)
class Conflict:
    """From `seq` to `end`, the ledger's entries differ from the log's."""

    partition: int
    seq: int
    end: int

    def __str__(self) -> str:
        here = entry_id(self.partition, self.seq)
        return (
            f"{here} names one entry in the log and another in the ledger, {_run(self.partition, self.seq, self.end)}"
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """The differences between a ledger and its log."""

    gaps: tuple[Gap, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions in which the ledger differs from the log."""
        return frozenset([gap.partition for gap in self.gaps] + [conflict.partition for conflict in self.conflicts])


@dataclass(frozen=True, slots=True)
class PutBack:
    """The repair of one partition: its present contents, its wanted contents, and where the log's entries begin.

    `strangers`: entries put back whose holder is unknown here. `aside`: the ledger's own entries, which are set aside.
    """

    held: Contents
    wanted: Contents
    first: int
    strangers: tuple[str, ...] = ()
    aside: tuple[bytes, ...] = ()

    @property
    def count(self) -> int:
        """The number of entries that are put back."""
        return len(self.wanted.leaves) - self.first + 1

    def __str__(self) -> str:
        return _run(self.held.partition, self.first, len(self.wanted.leaves))


def survey(ledger: Ledger, log: Logged, only: Collection[int] | None = None) -> Survey:
    """Compare the end of each partition. Raises LedgerError, TileError or Unrepairable."""
    heads = ledger.heads()
    gaps, conflicts = [], []
    for partition, seq in sorted(log.ends.items()):
        if only is not None and partition not in only:
            continue
        head = heads.get(partition, 0)
        shared = min(head, seq)
        if not _agrees(ledger, log, partition, shared):
            conflicts.append(Conflict(partition, _first_other(ledger, log, partition, shared), head))
        elif head < seq:
            gaps.append(Gap(partition, head + 1, seq))
    return Survey(tuple(gaps), tuple(conflicts))


def plan_repair(ledger: Ledger, log: Logged, found: Survey, *, set_aside: bool = False) -> Iterator[PutBack]:
    """Yield the repair of each partition. With `set_aside`, the log's entries replace the ledger's own entries where
    they conflict.

    One partition is in memory at a time, together with all entries to put back. Each repair may be written as it comes.
    """
    first = {gap.partition: gap.first for gap in found.gaps}
    if set_aside:
        first |= {conflict.partition: conflict.seq for conflict in found.conflicts}
    leaves = log.from_on(first)
    for held in ledger.dump(list(first)):
        yield _put_back(held, first.pop(held.partition), leaves.pop(held.partition))
    for partition, seq in sorted(first.items()):  # The ledger holds nothing at all of these
        yield _put_back(Contents(partition), seq, leaves[partition])


def put_back(ledger: Ledger, one: PutBack) -> None:
    """Write one partition in one step, and read it again. Raises LedgerError if the result differs."""
    ledger.replace(one.held, one.wanted)
    leaves, seq = one.wanted.leaves, 0
    while found := ledger.after(one.wanted.partition, seq, _SLICE):
        if found != leaves[seq : seq + len(found)]:
            break
        seq += len(found)
    if seq != len(leaves):
        raise LedgerError(f"partition {one.wanted.partition:02x} is not what was put back: see to the ledger's store")


def _put_back(held: Contents, first: int, leaves: Sequence[bytes]) -> PutBack:
    kept = tuple(one for one in held.answers if split_id(answers.read(one.answer).entry)[1] < first)
    wanted = replace(held, leaves=(*held.leaves[: first - 1], *leaves), answers=kept)
    return PutBack(held, wanted, first, tuple(_strangers(first, leaves, held.holders)), held.leaves[first - 1 :])


def _strangers(first: int, leaves: Sequence[bytes], holders: Sequence[KeptHolder]) -> Iterator[str]:
    names = {b64u(hmac.digest(one.salt, one.subject.encode(), "sha256")) for one in holders}
    for seq, data in enumerate(leaves, first):
        link = _link(data)
        if link.holder is not None and link.holder not in names:
            yield entry_id(link.partition, seq)


def _agrees(ledger: Ledger, log: Logged, partition: int, seq: int) -> bool:
    if not seq:
        return True
    found = ledger.after(partition, seq - 1, 1)
    return bool(found) and leaf_hash(found[0]) == log.hash(partition, seq)


def _first_other(ledger: Ledger, log: Logged, partition: int, last: int) -> int:
    """Return the first `seq` with different entries. If two chains of hashes agree at one place, they agree everywhere
    before it.
    """
    same, other = 0, last
    while other - same > 1:
        middle = (same + other) // 2
        if _agrees(ledger, log, partition, middle):
            same = middle
        else:
            other = middle
    return other


def _link(data: bytes) -> _Link:
    try:
        return _LINK.decode(data)
    except UNREADABLE:
        raise Unrepairable("an entry of the log cannot be read, or is not there") from None


def _run(partition: int, first: int, last: int) -> str:
    if first == last:
        return f"{entry_id(partition, first)} (1 entry)"
    return f"{entry_id(partition, first)} to {entry_id(partition, last)} ({last - first + 1} entries)"
