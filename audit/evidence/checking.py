"""The whole log re-read, offline and in a stream: entries against tiles, tiles against the checkpoint, chains, history.

Everything that differs is named: kind, place, words. Memory does not grow with the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from audit.evidence.chains import Chains, Finding, FindingKind, entry_place
from audit.tree.tiles import (
    ENTRIES,
    WIDTH,
    TileError,
    TileSource,
    Tree,
    edge_root,
    read_tile,
    tile_path,
    unpack_entries,
    width_at,
)
from keys.merkle import ProofError, fold
from keys.notes import Checkpoint
from ledger.leaf import leaf_hash

_LOOK_AHEAD = 64
_MOST_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """How far a check has come, in entries."""

    entries: int


def check_tiles(
    source: TileSource, checkpoint: Checkpoint, since: Checkpoint | None = None
) -> Iterator[Finding | CheckProgress]:
    """Check a log in tiles against its checkpoint, and that it still begins as it did at `since`.

    Both checkpoints are verified already. Ends after a few hundred findings: then the log is simply another.
    """
    check = _Check(source, checkpoint)
    found = 0
    for step in check.run():
        found += isinstance(step, Finding)
        yield step
        if found >= _MOST_FINDINGS:
            yield Finding(FindingKind.OTHER_LOG, "log", "so much differs that the rest was not read")
            return
    if since is not None:
        yield from check_history(source, checkpoint, since)


def check_history(source: TileSource, checkpoint: Checkpoint, since: Checkpoint) -> Iterator[Finding]:
    """Yield what is wrong between an earlier checkpoint and this one."""
    if since.origin != checkpoint.origin:
        yield Finding(FindingKind.OTHER_LOG, "checkpoint", f"the earlier checkpoint is of {since.origin}")
    elif since.size > checkpoint.size:
        message = f"the log had {since.size} entries, now it has {checkpoint.size}"
        yield Finding(FindingKind.ROLLED_BACK, "checkpoint", message)
    else:
        try:
            root = Tree(source, checkpoint.size).root(since.size)
        except (TileError, ProofError) as error:
            yield Finding(FindingKind.DAMAGED, "checkpoint", f"the earlier root cannot be computed: {error}")
            return
        if root != since.root:
            yield Finding(
                FindingKind.REWRITTEN, f"index 0 to {since.size - 1}", "the log began otherwise at that checkpoint"
            )


class _Check:
    """One pass over bundles and tiles, side by side."""

    def __init__(self, source: TileSource, checkpoint: Checkpoint) -> None:
        self._source, self._checkpoint = source, checkpoint
        self._size = checkpoint.size
        self._chains = Chains()
        self._edge: list[list[bytes]] = [[]]
        self._expected: deque[bytes] = deque()
        self._actual: deque[tuple[bytes, bytes]] = deque()
        self._index = 0
        self._unknown = 0

    def run(self) -> Iterator[Finding | CheckProgress]:
        for number in range(-(-self._size // WIDTH)):
            width = width_at(self._size, ENTRIES, number)
            entries, faults = self._read_entries(number, width)
            yield from faults
            hashes, faults = self._read_hashes(number, width, entries)
            yield from faults
            yield from self._grow(hashes)
            yield from self._compare(hashes, entries)
            yield CheckProgress(self._index)
        yield from self._align(at_end=True)
        yield from self._chains.end()
        yield from self._finish()
        yield CheckProgress(self._index)

    def _read_entries(self, number: int, width: int) -> tuple[list[bytes] | None, list[Finding]]:
        """A bundle's entries as they are, however many; None if the file is missing or unreadable."""
        path = tile_path(ENTRIES, number, width)
        data = self._source.read(path)
        whole = width
        if data is None and width < WIDTH:
            path, whole = tile_path(ENTRIES, number), WIDTH
            data = self._source.read(path)
        if data is None:
            return None, [Finding(FindingKind.MISSING, path, f"the file of {_indexes(number, width)} is missing")]
        try:
            entries = unpack_entries(data)
        except ValueError as error:
            return None, [Finding(FindingKind.DAMAGED, path, f"{_indexes(number, width)}: {error}")]
        return entries[:width] if whole > width else entries, []

    def _read_hashes(self, number: int, width: int, entries: list[bytes] | None) -> tuple[list[bytes], list[Finding]]:
        """A tile's hashes; where they cannot be read those of the entries, so that the rest can be checked."""
        try:
            return read_tile(self._source, 0, number, width), []
        except TileError as error:
            hashes = [leaf_hash(entry) for entry in entries or ()]
            kind = FindingKind.MISSING if "missing" in str(error) else FindingKind.DAMAGED
            return hashes[:width] + [bytes(32)] * (width - len(hashes)), [Finding(kind, error.path, str(error))]

    def _compare(self, hashes: list[bytes], entries: list[bytes] | None) -> Iterator[Finding]:
        """Entries against the tile's hashes: side by side while they agree, aligned where they do not."""
        if entries is None:
            yield from self._align(at_end=True)
            self._index += len(hashes)
            return
        own = [leaf_hash(entry) for entry in entries]
        if own == hashes and not self._actual and not self._expected:
            for entry, digest in zip(entries, own, strict=True):
                yield from self._chains.add(self._index, entry, digest)
                self._index += 1
            return
        self._expected.extend(hashes)
        self._actual.extend(zip(own, entries, strict=True))
        yield from self._align(at_end=False)

    def _align(self, *, at_end: bool) -> Iterator[Finding]:
        """Match what the tree commits to with what is there, as far as enough is read to tell."""
        expected, actual = self._expected, self._actual
        while expected or actual:
            if expected and actual and expected[0] == actual[0][0]:
                yield from self._take(expected.popleft(), actual.popleft()[1])
            elif not at_end and min(len(expected), len(actual)) <= _LOOK_AHEAD:
                return
            else:
                yield from self._differ()

    def _take(self, committed: bytes, data: bytes) -> Iterator[Finding]:
        yield from self._chains.add(self._index, data, committed)
        self._index += 1

    def _differ(self) -> Iterator[Finding]:
        """The heads differ: something was inserted, taken out, moved or altered here."""
        expected, actual = self._expected, self._actual
        if not actual:
            yield self._missing(len(expected))
            return
        place = entry_place(self._index)
        wanted = _find(expected[0], (digest for digest, _ in actual)) if expected else 0
        found = _find(actual[0][0], expected)
        if not expected or (wanted == 1 and found != 1):
            actual.popleft()
            yield Finding(FindingKind.INSERTED, place, "an entry stands here that the tree does not know")
        elif wanted and found:
            yield from self._moved(wanted)
        elif found:
            yield self._missing(found)
        elif wanted:
            actual.popleft()
            yield Finding(FindingKind.INSERTED, place, "an entry stands here that the tree does not know")
        else:
            committed, (_, data) = expected.popleft(), actual.popleft()
            yield Finding(FindingKind.ALTERED, place, "the entry is not the one that the tree commits to")
            yield from self._chains.add_altered(self._index, data, committed)
            self._index += 1

    def _moved(self, wanted: int) -> Iterator[Finding]:
        """Take the entry that belongs here from where it stands."""
        yield Finding(
            FindingKind.OUT_OF_ORDER, entry_place(self._index), f"its entry stands {wanted} places further on"
        )
        data = self._actual[wanted][1]
        del self._actual[wanted]
        yield from self._take(self._expected.popleft(), data)

    def _missing(self, count: int) -> Finding:
        place = entry_place(self._index)
        for _ in range(count):
            self._expected.popleft()
        self._index += count
        return Finding(FindingKind.MISSING, place, f"{count} entries that the tree commits to are not there")

    def _grow(self, hashes: list[bytes]) -> Iterator[Finding]:
        """Put a tile's hashes at the edge of the tree; a tile above that is complete must say the same."""
        if len(hashes) < WIDTH:
            self._edge[0] = hashes
            return
        node, level = fold(hashes), 1
        while True:
            if level == len(self._edge):
                self._edge.append([])
            above = self._edge[level]
            above.append(node)
            if len(above) < WIDTH:
                return
            yield from self._compare_tile(level, (self._finished(level)) - 1, above)
            node, level = fold(above), level + 1
            above.clear()

    def _finished(self, level: int) -> int:
        """Return how many tiles of a level are complete with the present tile."""
        self._unknown += level == 1
        return self._unknown >> 8 * (level - 1)

    def _compare_tile(self, level: int, number: int, hashes: list[bytes]) -> Iterator[Finding]:
        path = tile_path(level, number, len(hashes))
        try:
            held = read_tile(self._source, level, number, len(hashes))
        except TileError as error:
            kind = FindingKind.MISSING if "missing" in str(error) else FindingKind.DAMAGED
            yield Finding(kind, error.path, str(error))
            return
        for place, (have, want) in enumerate(zip(held, hashes, strict=True)):
            if have != want:
                first = ((number * WIDTH + place) * WIDTH**level) // WIDTH
                yield Finding(
                    FindingKind.DAMAGED, path, f"hash {place} is not that of the tiles below, from bundle {first} on"
                )

    def _finish(self) -> Iterator[Finding]:
        for level in range(1, len(self._edge)):
            hashes = self._edge[level]
            if hashes:
                yield from self._compare_tile(level, (self._size >> 8 * level) // WIDTH, hashes)
        if edge_root(self._edge) != self._checkpoint.root:
            yield Finding(FindingKind.OTHER_LOG, "checkpoint", "the tiles have another root than the checkpoint signs")


def _find(wanted: bytes, hashes: Iterable[bytes]) -> int:
    """The place of a hash a little further on, 0 when it is not there."""
    return next((place for place, digest in enumerate(islice(hashes, _LOOK_AHEAD)) if digest == wanted), 0)


def _indexes(number: int, width: int) -> str:
    return f"index {number * WIDTH} to {number * WIDTH + width - 1}"
