"""Reads the published log: its checkpoint, its tree, proofs of single entries, and its sequencer's reports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from audit.tree.entryindex import EntryIndex
from audit.tree.holding import HELD, Held
from audit.tree.incidents import IncidentList, IncidentPage, append_incident, list_file, read_page
from audit.tree.place import CheckpointPlace, CheckpointState
from audit.tree.sequencer import TreeIncident
from audit.tree.tiles import TileSource, Tree
from audit.tree.witnesses import Witness
from edge.instants import rfc3339
from edge.strictjson import JsonError, loads
from keys.entry_proof import EntryProof
from keys.notes import parse_note


class NotLogged(Exception):
    """The entry is not in the published tree: it is unknown or not integrated yet."""


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
        """Read what a sequencer publishes. `witnesses` are those asked to cosign. `incidents` is the sequencer's
        list.
        """
        self._place, self._source, self._index, self._incidents = place, source, index, incidents
        self.witnesses = witnesses

    @property
    def source(self) -> TileSource:
        """The tiles."""
        return self._source

    def state(self) -> CheckpointState | None:
        """Return the published state, or None before the first checkpoint. Raises place.PlaceError if it is damaged."""
        return self._place.read()

    def incidents(self, which: IncidentList = IncidentList.LOG, *, before: int | None = None) -> IncidentPage:
        """Return a page of a list of incidents, the newest first."""
        if self._incidents is None:
            return IncidentPage((), None)
        return read_page(list_file(self._incidents, which), before=before)

    def held(self) -> frozenset[int]:
        """Return the partitions in which nothing is recorded until the ledger is repaired."""
        return frozenset() if self._incidents is None else Held(self._incidents.with_name(HELD)).get()

    def report(self, at: datetime, incident: TreeIncident, which: IncidentList = IncidentList.REPORTED) -> None:
        """Add an incident from outside to a list. An incident that is among the last ones already is not added
        again.
        """
        if self._incidents is None:
            return
        path = list_file(self._incidents, which)
        line = {"kind": incident.kind, "place": incident.place, "detail": incident.message, "detail_zh": incident.zh}
        if not any(line.items() <= told.items() for told in read_page(path).incidents):
            append_incident(path, {"at": rfc3339(at), **line})

    def prove(self, entry_id: str) -> EntryProof:
        """Return an entry's proof, up to the witnessed checkpoint if that covers the entry. Raises NotLogged or
        leaf.LeafError.

        Raises TileError if the log's files are damaged.
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


def _is_entry(data: bytes, entry_id: str) -> bool:
    try:
        leaf = loads(data)
    except JsonError:
        return False
    return isinstance(leaf, dict) and leaf.get("id") == entry_id


def _size(note: str) -> int:
    return int(parse_note(note).text.split("\n")[1])
