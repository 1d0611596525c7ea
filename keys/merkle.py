"""The Merkle tree of RFC 6962: roots, and inclusion and consistency proofs, made and verified. Pure; opens nothing.

A node is named (level, index): it covers 1 << level leaves from leaf index << level on. A caller that makes a proof
passes a function that returns the hash of any complete node. Incomplete nodes are computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 §2.1)."""

HASH_BYTES = 32
Nodes = Callable[[int, int], bytes]
"""Returns the hash of the complete node at (level, index)."""


class ProofError(ValueError):
    """A proof is wrong, or asks for something outside the tree. The message says which."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 over 0x01 and both children (RFC 6962 §2.1)."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the hash above equal-level nodes, whose number is a power of two."""
    row = hashes
    while len(row) > 1:
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


class Growing:
    """A growing tree, held as the hashes of its complete nodes at the right edge: memory of log2(size)."""

    def __init__(self) -> None:
        """Start without leaves."""
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        node, size = leaf, self.size
        while size & 1:
            node = sha256(b"\x01" + self._peaks.pop() + node).digest()
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the present tree."""
        return join(self._peaks)


def join(peaks: Sequence[bytes]) -> bytes:
    """Return the root above complete nodes that stand side by side, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over hashes of leaves."""
    tree = Growing()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the complete nodes, largest first, that cover the leaves [`start`, `end`) of a tree's own span."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def span_hash(nodes: Nodes, start: int, end: int) -> bytes:
    """Return MTH(D[start:end]) for a span that begins at a node of its own size."""
    return join([nodes(level, index) for level, index in cover(start, end)])


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves (RFC 6962 §2.1.1), nearest sibling first."""
    if not 0 <= index < size:
        raise ProofError("the tree has no such leaf")
    path, start, end = [], 0, size
    while end - start > 1:
        split = start + _half(end - start)
        if index < split:
            path.append(span_hash(nodes, split, end))
            end = split
        else:
            path.append(span_hash(nodes, start, split))
            start = split
    return path[::-1]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 6962 §2.1.2).

    The proof is empty for no leaf and for all leaves.
    """
    if not 0 <= old <= new:
        raise ProofError("the earlier tree is the larger one")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end = 0, new
    whole = True  # The earlier tree's own root is not part of the proof
    while old != end:
        split = start + _half(end - start)
        if old <= split:
            proof.append(span_hash(nodes, split, end))
            end = split
        else:
            proof.append(span_hash(nodes, start, split))
            start, whole = split, False
    if not whole:
        proof.append(span_hash(nodes, start, end))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless `leaf` is number `index` of the `size` leaves under `root` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofError("the tree has no such leaf")
    _check_lengths([leaf, root, *proof])
    found = leaf
    for step, on_the_left in _climb(index, size - 1, proof):
        found = node_hash(step, found) if on_the_left else node_hash(found, step)
    if found != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raise ProofError unless the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162 §2.1.4.2).

    Every tree begins with the empty tree, which proves nothing and is refused.
    """
    if not 0 < old <= new:
        raise ProofError("the earlier tree is the larger one" if old else "the empty tree proves nothing")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("the proof is too long" if proof else "two trees of one size have different roots")
        return
    _check_lengths([old_root, new_root, *proof])
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not proof:
        raise ProofError("the proof is too short")
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    first = second = steps[0]
    for step, on_the_left in _climb(number, last, steps[1:]):
        if on_the_left:
            first = node_hash(step, first)
        second = node_hash(step, second) if on_the_left else node_hash(second, step)
    if first != old_root:
        raise ProofError("the proof leads to another earlier root")
    if second != new_root:
        raise ProofError("the proof leads to another later root")


def _climb(number: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each step of the path up from node `number` of 0…`last`, and whether the step's hash stands on the left."""
    for step in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        on_the_left = bool(number & 1) or number == last
        yield step, on_the_left
        if on_the_left:
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        number, last = number >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")


def _half(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _check_lengths(hashes: Iterable[bytes]) -> None:
    if any(len(value) != HASH_BYTES for value in hashes):
        raise ProofError("a hash is not 32 bytes long")
