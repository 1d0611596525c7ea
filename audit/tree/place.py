"""The durable place of the checkpoint: one small file, kept apart from the tiles and from backups (docs/design.md §8).

The place changes only by compare-and-swap. Trust: an attacker who can set back the place, the tiles and every witness
together can make the log's key sign two histories.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.durable import replace_file
from edge.structs import UNREADABLE
from keys.notes import Checkpoint, Note, parse_note


class LostSwap(Exception):
    """Another sequencer has taken the lead, so this one must stop."""


class PlaceError(Exception):
    """The file of the checkpoint's place cannot be read."""


class Cosigned(msgspec.Struct, frozen=True):
    """The last cosignature of a witness: its size and its time (epoch seconds, the witness's clock)."""

    size: int
    at: int


class CheckpointState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the checkpoint's place.

    `epoch` rises with every leader. `checkpoint` is the newest signed note, published at `at` (epoch seconds).
    `witnessed` is the newest note that a witness cosigned, with its cosignatures.
    """

    epoch: int
    at: int
    checkpoint: str
    witnessed: str | None = None
    witnesses: dict[str, Cosigned] = msgspec.field(default_factory=dict)

    @property
    def note(self) -> Note:
        """The newest checkpoint's note."""
        return parse_note(self.checkpoint)

    @property
    def published(self) -> str:
        """The newest checkpoint as it is published: with the witnesses' cosignatures, once there are any."""
        if self.witnessed is not None and parse_note(self.witnessed).text == self.note.text:
            return self.witnessed
        return self.checkpoint

    @property
    def size(self) -> int:
        """The size of the newest checkpoint."""
        return self.tree.size

    @property
    def tree(self) -> Checkpoint:
        """The newest checkpoint."""
        return Checkpoint.parse(self.note.text)


class CheckpointPlace:
    """The file at `path`, and its lock file."""

    def __init__(self, path: Path) -> None:
        """Open no file yet."""
        self._path = path

    def read(self) -> CheckpointState | None:
        """Return the content of the place, or None if it was never used. Raises PlaceError if it is damaged."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=CheckpointState)
        except FileNotFoundError:
            return None
        except (OSError, *UNREADABLE) as error:
            raise PlaceError(f"{self._path} cannot be read: {error}") from error

    def begin(self, checkpoint: str, at: int) -> CheckpointState:
        """Put the log's first checkpoint into an empty place. Raises LostSwap if the place has a checkpoint."""
        with self._held():
            if self.read() is not None:
                raise LostSwap("the place holds a checkpoint already")
            return self._write(CheckpointState(1, at, checkpoint))

    def take(self) -> CheckpointState:
        """Begin the next epoch, so that every earlier leader loses its next swap. Raises PlaceError if there is no
        checkpoint.
        """
        with self._held():
            held = self.read()
            if held is None:
                raise PlaceError(f"{self._path} holds no checkpoint")
            return self._write(msgspec.structs.replace(held, epoch=held.epoch + 1))

    def publish(self, held: CheckpointState, checkpoint: str, at: int) -> CheckpointState:
        """Replace the checkpoint of `held`. Raises LostSwap if the epoch or the checkpoint differs from `held`."""
        with self._held():
            found = self.read()
            if found is None or (found.epoch, found.checkpoint) != (held.epoch, held.checkpoint):
                raise LostSwap("another sequencer has taken over")
            return self._write(msgspec.structs.replace(found, checkpoint=checkpoint, at=at))

    def witnessed(self, note: Note, seen: dict[str, Cosigned]) -> CheckpointState:
        """Keep cosignatures: those of the newest cosigned note, and each witness's last word."""
        with self._held():
            found = self.read()
            if found is None:
                raise PlaceError(f"{self._path} holds no checkpoint")
            known = parse_note(found.witnessed) if found.witnessed else None
            if known is not None and known.text == note.text:
                note = known.with_signatures(note.signatures)
            elif known is not None and Checkpoint.parse(known.text).size > Checkpoint.parse(note.text).size:
                note = known
            witnesses = {**found.witnesses, **seen}
            return self._write(msgspec.structs.replace(found, witnessed=note.encode(), witnesses=witnesses))

    def _write(self, state: CheckpointState) -> CheckpointState:
        replace_file(self._path, msgspec.json.encode(state), mode=0o644)
        return state

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
