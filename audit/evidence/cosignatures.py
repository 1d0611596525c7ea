"""Whose cosignatures of a log's checkpoints hold, of those that somebody relies on. Pure.

A cosignature says that a witness saw this log, and that the log had only grown since the witness saw it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.instants import from_epoch, rfc3339
from keys.notes import NoteKey, OpenedCheckpoint


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's newest cosignature that holds: over how many entries, and when (RFC 3339, the witness's clock)."""

    name: str
    size: int
    at: str


@dataclass(frozen=True, slots=True)
class Cosignatures:
    """What was found of the witnesses that somebody relies on."""

    held: tuple[Cosignature, ...]
    missing: tuple[str, ...]

    @property
    def words(self) -> str:
        """Whose cosignatures of how many hold, in a sentence."""
        asked = len(self.held) + len(self.missing)
        names = [f"{one.name} over {one.size} entries at {one.at}" for one in self.held]
        lacking = f"; none of {', '.join(self.missing)}" if self.missing else ""
        return f"cosigned by {len(self.held)} of {asked} witnesses{': ' if names else ''}{', '.join(names)}{lacking}"


def cosignatures(checkpoints: Iterable[OpenedCheckpoint], witnesses: Sequence[NoteKey]) -> Cosignatures:
    """Return each witness's newest cosignature among checkpoints that were opened with these witnesses' keys.

    The checkpoints must be known to be of one log, each the beginning of the next.
    """
    best: dict[NoteKey, Cosignature] = {}
    for opened in sorted(checkpoints, key=lambda one: one.checkpoint.size):
        for signed in opened.signed:
            if signed.key in witnesses and signed.at is not None:
                at = rfc3339(from_epoch(signed.at))
                best[signed.key] = Cosignature(signed.key.name, opened.checkpoint.size, at)
    return Cosignatures(tuple(best.values()), tuple(key.name for key in witnesses if key not in best))
