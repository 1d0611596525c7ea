"""Watches a running log from outside: each visit must find the tree of the last visit at the beginning of the new tree.

Two checkpoints signed by the log's own key that cannot belong to one log prove a fork. They are kept as evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.evidence.cosignatures import Cosignatures, cosignatures
from audit.tree.tiles import CHECKPOINT, COSIGNED, TileError, TileSource, Tree
from edge.durable import replace_file
from edge.fetch import FetchAway, OutgoingCall, fetch
from keys.merkle import EMPTY_ROOT, ProofError, verify_consistency
from keys.notes import Checkpoint, NoteError, NoteKey, OpenedCheckpoint, open_checkpoint

SECONDS_A_CALL: Final = 15
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
Fetch = Callable[[str], bytes | None]


class LogAway(Exception):
    """The log cannot be reached, or does not answer like a log."""


class Forked(Exception):
    """Two checkpoints of one log that contradict each other. `one` and `other` are the notes."""

    def __init__(self, message: str, one: str, other: str) -> None:
        super().__init__(message)
        self.one = one
        self.other = other


def fetch_http(url: str) -> bytes | None:
    """Return the body that an address answers, or None for 404. Raises LogAway if the address cannot be read."""
    try:
        found = fetch(OutgoingCall(url), seconds=SECONDS_A_CALL, most=MAX_ANSWER_BYTES)
    except FetchAway as error:
        raise LogAway(str(error)) from error
    if found.status == 404:
        return None
    if found.status != 200:
        raise LogAway(f"answered {found.status}")
    return found.body


class UrlSource:
    """The tiles of a log at an address, such as https://card.example.org/v1/log."""

    def __init__(self, url: str, fetch: Fetch = fetch_http) -> None:
        """Read below the address `url`."""
        self._url = url.rstrip("/")
        self._fetch = fetch

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path."""
        return self._fetch(f"{self._url}/{path}")

    def checkpoint(self) -> bytes:
        """Return the note of the newest checkpoint. Raises LogAway if the log shows no checkpoint."""
        data = self.read(CHECKPOINT)
        if data is None:
            raise LogAway("there is no checkpoint at this address")
        return data

    def cosigned(self) -> bytes | None:
        """Return the note of the newest cosigned checkpoint, or None before the first cosignature."""
        return self.read(COSIGNED)


def compare(source: TileSource | None, one: OpenedCheckpoint, other: OpenedCheckpoint) -> bool:
    """Raise Forked if two checkpoints cannot belong to one log. Return False if the tiles would be needed to decide.

    Raises TileError or LogAway if the tiles cannot be read.
    """
    old, new = sorted((one, other), key=lambda opened: opened.checkpoint.size)
    before, after = old.checkpoint, new.checkpoint
    notes = old.note.encode(), new.note.encode()
    if before.origin != after.origin:
        raise Forked("these are checkpoints of two logs", *notes)
    if before.size == after.size:
        if before.root != after.root:
            raise Forked(f"two logs of {before.size} entries were signed", *notes)
        return True
    if before.size == 0:
        if before.root != EMPTY_ROOT:
            raise Forked("a checkpoint of an empty log has another root", *notes)
        return True
    if source is None:
        return False
    proof = Tree(source, after.size).consistency(before.size)
    try:
        verify_consistency(before.size, after.size, proof, before.root, after.root)
    except ProofError as error:
        message = f"the log of {after.size} entries does not begin with that of {before.size}: {error}"
        raise Forked(message, *notes) from None
    return True


@dataclass(frozen=True, slots=True)
class Visit:
    """The result of a visit: the checkpoint, the checkpoint of the visit before (None at the first visit), and the
    valid cosignatures.
    """

    now: Checkpoint
    before: Checkpoint | None
    witnesses: Cosignatures


class LogWatcher:
    """Visits one log again and again. It remembers the last good checkpoint in a file."""

    def __init__(
        self, source: UrlSource, keys: Sequence[NoteKey], memory: Path, witnesses: Sequence[NoteKey] = ()
    ) -> None:
        """Trust the log's `keys`. Keep the last checkpoint in `memory`, and evidence beside it."""
        self._source, self._keys, self._memory = source, tuple(keys), memory
        self._witnesses = tuple(witnesses)

    def visit(self) -> Visit:
        """Look once. Raises Forked (the evidence is kept), LogAway, NoteError or TileError."""
        cosigned = self._cosigned()
        now = open_checkpoint(self._source.checkpoint(), self._keys, self._witnesses)
        before = self._last()
        for earlier in (before, cosigned):
            if earlier is not None:
                self._compare(earlier, now)
        replace_file(self._memory, now.note.encode().encode(), mode=0o644)
        seen = cosignatures([now, *([cosigned] if cosigned else [])], self._witnesses)
        return Visit(now.checkpoint, before.checkpoint if before else None, seen)

    def against(self, other: OpenedCheckpoint) -> None:
        """Compare the last visit's checkpoint with another person's checkpoint of any size."""
        last = self._last()
        if last is not None:
            try:
                compare(self._source, last, other)
            except Forked as fork:
                self._keep(fork, other)
                raise

    def _compare(self, before: OpenedCheckpoint, now: OpenedCheckpoint) -> None:
        try:
            _refuse_rollback(before, now)
            compare(self._source, before, now)
        except Forked as fork:
            self._keep(fork, now)
            raise

    def _keep(self, fork: Forked, now: OpenedCheckpoint) -> None:
        name = f"{self._memory.name}.fork-{now.checkpoint.size}"
        replace_file(self._memory.with_name(name), f"{fork.one}\n\n{fork.other}".encode(), mode=0o644)

    def _cosigned(self) -> OpenedCheckpoint | None:
        """Return the checkpoint that witnesses signed. It is read before the newest checkpoint, which must extend
        it.
        """
        data = self._source.cosigned() if self._witnesses else None
        return None if data is None else open_checkpoint(data, self._keys, self._witnesses)

    def _last(self) -> OpenedCheckpoint | None:
        try:
            return open_checkpoint(self._memory.read_bytes(), self._keys)
        except FileNotFoundError:
            return None


def _refuse_rollback(before: OpenedCheckpoint, now: OpenedCheckpoint) -> None:
    if now.checkpoint.size < before.checkpoint.size and now.checkpoint.origin == before.checkpoint.origin:
        sizes = f"it had {before.checkpoint.size} entries, now {now.checkpoint.size}"
        raise Forked(f"the log was rolled back: {sizes}", before.note.encode(), now.note.encode())


__all__ = ["Forked", "LogAway", "LogWatcher", "NoteError", "TileError", "UrlSource", "Visit", "compare", "fetch_http"]
