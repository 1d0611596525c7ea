"""Checks the whole log offline and in a stream: entries against tiles, tiles against the checkpoint, chains, and
history.

Every difference is named: kind, place, sentence. Memory does not grow with the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from audit.evidence.chains import Chains, FindingKind, LogFinding, entry_place
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
    """The progress of a check, in entries."""

    entries: int


def check_tiles(
    source: TileSource, checkpoint: Checkpoint, since: Checkpoint | None = None
) -> Iterator[LogFinding | CheckProgress]:
    """Check a log in tiles against its checkpoint, and check that it still begins as it did at `since`.

    Both checkpoints are already verified. The check ends after a few hundred findings, because the log is then a
    different log.
    """
    check = _Check(source, checkpoint)
    found = 0
    for step in check.run():
        found += isinstance(step, LogFinding)
        yield step
        if found >= _MOST_FINDINGS:
            yield LogFinding(FindingKind.OTHER_LOG, "log", "so much differs that the rest was not read")
            return
    if since is not None:
        yield from check_history(source, checkpoint, since)


def check_history(source: TileSource, checkpoint: Checkpoint, since: Checkpoint) -> Iterator[LogFinding]:
    """Yield the contradictions between an earlier checkpoint and this checkpoint."""
    if since.origin != checkpoint.origin:
        yield LogFinding(FindingKind.OTHER_LOG, "checkpoint", f"the earlier checkpoint is of {since.origin}")
    elif since.size > checkpoint.size:
        message = f"the log had {since.size} entries, now it has {checkpoint.size}"
        yield LogFinding(FindingKind.ROLLED_BACK, "checkpoint", message)
    else:
        try:
            root = Tree(source, checkpoint.size).root(since.size)
        except (TileError, ProofError) as error:
            yield LogFinding(FindingKind.DAMAGED, "checkpoint", f"the earlier root cannot be computed: {error}")
            return
        if root != since.root:
            yield LogFinding(
                FindingKind.REWRITTEN, f"index 0 to {since.size - 1}", "the log began otherwise at that checkpoint"
            )


class _Check:
    """One pass over bundles and tiles in parallel."""

    def __init__(self, source: TileSource, checkpoint: Checkpoint) -> None:
        self._source, self._checkpoint = source, checkpoint
        self._size = checkpoint.size
        self._chains = Chains()
        self._edge: list[list[bytes]] = [[]]
        self._expected: deque[bytes] = deque()
        self._actual: deque[tuple[bytes, bytes]] = deque()
        self._index = 0
        self._unknown = 0

    def run(self) -> Iterator[LogFinding | CheckProgress]:
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

    def _read_entries(self, number: int, width: int) -> tuple[list[bytes] | None, list[LogFinding]]:
        """Return a bundle's entries, however many there are, or None if the file is missing or unreadable. Also return
        the findings.
        """
        path = tile_path(ENTRIES, number, width)
        data = self._source.read(path)
        whole = width
        if data is None and width < WIDTH:
            path, whole = tile_path(ENTRIES, number), WIDTH
            data = self._source.read(path)
        if data is None:
            return None, [LogFinding(FindingKind.MISSING, path, f"the file of {_indexes(number, width)} is missing")]
        try:
            entries = unpack_entries(data)
        except ValueError as error:
            return None, [LogFinding(FindingKind.DAMAGED, path, f"{_indexes(number, width)}: {error}")]
        return entries[:width] if whole > width else entries, []

    def _read_hashes(
        self, number: int, width: int, entries: list[bytes] | None
    ) -> tuple[list[bytes], list[LogFinding]]:
        """Return a tile's hashes and the findings. If the tile cannot be read, return the hashes of the entries, so
        that the check can go on.
        """
        try:
            return read_tile(self._source, 0, number, width), []
        except TileError as error:
            hashes = [leaf_hash(entry) for entry in entries or ()]
            kind = FindingKind.MISSING if "missing" in str(error) else FindingKind.DAMAGED
            return hashes[:width] + [bytes(32)] * (width - len(hashes)), [LogFinding(kind, error.path, str(error))]

    def _compare(self, hashes: list[bytes], entries: list[bytes] | None) -> Iterator[LogFinding]:
        """Compare entries with the tile's hashes: one by one while they agree, aligned after a difference."""
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

    def _align(self, *, at_end: bool) -> Iterator[LogFinding]:
        """Match the tree's hashes with the entries that are there, as far as the data read so far allows."""
        expected, actual = self._expected, self._actual
        while expected or actual:
            if expected and actual and expected[0] == actual[0][0]:
                yield from self._take(expected.popleft(), actual.popleft()[1])
            elif not at_end and min(len(expected), len(actual)) <= _LOOK_AHEAD:
                return
            else:
                yield from self._differ()

    def _take(self, committed: bytes, data: bytes) -> Iterator[LogFinding]:
        yield from self._chains.add(self._index, data, committed)
        self._index += 1

    def _differ(self) -> Iterator[LogFinding]:
        """Report a difference at the heads: an entry was inserted, removed, moved or altered here."""
        expected, actual = self._expected, self._actual
        if not actual:
            yield self._missing(len(expected))
            return
        place = entry_place(self._index)
        wanted = _find(expected[0], (digest for digest, _ in actual)) if expected else 0
        found = _find(actual[0][0], expected)
        if not expected or (wanted == 1 and found != 1):
            actual.popleft()
            yield LogFinding(FindingKind.INSERTED, place, "an entry stands here that the tree does not know")
        elif wanted and found:
            yield from self._moved(wanted)
        elif found:
            yield self._missing(found)
        elif wanted:
            actual.popleft()
            yield LogFinding(FindingKind.INSERTED, place, "an entry stands here that the tree does not know")
        else:
            committed, (_, data) = expected.popleft(), actual.popleft()
            yield LogFinding(FindingKind.ALTERED, place, "the entry is not the one that the tree commits to")
            yield from self._chains.add_altered(self._index, data, committed)
            self._index += 1

    def _moved(self, wanted: int) -> Iterator[LogFinding]:
        """Take the entry that belongs here from the place where it stands."""
        yield LogFinding(
            FindingKind.OUT_OF_ORDER, entry_place(self._index), f"its entry stands {wanted} places further on"
        )
        data = self._actual[wanted][1]
        del self._actual[wanted]
        yield from self._take(self._expected.popleft(), data)

    def _missing(self, count: int) -> LogFinding:
        place = entry_place(self._index)
        for _ in range(count):
            self._expected.popleft()
        self._index += count
        return LogFinding(FindingKind.MISSING, place, f"{count} entries that the tree commits to are not there")

    def _grow(self, hashes: list[bytes]) -> Iterator[LogFinding]:
        """Add a tile's hashes to the edge of the tree. A complete tile above must agree with them."""
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
        """Return how many tiles of a level are complete, including the present tile."""
        self._unknown += level == 1
        return self._unknown >> 8 * (level - 1)

    def _compare_tile(self, level: int, number: int, hashes: list[bytes]) -> Iterator[LogFinding]:
        path = tile_path(level, number, len(hashes))
        try:
            held = read_tile(self._source, level, number, len(hashes))
        except TileError as error:
            kind = FindingKind.MISSING if "missing" in str(error) else FindingKind.DAMAGED
            yield LogFinding(kind, error.path, str(error))
            return
        for place, (have, want) in enumerate(zip(held, hashes, strict=True)):
            if have != want:
                first = ((number * WIDTH + place) * WIDTH**level) // WIDTH
                yield LogFinding(
                    FindingKind.DAMAGED, path, f"hash {place} is not that of the tiles below, from bundle {first} on"
                )

    def _finish(self) -> Iterator[LogFinding]:
        for level in range(1, len(self._edge)):
            hashes = self._edge[level]
            if hashes:
                yield from self._compare_tile(level, (self._size >> 8 * level) // WIDTH, hashes)
        if edge_root(self._edge) != self._checkpoint.root:
            yield LogFinding(
                FindingKind.OTHER_LOG, "checkpoint", "the tiles have another root than the checkpoint signs"
            )


def _find(wanted: bytes, hashes: Iterable[bytes]) -> int:
    """Return the distance to a hash a little further on, or 0 if it is not there."""
    return next((place for place, digest in enumerate(islice(hashes, _LOOK_AHEAD)) if digest == wanted), 0)


def _indexes(number: int, width: int) -> str:
    return f"index {number * WIDTH} to {number * WIDTH + width - 1}"
