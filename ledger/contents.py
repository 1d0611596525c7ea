"""The contents of one partition, independent of any store. Moving a ledger moves these contents. Pure.

The contents are the leaves, the holders' salts, and the answers and proof markers that are kept for a time. Everything
else in a store follows from the leaves and is computed again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge.encoding import b64u
from edge.structs import UNREADABLE
from ledger import answers, leaf
from ledger.holders import SALT_BYTES, holder_with
from ledger.replaying import Replay
from ledger.values import LedgerError, partition_of


class Damaged(LedgerError):
    """No sound ledger has these contents; the message says what is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class KeptHolder:
    """A holder's `sub` and the salt that hides it in the log."""

    subject: str = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, order=True)
class KeptAnswer:
    """The first answer to an operation (`answers.write`), kept until an instant in milliseconds.

    `scope` is the holder's name in the log, or the device's own subject.
    """

    scope: str
    device: str
    operation: str
    request: bytes
    answer: bytes
    keep_until: int


@dataclass(frozen=True, slots=True, order=True)
class KeptProof:
    """A proof that a device claimed or spent, kept until an instant in milliseconds; `card` is its name in the log."""

    card: str
    proof: str
    device: str
    spent: bool
    keep_until: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger holds of one partition: leaves in their order, the rest sorted."""

    partition: int
    leaves: tuple[bytes, ...] = ()
    holders: tuple[KeptHolder, ...] = ()
    answers: tuple[KeptAnswer, ...] = ()
    proofs: tuple[KeptProof, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the partition has no entry, no holder, no answer and no proof."""
        return not (self.leaves or self.holders or self.answers or self.proofs)

    @property
    def end(self) -> tuple[int, bytes]:
        """The last `seq` and its leaf's hash."""
        return len(self.leaves), leaf.leaf_hash(self.leaves[-1]) if self.leaves else leaf.FIRST_PREV

    def up_to(self, seq: int) -> Contents:
        """Return the contents as they were when the partition ended at `seq`: its entries, and the holders and answers
        of these entries.

        Raises Damaged if an entry or an answer cannot be read.
        """
        kept = self.leaves[:seq]
        try:
            names = {leaf.decode(data).holder for data in kept}
            told = tuple(one for one in self.answers if leaf.split_id(answers.read(one.answer).entry)[1] <= seq)
        except (*UNREADABLE, leaf.LeafError, OverflowError) as error:
            raise Damaged(f"partition {self.partition:02x}: {error}") from error
        known = tuple(one for one in self.holders if holder_with(one.subject, one.salt).name in names)
        return replace(self, leaves=kept, holders=known, answers=told)


@dataclass(slots=True)
class Rebuilt:
    """A partition computed again from its leaves: its end, its entries, and everything that follows from them."""

    partition: int
    seq: int = 0
    at: int = 0
    hash: bytes = leaf.FIRST_PREV
    lines: dict[str, leaf.Leaf] = field(default_factory=dict)
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        """Start before the first entry."""
        self.replay = Replay(self.lines.get)

    def add(self, data: bytes) -> leaf.Leaf:
        """Add the next leaf. Raises Damaged if the leaf does not follow the leaves before it."""
        try:
            line = leaf.decode(data)
        except leaf.LeafError as error:
            raise Damaged(f"the leaf is damaged: {error}") from error
        expected = leaf.entry_id(self.partition, self.seq + 1)
        if line.id != expected or (line.partition, line.seq) != (self.partition, self.seq + 1):
            raise Damaged(f"entry {expected} was expected here, not {line.id}")
        if line.prev != b64u(self.hash):
            raise Damaged(f"the chain of hashes is broken before entry {line.id}")
        if line.at < self.at:
            raise Damaged(f"the instant goes back at entry {line.id}")
        self.lines[line.id] = line
        if wrong := self.replay.add(line):
            raise Damaged(f"entry {line.id} {wrong}")
        self.seq, self.at, self.hash = line.seq, line.at, leaf.leaf_hash(data)
        return line

    def require_holder(self, holder: KeptHolder) -> None:
        """Raise Damaged when a holder belongs to another partition."""
        if len(holder.salt) != SALT_BYTES or partition_of(holder.subject) != self.partition:
            raise Damaged("a holder is kept in another's partition, or without a whole salt")

    def require_answer(self, kept: KeptAnswer, leaves: tuple[bytes, ...] | list[bytes]) -> None:
        """Raise Damaged if an answer cannot be read, or if it names an entry that the leaves do not hold."""
        try:
            outcome = answers.read(kept.answer)
            partition, seq = leaf.split_id(outcome.entry)
        except (*UNREADABLE, leaf.LeafError, OverflowError) as error:
            raise Damaged("a kept answer is damaged") from error
        if partition != self.partition or not 1 <= seq <= len(leaves):
            raise Damaged("a kept answer tells of an entry that the log does not hold")
        if leaf.leaf_hash(leaves[seq - 1]) != outcome.leaf_hash:
            raise Damaged("a kept answer tells of another entry than the log holds")


def rebuild(contents: Contents) -> Rebuilt:
    """Compute a partition again from its contents. Raises Damaged if parts of the contents contradict one another."""
    rebuilt = Rebuilt(contents.partition)
    for data in contents.leaves:
        rebuilt.add(data)
    for holder in contents.holders:
        rebuilt.require_holder(holder)
    for answer in contents.answers:
        rebuilt.require_answer(answer, contents.leaves)
    return rebuilt


def difference(said: Contents, found: Contents, now: int) -> str | None:
    """Return in words how the contents `found` differ from the contents `said`, or None if they are the same.

    An answer or a marker that has expired at `now` (milliseconds) may be missing. The expiry times are not compared,
    because each store sets them by its own clock.
    """
    if said.leaves != found.leaves:
        return _first_leaf(said, found)
    if said.holders != found.holders:
        return "the holders differ"
    timeless = {replace(one, keep_until=0) for one in found.answers}
    wanted = {replace(one, keep_until=0): one.keep_until for one in said.answers}
    if timeless - wanted.keys() or any(one not in timeless and until > now for one, until in wanted.items()):
        return "the kept answers differ"
    proofs = {replace(one, keep_until=0) for one in found.proofs}
    marked = {replace(one, keep_until=0): one.keep_until for one in said.proofs}
    if proofs - marked.keys() or any(one not in proofs and until > now for one, until in marked.items()):
        return "the proof markers differ"
    return None


def _first_leaf(said: Contents, found: Contents) -> str:
    pairs = zip(said.leaves, found.leaves, strict=False)
    same = next((seq for seq, (one, other) in enumerate(pairs, 1) if one != other), None)
    seq = same or min(len(said.leaves), len(found.leaves)) + 1
    return f"entry {leaf.entry_id(said.partition, seq)} differs"
