"""Reads the log as static files: C2SP tlog-tiles paths, tiles of 256 hashes, bundles of entries, and proofs from them.

This module opens nothing itself. A source gives the bytes of a path: from a folder, a server, or a test's dictionary.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from keys.merkle import HASH_BYTES, consistency_proof, inclusion_proof, join, node_hash, span_hash

WIDTH = 256
"""The number of hashes in a full tile, and of entries in a full bundle."""

HEIGHT = 8
"""The number of tree levels in one tile."""

CHECKPOINT = "checkpoint"
COSIGNED = "checkpoint.cosigned"
"""The newest checkpoint that a witness cosigned, with its cosignatures. It is absent before the first cosignature."""
ENTRIES = "entries"
_LENGTH_BYTES = 2
_TILES_KEPT = 512
_PATH = re.compile(r"tile/(entries|0|[1-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class TileError(Exception):
    """A tile is missing or has a wrong size; `path` names the tile."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class TileSource(Protocol):
    """Where tiles come from."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path such as `tile/0/x001/067`, or None if there is no such file."""
        ...


class FolderSource:
    """Tiles in a folder."""

    def __init__(self, folder: Path) -> None:
        """Read below `folder`."""
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes. If a wider tile replaced a partial tile, read the wider tile."""
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return self._from_wider(path)

    def _from_wider(self, path: str) -> bytes | None:
        place = parse_path(path)
        parent = (self._folder / path).parent
        if place is None or place[2] == WIDTH or not parent.is_dir():
            return None
        level, _, width = place
        wider = sorted(int(file.name) for file in parent.iterdir() if file.name.isdigit() and int(file.name) > width)
        for each in wider:
            with suppress(FileNotFoundError, ValueError):  # This file may be gone meanwhile as well
                data = (parent / str(each)).read_bytes()
                if isinstance(level, int):
                    return data[: width * HASH_BYTES]
                return b"".join(pack_entry(entry) for entry in unpack_entries(data)[:width])
        return None


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile, or of a bundle for level `entries`. A partial tile ends in `.p/<width>`."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03d}")
    path = f"tile/{level}/{'/'.join(reversed(parts))}"
    return path if width == WIDTH else f"{path}.p/{width}"


def parse_path(path: str) -> tuple[int | str, int, int] | None:
    """Return the level (or `entries`), the index and the width in a path, or None for any other text. A path has one
    spelling.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level: int | str = found[1] if found[1] == ENTRIES else int(found[1])
    width = int(found[3]) if found[3] else WIDTH
    index = int(found[2].replace("x", "").replace("/", ""))
    return (level, index, width) if tile_path(level, index, width) == path else None


def width_at(size: int, level: int | str, index: int) -> int:
    """Return the number of hashes (entries) of the tile in a tree of `size` leaves: 0 for no tile, `WIDTH` for a full
    tile.
    """
    nodes = size if isinstance(level, str) else size >> (HEIGHT * level)
    return max(0, min(WIDTH, nodes - index * WIDTH))


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def pack_entry(entry: bytes) -> bytes:
    """Return an entry as it stands in a bundle: its length in two bytes, then its bytes."""
    return len(entry).to_bytes(_LENGTH_BYTES) + entry


def unpack_entries(data: bytes) -> list[bytes]:
    """Return the entries of a bundle. Raises ValueError if it does not end with one."""
    entries, at = [], 0
    while at < len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES])
        if at + _LENGTH_BYTES > len(data) or end > len(data):
            raise ValueError("the bundle ends within an entry")
        entries.append(data[at + _LENGTH_BYTES : end])
        at = end
    return entries


def read_tile(source: TileSource, level: int, index: int, width: int) -> list[bytes]:
    """Return the first `width` hashes of a tile. Raises TileError if it is missing or too short."""
    path, data = _read(source, level, index, width)
    if len(data) % HASH_BYTES or len(data) < width * HASH_BYTES or len(data) > WIDTH * HASH_BYTES:
        raise TileError(path, f"{len(data)} bytes are no tile of {width} hashes")
    return split_hashes(data[: width * HASH_BYTES])


