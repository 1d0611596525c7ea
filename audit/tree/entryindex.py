"""The place of each entry in the log. Each partition has a file of log indexes, eight bytes for each entry, in the
order of seq.

The index follows from the tiles and can be made from them again. Index data beyond the published size is ignored.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edge.durable import replace_file, sync
from ledger.leaf import split_id

_BYTES = 8
_SYNCED = "synced"


class EntryIndex:
    """The index in a folder, with one writer and any number of readers."""

    def __init__(self, folder: Path) -> None:
        """Open no file yet."""
        self._folder = folder
        self._dirty: set[int] = set()

    def find(self, entry_id: str) -> int | None:
        """Return an entry's place in the log, or None if the index does not have it. Raises leaf.LeafError if the text
        is no id.

        The index may be stale after a crash. Callers must check that the entry at this place is the right entry.
        """
        partition, seq = split_id(entry_id)
        try:
            with self._path(partition).open("rb") as file:
                file.seek((seq - 1) * _BYTES)
                data = file.read(_BYTES)
        except FileNotFoundError:
            return None
        return int.from_bytes(data) if len(data) == _BYTES else None

    def synced(self) -> int:
        """Return the size of the log for which the index is durable."""
        try:
            return int((self._folder / _SYNCED).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def add(self, places: Iterable[tuple[int, int, int]]) -> None:
        """Add (partition, seq, log index) of entries."""
        self._folder.mkdir(parents=True, exist_ok=True)
        runs: dict[int, list[tuple[int, int]]] = {}
        for partition, seq, index in places:
            runs.setdefault(partition, []).append((seq, index))
        for partition, run in runs.items():
            handle = os.open(self._path(partition), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                for seq, index in run:
                    os.pwrite(handle, index.to_bytes(_BYTES), (seq - 1) * _BYTES)
            finally:
                os.close(handle)
        self._dirty |= runs.keys()

    def sync(self, size: int) -> None:
        """Make the index durable for a log of `size` entries."""
        for partition in sorted(self._dirty):
            sync(self._path(partition))
        self._dirty.clear()
        replace_file(self._folder / _SYNCED, str(size).encode(), mode=0o644)

    def cut(self, size: int) -> None:
        """Remove the part beyond a log of `size` entries."""
        for path in self._folder.glob("[0-9a-f][0-9a-f]"):
            count = path.stat().st_size // _BYTES
            with path.open("r+b") as file:
                while count and _read(file.fileno(), count - 1) >= size:
                    count -= 1
                file.truncate(count * _BYTES)

    def heads(self) -> dict[int, tuple[int, int]]:
        """Return for each partition its last `seq` and the place of that entry in the log."""
        found = {}
        for path in self._folder.glob("[0-9a-f][0-9a-f]"):
            if count := path.stat().st_size // _BYTES:
                with path.open("rb") as file:
                    found[int(path.name, 16)] = (count, _read(file.fileno(), count - 1))
        return found

    def ends(self, size: int) -> dict[int, int]:
        """Return for each partition its last `seq` within a log of `size` entries."""
        found = {}
        for path in self._folder.glob("[0-9a-f][0-9a-f]"):
            with path.open("rb") as file:
                count = os.fstat(file.fileno()).st_size // _BYTES
                while count and _read(file.fileno(), count - 1) >= size:
                    count -= 1
            if count:
                found[int(path.name, 16)] = count
        return found

    def clear(self) -> None:
        """Remove everything."""
        for path in (*self._folder.glob("[0-9a-f][0-9a-f]"), self._folder / _SYNCED):
            path.unlink(missing_ok=True)

    def _path(self, partition: int) -> Path:
        return self._folder / f"{partition:02x}"


def _read(handle: int, number: int) -> int:
    return int.from_bytes(os.pread(handle, _BYTES, number * _BYTES))
