"""Which cosignatures of a log's checkpoints hold, among the witnesses that a reader relies on. Pure.

A cosignature says that a witness saw this log, and that the log only grew since the witness saw it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.instants import from_epoch, rfc3339
from keys.notes import NoteKey, OpenedCheckpoint


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's newest valid cosignature: the number of entries, and the time (RFC 3339, the witness's clock)."""

    name: str
    size: int
    at: str


@dataclass(frozen=True, slots=True)
class Cosignatures:
    """The cosignatures found of the witnesses that a reader relies on."""

    held: tuple[Cosignature, ...]
    missing: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return one sentence: which witnesses' cosignatures hold, out of how many."""
        asked = len(self.held) + len(self.missing)
        names = [f"{one.name} over {one.size} entries at {one.at}" for one in self.held]
        lacking = f"; none of {', '.join(self.missing)}" if self.missing else ""
        return f"cosigned by {len(self.held)} of {asked} witnesses{': ' if names else ''}{', '.join(names)}{lacking}"


def cosignatures(checkpoints: Iterable[OpenedCheckpoint], witnesses: Sequence[NoteKey]) -> Cosignatures:
    """Return each witness's newest cosignature among these checkpoints, which were opened with the witnesses' keys.

    The checkpoints must be known to belong to one log, each extending the one before.
    """
    best: dict[NoteKey, Cosignature] = {}
    for opened in sorted(checkpoints, key=lambda one: one.checkpoint.size):
        for signed in opened.signed:
            if signed.key in witnesses and signed.at is not None:
                at = rfc3339(from_epoch(signed.at))
                best[signed.key] = Cosignature(signed.key.name, opened.checkpoint.size, at)
    return Cosignatures(tuple(best.values()), tuple(key.name for key in witnesses if key not in best))
