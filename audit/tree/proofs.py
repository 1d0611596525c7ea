"""The published log, read: its checkpoint, its tree, proofs of single entries, and what its sequencer reported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from audit.tree.entryindex import EntryIndex
from audit.tree.holding import HELD, Held
from audit.tree.place import CheckpointPlace, State
from audit.tree.sequencer import LogIncident
from audit.tree.tiles import TileSource, Tree
from audit.tree.tilewriter import PRIVATE
from audit.tree.witnesses import Witness
from edge.instants import rfc3339
from edge.strictjson import JsonError, dumps, loads
from keys.entry_proof import EntryProof
from keys.notes import parse_note

_INCIDENT_BYTES = 1024


class NotLogged(Exception):
    """The entry is not in the published tree: unknown, or not integrated yet."""


class LogReader:
    """The published log: its checkpoint, its tree, and proofs of its entries."""

    def __init__(
        self,
        place: CheckpointPlace,
        source: TileSource,
        index: EntryIndex,
        witnesses: tuple[Witness, ...] = (),
        *,
        incidents: Path | None = None,
    ) -> None:
        """Read what a sequencer publishes; `witnesses` are asked to cosign, `incidents` is the list that it keeps."""
        self._place, self._source, self._index, self._incidents = place, source, index, incidents
        self.witnesses = witnesses

    @property
    def source(self) -> TileSource:
        """The tiles."""
        return self._source

    def state(self) -> State | None:
        """Return the published state, None before the first checkpoint; place.PlaceError when it is damaged."""
        return self._place.read()

    def incidents(self, most: int = 100) -> list[dict[str, str]]:
        """Return the sequencer's last incidents, newest first: `at` (RFC 3339), `kind`, `place`, `detail`."""
        if self._incidents is None or not self._incidents.exists():
            return []
        with self._incidents.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - most * _INCIDENT_BYTES))
            lines = file.read().splitlines()[-most:]
        found = []
        for line in reversed(lines):
            with suppress(JsonError):  # the first may be cut
                told = loads(line)
                found += [{name: str(value) for name, value in told.items()}] if isinstance(told, dict) else []
        return found

    def held(self) -> frozenset[int]:
        """Return the partitions in which nothing is recorded until the ledger is repaired."""
        return frozenset() if self._incidents is None else Held(self._incidents.with_name(HELD)).get()

    def report(self, at: datetime, incident: LogIncident) -> None:
        """Add to the incidents what somebody outside found; the same is not told twice among the last ones."""
        if self._incidents is None:
            return
        line = {"kind": incident.kind, "place": incident.place, "detail": incident.message, "detail_zh": incident.zh}
        if not any(line.items() <= told.items() for told in self.incidents()):
            append_incident(self._incidents, {"at": rfc3339(at), **line})

    def prove(self, entry_id: str) -> EntryProof:
        """Return an entry's proof, to the witnessed checkpoint where that covers it; NotLogged, leaf.LeafError.

        TileError when the log's files are damaged.
        """
        state, index = self.state(), self._index.find(entry_id)
        if state is None or index is None or index >= state.size:
            raise NotLogged(entry_id)
        tree = Tree(self._source, state.size)
        if not _is_entry(tree.entry(index), entry_id):
            raise NotLogged(entry_id)
        checkpoint, size = state.checkpoint, state.size
        if state.witnessed is not None and (seen := _size(state.witnessed)) > index:
            checkpoint, size = state.witnessed, seen
        return EntryProof(index, tuple(tree.inclusion(index, size)), checkpoint)

    def leaf(self, index: int) -> bytes:
        """Return the bytes of the entry at an index of the published log."""
        state = self.state()
        if state is None or index >= state.size:
            raise NotLogged(str(index))
        return Tree(self._source, state.size).entry(index)


def append_incident(path: Path, line: Mapping[str, object]) -> None:
    """Append one line to a log's list of incidents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        os.write(handle, dumps(line) + b"\n")
    finally:
        os.close(handle)


def _is_entry(data: bytes, entry_id: str) -> bool:
    try:
        leaf = loads(data)
    except JsonError:
        return False
    return isinstance(leaf, dict) and leaf.get("id") == entry_id


def _size(note: str) -> int:
    return int(parse_note(note).text.split("\n")[1])
