"""What the log proves of one entry, for whoever holds it: C2SP tlog-proof, and whether a promise was kept."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge.encoding import unb64u
from edge.strictjson import JsonError, loads
from verifier.audit.entryindex import EntryIndex
from verifier.audit.merkle import ProofError, verify_inclusion
from verifier.audit.notes import NoteError, NoteKey, OpenedCheckpoint, open_checkpoint, parse_note
from verifier.audit.place import Place, State
from verifier.audit.tiles import Source, Tree
from verifier.audit.witnesses import Witness

FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_CHARS = 64 * 1024
_INCIDENT_BYTES = 1024


class Unproved(ValueError):
    """A proof is malformed or proves something else; the message says what."""


class NotLogged(Exception):
    """The entry is not in the published tree: unknown, or not integrated yet."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """One entry's place in the log: index, path, and the checkpoint it leads to (a signed note, not verified)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def encode(self) -> str:
        """Return the proof as C2SP tlog-proof writes it."""
        path = "".join(f"{b64encode(step).decode()}\n" for step in self.path)
        return f"{FIRST_LINE}\nindex {self.index}\n{path}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> EntryProof:
        """Read a tlog-proof; Unproved when it is malformed. Extra data is passed over."""
        head, between, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if len(text) > _MAX_CHARS or not between or lines[0] != FIRST_LINE:
            raise Unproved("not a tlog-proof")
        lines = lines[2:] if lines[1:] and lines[1].startswith("extra ") else lines[1:]
        index = _INDEX.fullmatch(lines[0]) if lines else None
        if index is None:
            raise Unproved("the proof names no index")
        try:
            path = tuple(b64decode(line, validate=True) for line in lines[1:])
        except ValueError:
            raise Unproved("a step of the proof is not base64") from None
        return cls(int(index[1]), path, checkpoint)

    def verify(self, leaf: bytes, keys: Iterable[NoteKey], witnesses: Iterable[NoteKey] = ()) -> OpenedCheckpoint:
        """Return the checkpoint under which the entry with this hash lies; Unproved when it does not."""
        try:
            opened = open_checkpoint(self.checkpoint, keys, witnesses)
            verify_inclusion(leaf, self.index, opened.checkpoint.size, self.path, opened.checkpoint.root)
        except (NoteError, ProofError) as error:
            raise Unproved(str(error)) from None
        return opened


class LogReader:
    """The published log: its checkpoint, its tree, and proofs of its entries."""

    def __init__(
        self,
        place: Place,
        source: Source,
        index: EntryIndex,
        witnesses: tuple[Witness, ...] = (),
        *,
        incidents: Path | None = None,
    ) -> None:
        """Read what a sequencer publishes; `witnesses` are asked to cosign, `incidents` is the list that it keeps."""
        self._place, self._source, self._index, self._incidents = place, source, index, incidents
        self.witnesses = witnesses

    @property
    def source(self) -> Source:
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


class PromiseState(StrEnum):
    """How a promise stands."""

    KEPT = "kept"
    PENDING = "pending"
    BROKEN = "broken"


def promise_state(
    leaf: str, by: int, now: int, proof: EntryProof | None, keys: Iterable[NoteKey]
) -> tuple[PromiseState, str]:
    """Tell how a promise stands whose signature was verified, and why. Times in epoch seconds.

    `leaf` is its leaf hash (base64url), `by` its last second; `proof` what the log answered, None for nothing yet. A
    proof that does not hold breaks it at once: an honest log has no reason to give one.
    """
    if proof is None:
        return (PromiseState.PENDING, "not integrated yet") if now <= by else (PromiseState.BROKEN, "not in the log")
    try:
        opened = proof.verify(unb64u(leaf), keys)
    except ValueError as error:
        return PromiseState.BROKEN, str(error)
    return PromiseState.KEPT, f"entry {proof.index} of {opened.checkpoint.size}"


def _is_entry(data: bytes, entry_id: str) -> bool:
    try:
        leaf = loads(data)
    except JsonError:
        return False
    return isinstance(leaf, dict) and leaf.get("id") == entry_id


def _size(note: str) -> int:
    return int(parse_note(note).text.split("\n")[1])
