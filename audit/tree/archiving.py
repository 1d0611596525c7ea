"""Moves old entries to slower storage. Bundles move and hash tiles stay, so every earlier proof stays valid.

The archive is another folder with the same layout. While the archive is available, nothing changes for readers. Without
the archive, its entries are missing and everything else still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from audit.tree.tiles import ENTRIES, WIDTH, FolderSource, TileError, TileSource, read_bundle, tile_path
from audit.tree.tilewriter import write_once
from cards.programme.types import Programme
from edge.durable import sync


class _Instant(msgspec.Struct, frozen=True):
    at: int


_INSTANT = msgspec.json.Decoder(_Instant)


class JoinedSource:
    """Tiles in several folders. The first folder with a path gives its bytes."""

    def __init__(self, sources: Sequence[TileSource]) -> None:
        """Look into the sources in this order."""
        self._sources = tuple(sources)

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path."""
        for source in self._sources:
            if (data := source.read(path)) is not None:
                return data
        return None


def archive(folder: Path, size: int, before: int, target: Path) -> int:
    """Move the full bundles whose entries are all older than `before` (epoch milliseconds). Return the number moved.

    Each bundle is durable in `target` before it is removed here. So the move may be stopped at any point and begun
    again. Bundles move in the order of the log; the first bundle with a younger entry ends the move. Raises TilesDiffer
    if the archive holds another bundle of this name.
    """
    moved = 0
    for number in range(size // WIDTH):
        path = folder / tile_path(ENTRIES, number)
        if not path.exists() and (target / tile_path(ENTRIES, number)).exists():
            continue
        entries = read_bundle(FolderSource(folder), number, WIDTH)
        if max(_INSTANT.decode(entry).at for entry in entries) >= before:
            break
        write_once(target, {tile_path(ENTRIES, number): path.read_bytes()})
        path.unlink()
        sync(path.parent)
        moved += 1
    return moved


def retained_from(programme: Programme, at: datetime) -> datetime:
    """Return the instant from which a programme keeps usage available: a number of calendar years back, in its zone."""
    local = at.astimezone(programme.zone)
    year = local.year - programme.retention_years
    day = 28 if (local.month, local.day) == (2, 29) else local.day
    return local.replace(year=year, day=day).astimezone(UTC)


__all__ = ["JoinedSource", "TileError", "archive", "retained_from"]