def read_bundle(source: TileSource, index: int, width: int) -> list[bytes]:
    """Return the first `width` entries of a bundle. Raises TileError if it is missing, damaged or too short."""
    path, data = _read(source, ENTRIES, index, width)
    try:
        entries = unpack_entries(data)
    except ValueError as error:
        raise TileError(path, str(error)) from None
    if not width <= len(entries) <= WIDTH:
        raise TileError(path, f"holds {len(entries)} entries, {width} were expected")
    return entries[:width]


def _read(source: TileSource, level: int | str, index: int, width: int) -> tuple[str, bytes]:
    path = tile_path(level, index, width)
    data = source.read(path)
    if data is None and width < WIDTH:
        # A partial tile may be removed once the full tile is there, and the full tile begins like it.
        path = tile_path(level, index)
        data = source.read(path)
    if data is None:
        raise TileError(tile_path(level, index, width), "is missing")
    return path, data


class Tree:
    """The tree of `size` leaves in a source: any node, root and proof of it. The tree trusts its tiles. A caller who
    needs certainty compares `root()` with a checkpoint.
    """

    def __init__(self, source: TileSource, size: int) -> None:
        """Read the first `size` leaves of the source."""
        self._source = source
        self.size = size
        self._rows: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node. Raises TileError if its tile is missing or damaged."""
        tile_level, row = divmod(level, HEIGHT)
        tile, place = divmod(index, WIDTH >> row)
        return self._tile(tile_level, tile)[row][place]

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` leaves, or over all leaves without `size`."""
        size = self.size if size is None else size
        return span_hash(self.node, 0, size) if size else join([])

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf in the first `size` leaves. Raises merkle.ProofError if it is not among
        them.
        """
        return inclusion_proof(self.node, index, self.size if size is None else size)

    def consistency(self, old: int) -> list[bytes]:
        """Return the proof that this tree extends the tree of `old` leaves. Raises merkle.ProofError if `old` is
        larger.
        """
        return consistency_proof(self.node, old, self.size)

    def entry(self, index: int) -> bytes:
        """Return one entry."""
        bundle, place = divmod(index, WIDTH)
        return read_bundle(self._source, bundle, width_at(self.size, ENTRIES, bundle))[place]

    def entries(self, start: int = 0) -> Iterator[bytes]:
        """Yield the entries from `start` on, one bundle in memory at a time."""
        for bundle in range(start // WIDTH, -(-self.size // WIDTH)):
            entries = read_bundle(self._source, bundle, width_at(self.size, ENTRIES, bundle))
            yield from entries[max(0, start - bundle * WIDTH) :]

    def entries_back(self) -> Iterator[tuple[int, bytes]]:
        """Yield the entries and their places from the last to the first, one bundle in memory at a time."""
        for bundle in reversed(range(-(-self.size // WIDTH))):
            entries = read_bundle(self._source, bundle, width_at(self.size, ENTRIES, bundle))
            yield from ((bundle * WIDTH + row, entries[row]) for row in reversed(range(len(entries))))

    def _tile(self, level: int, index: int) -> list[list[bytes]]:
        """Return the tile's hashes and the rows of complete nodes above them."""
        key = (level, index)
        if key in self._rows:
            self._rows.move_to_end(key)
            return self._rows[key]
        width = width_at(self.size, level, index)
        if width == 0:
            raise TileError(tile_path(level, index), "lies beyond the tree")
        rows = rows_above(read_tile(self._source, level, index, width))
        self._rows[key] = rows
        if len(self._rows) > _TILES_KEPT:
            self._rows.popitem(last=False)
        return rows


def rows_above(hashes: list[bytes]) -> list[list[bytes]]:
    """Return a tile's hashes and the complete nodes above them, row by row, up to below the tile's own root."""
    rows = [hashes]
    for _ in range(HEIGHT - 1):
        row = rows[-1]
        rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
    return rows


def edge_root(edge: Sequence[Sequence[bytes]]) -> bytes:
    """Return the root of a tree from the hashes of its partial tiles, level by level, including the empty tiles."""
    peaks: list[bytes] = []
    for hashes in reversed(edge):
        rows = rows_above(list(hashes))
        peaks += [
            rows[row][-1 if len(rows[row]) & 1 else 0] for row in range(HEIGHT - 1, -1, -1) if len(hashes) >> row & 1
        ]
    return join(peaks)
