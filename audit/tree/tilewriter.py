"""Writes the log as static files. Every file is written once and is durable before it has its name. A published file
never changes.

What a leader wrote but never published is an orphan. The next start moves it aside and does not delete it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from audit.tree.tiles import (
    ENTRIES,
    HEIGHT,
    WIDTH,
    FolderSource,
    TileError,
    edge_root,
    pack_entry,
    read_bundle,
    read_tile,
    tile_path,
    width_at,
)
from edge.durable import sync
from keys.merkle import fold
from ledger.leaf import leaf_hash

ORPHANS = "orphans"
PUBLIC, PRIVATE = 0o644, 0o640
"""File modes: anyone may read checkpoints and hash tiles. Only the service's user, and a group that makes copies, may
read entries.
"""


class TilesDiffer(TileError):
    """A file to write already exists with other content: there is another writer, or the folder is a copy of another
    log.
    """


class TileWriter:
    """Appends to the tiles in a folder, from a published size on. The caller must lead the log in this folder.

    After any error, do not use the writer again: its memory may be ahead of the files. Open a new writer.
    """

    def __init__(self, folder: Path, size: int) -> None:
        """Read the right edge of the tree of `size` leaves. Raises TileError if a file is missing or contradicts
        another.
        """
        self._folder = folder
        self.size = size
        source = FolderSource(folder)
        self._edge = [_hashes(source, size, level) for level in range(_levels(size))] or [[]]
        bundle = size // WIDTH
        entries = read_bundle(source, bundle, size % WIDTH) if size % WIDTH else []
        if [leaf_hash(entry) for entry in entries] != self._edge[0]:
            raise TileError(tile_path(ENTRIES, bundle, size % WIDTH), "its entries are not those of the tile")
        self._bundle = [pack_entry(entry) for entry in entries]

    def root(self) -> bytes:
        """Return the root over all appended entries."""
        return edge_root(self._edge)

    def append(self, entries: Iterable[bytes]) -> None:
        """Append entries, and make every tile of the new tree durable. Raises TilesDiffer, TileError or OSError."""
        files: dict[str, bytes] = {}
        for entry in entries:
            self._bundle.append(pack_entry(entry))
            self._edge[0].append(leaf_hash(entry))
            self.size += 1
            if len(self._bundle) == WIDTH:
                files[tile_path(ENTRIES, self.size // WIDTH - 1)] = b"".join(self._bundle)
                self._bundle.clear()
                self._carry(files)
        self._partial(files)
        write_once(self._folder, files)

    def _carry(self, files: dict[str, bytes]) -> None:
        """Close the full tiles at the edge: the root of each goes into the tile above."""
        for level in range(len(self._edge)):
            hashes = self._edge[level]
            if len(hashes) < WIDTH:
                return
            files[tile_path(level, (self.size >> HEIGHT * (level + 1)) - 1)] = b"".join(hashes)
            if level + 1 == len(self._edge):
                self._edge.append([])
            self._edge[level + 1].append(fold(hashes))
            hashes.clear()

    def _partial(self, files: dict[str, bytes]) -> None:
        if self._bundle:
            files[tile_path(ENTRIES, self.size // WIDTH, len(self._bundle))] = b"".join(self._bundle)
        for level, hashes in enumerate(self._edge):
            if hashes:
                files[tile_path(level, self.size >> HEIGHT * (level + 1), len(hashes))] = b"".join(hashes)


def write_once(folder: Path, files: dict[str, bytes]) -> None:
    """Write files that never change: each is durable before it gets its name. Raises TilesDiffer if a file exists with
    other content.
    """
    drafts: list[tuple[Path, Path]] = []
    folders: set[Path] = set()
    try:
        for name, data in files.items():
            path = folder / name
            if _is_there(path, name, data):
                continue
            _make_folders(path.parent, folders)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
            _write(draft, data, PRIVATE if name.startswith(f"tile/{ENTRIES}/") else PUBLIC)
            drafts.append((draft, path))
        for draft, _ in drafts:
            sync(draft)
        for draft, path in drafts:
            # A hard link fails if the name is taken. So a writer that lost its leadership cannot overwrite anything.
            try:
                os.link(draft, path)
            except FileExistsError:
                _is_there(path, path.relative_to(folder).as_posix(), draft.read_bytes())
            folders.add(path.parent)
    finally:
        for draft, _ in drafts:
            draft.unlink(missing_ok=True)
    for parent in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        sync(parent)


def drop_partials(folder: Path, old: int, new: int) -> None:
    """Delete the partial tiles of the tree of `old` leaves that the tree of `new` leaves no longer needs."""
    levels: Sequence[int | str] = [ENTRIES, *range(_levels(max(old, 1)))]
    for level in levels:
        index = (old if isinstance(level, str) else old >> HEIGHT * level) // WIDTH
        before, after = width_at(old, level, index), width_at(new, level, index)
        if 0 < before < WIDTH and before != after:
            (folder / tile_path(level, index, before)).unlink(missing_ok=True)
        if after == WIDTH and before < WIDTH:
            _remove_folder(folder / f"{tile_path(level, index)}.p")


def set_orphans_aside(folder: Path, size: int) -> int:
    """Move files beyond the tree of `size` leaves, and unfinished files, into a separate folder. Return their
    number.
    """
    levels = (ENTRIES, *range(_levels(size) + 2))
    found = list(dict.fromkeys(path for level in levels for path in _beyond(folder, size, level)))
    if found:
        aside = folder / ORPHANS / secrets.token_hex(6)
        for path in found:
            target = aside / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            sync(path.parent)
    return len(found)


def _beyond(folder: Path, size: int, level: int | str) -> list[Path]:
    """Return the files of a level beyond a tree. Writers go from left to right, so the first gap ends the search."""
    index = (size if isinstance(level, str) else size >> HEIGHT * level) // WIDTH
    found: list[Path] = []
    while True:
        width = width_at(size, level, index)
        full = folder / tile_path(level, index)
        partial = full.with_name(f"{full.name}.p")
        names = list(partial.iterdir()) if partial.is_dir() else []
        stray = [path for path in names if not path.name.isdigit() or int(path.name) > width]
        stray += [full] if full.exists() else []
        stray += full.parent.glob(".*.*")
        found += stray
        if not (full.exists() or names):
            return found
        index += 1


def _levels(size: int) -> int:
    return max(1, -(-size.bit_length() // HEIGHT))


def _hashes(source: FolderSource, size: int, level: int) -> list[bytes]:
    """Return the hashes of a level's partial tile."""
    index = (size >> HEIGHT * level) // WIDTH
    width = width_at(size, level, index)
    return read_tile(source, level, index, width) if width else []


def _is_there(path: Path, name: str, data: bytes) -> bool:
    try:
        if path.read_bytes() != data:
            raise TilesDiffer(name, "is there with other content")
    except FileNotFoundError:
        return False
    return True


def _make_folders(path: Path, made: set[Path]) -> None:
    """Make a folder and the folders above it. Record each parent whose list changed."""
    if path.is_dir():
        return
    _make_folders(path.parent, made)
    path.mkdir(exist_ok=True)
    made.add(path.parent)


def _remove_folder(path: Path) -> None:
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


def _write(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)
