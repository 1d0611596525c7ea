"""Whether the tiles of a log agree with its last checkpoint."""

from __future__ import annotations

from pathlib import Path

from audit.tree.place import CheckpointPlace
from audit.tree.tiles import FolderSource, Tree


def log_agrees(log: Path, checkpoint: Path) -> bool:
    """Return whether the root of a log's tiles is the root that its last checkpoint signs."""
    state = CheckpointPlace(checkpoint).read()
    return state is None or state.size == 0 or Tree(FolderSource(log), state.size).root() == state.tree.root
