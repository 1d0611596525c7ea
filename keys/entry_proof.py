"""What a log proves about one entry to anyone: C2SP tlog-proof, and promises kept or broken. Pure."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from edge.encoding import unb64u
from keys.merkle import ProofError, verify_inclusion
from keys.notes import NoteError, NoteKey, OpenedCheckpoint, open_checkpoint

FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_CHARS = 64 * 1024


class Unproved(ValueError):
    """A proof is malformed or proves something else. The message says what."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """One entry's place in the log: index, path, and the checkpoint of the path (a signed note, not verified)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def encode(self) -> str:
        """Return the proof in the form of C2SP tlog-proof."""
        path = "".join(f"{b64encode(step).decode()}\n" for step in self.path)
        return f"{FIRST_LINE}\nindex {self.index}\n{path}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> EntryProof:
        """Read a tlog-proof. Raises Unproved if it is malformed. Extra data is ignored."""
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
        """Return the checkpoint that covers the entry with this hash. Raises Unproved if it does not cover it."""
        try:
            opened = open_checkpoint(self.checkpoint, keys, witnesses)
            verify_inclusion(leaf, self.index, opened.checkpoint.size, self.path, opened.checkpoint.root)
        except (NoteError, ProofError) as error:
            raise Unproved(str(error)) from None
        return opened


class PromiseState(StrEnum):
    """The state of a promise."""

    KEPT = "kept"
    PENDING = "pending"
    BROKEN = "broken"


def promise_state(
    leaf: str, by: int, now: int, proof: EntryProof | None, keys: Iterable[NoteKey]
) -> tuple[PromiseState, str]:
    """Return the state of a promise whose signature was verified, and the reason. Times are epoch seconds.

    `leaf` is its leaf hash (base64url), `by` its last second, and `proof` the log's answer, or None before there is
    one. A wrong proof breaks the promise at once, because an honest log has no reason to give one.
    """
    if proof is None:
        return (PromiseState.PENDING, "not integrated yet") if now <= by else (PromiseState.BROKEN, "not in the log")
    try:
        opened = proof.verify(unb64u(leaf), keys)
    except ValueError as error:
        return PromiseState.BROKEN, str(error)
    return PromiseState.KEPT, f"entry {proof.index} of {opened.checkpoint.size}"
