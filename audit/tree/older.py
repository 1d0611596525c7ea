"""Reads entries that a ledger dropped from the log's tiles. Each entry is checked against its place and its hash."""

from __future__ import annotations

from collections.abc import Callable

from audit.tree.archiving import JoinedSource
from audit.tree.entryindex import EntryIndex
from audit.tree.place import CheckpointPlace, PlaceError
from audit.tree.tiles import FolderSource, TileError, Tree
from edge.settings import Settings
from keys.notes import NoteError
from ledger.leaf import entry_id, leaf_hash
from ledger.values import LedgerUnavailable


def older_leaves(settings: Settings) -> Callable[[int, int, int], list[bytes]]:
    """Return a function that reads a partition's leaves from one `seq` to another out of the log of these settings."""
    place, index = CheckpointPlace(settings.log_checkpoint), EntryIndex(settings.log / "index")
    folders = [settings.log] + ([settings.log_archive] if settings.log_archive else [])
    source = JoinedSource([FolderSource(folder) for folder in folders])

    def read(partition: int, first: int, last: int) -> list[bytes]:
        """Return the leaves. Raises LedgerUnavailable if a leaf cannot be read."""
        try:
            state = place.read()
            tree = Tree(source, 0 if state is None else state.size)
            return [_leaf(tree, index, entry_id(partition, seq)) for seq in range(first, last + 1)]
        except (TileError, PlaceError, NoteError) as error:
            raise LedgerUnavailable(f"an older entry cannot be read from the log: {error}") from error

    return read


def _leaf(tree: Tree, index: EntryIndex, name: str) -> bytes:
    place = index.find(name)
    data = b"" if place is None or place >= tree.size else tree.entry(place)
    if place is None or f'"id":"{name}"'.encode() not in data or leaf_hash(data) != tree.node(0, place):
        raise LedgerUnavailable(f"entry {name} was taken out of the ledger and is not in the log on this machine")
    return data
