"""Old entries moved to slower storage: bundles go, hash tiles stay, so every proof ever given stays valid.

The archive is another folder of the same layout. Where it is at hand nothing changes for readers; where it is not, the
entries in it are missing and everything else holds.
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
    """Tiles in several folders: the first that has a path gives it."""

    def __init__(self, sources: Sequence[TileSource]) -> None:
        """Look in this order."""
        self._sources = tuple(sources)

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path."""
        for source in self._sources:
            if (data := source.read(path)) is not None:
                return data
        return None


def archive(folder: Path, size: int, before: int, target: Path) -> int:
    """Move the full bundles whose entries are all older than `before` (epoch milliseconds); return how many.

    Each is durable in `target` before it goes here, so it may be stopped anywhere and begun again. Bundles go in the
    order of the log, and the first one with a younger entry ends it. Raises TilesDiffer if the archive holds another.
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
    """Return from when on a programme keeps usage at hand: so many calendar years back, in its zone."""
    local = at.astimezone(programme.zone)
    year = local.year - programme.retention_years
    day = 28 if (local.month, local.day) == (2, 29) else local.day
    return local.replace(year=year, day=day).astimezone(UTC)


__all__ = ["JoinedSource", "TileError", "archive", "retained_from"]
