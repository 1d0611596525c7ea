"""The log's witnesses, which the sequencer asks (C2SP tlog-witness as client). A file lists them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from audit.tree.place import CheckpointState, Cosigned
from audit.tree.tiles import Tree
from edge.fetch import FetchAway, OutgoingCall, fetch
from edge.instants import to_epoch
from keys.notes import (
    Checkpoint,
    KeyKind,
    Note,
    NoteError,
    NoteKey,
    NoteSignature,
    open_checkpoint,
    parse_signature,
)

LATE: Final = timedelta(minutes=10)
"""A witness is late (amber) if it has not cosigned for this long."""

SECONDS_A_CALL: Final = 10
MAX_ANSWER_BYTES: Final = 256 * 1024
Call = Callable[[str, bytes | None], tuple[int, bytes]]
"""Sends a POST of bytes, or a GET for None. Returns the status and the body. Raises WitnessAway."""


class WitnessAway(Exception):
    """A witness cannot be reached, or its answer is not a witness's answer."""


class Contradicted(Exception):
    """A witness knows a larger log than this, or a different log. This log may be a restored or a forked copy."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness: the key with which it cosigns, and its address before `/add-checkpoint`."""

    key: NoteKey
    url: str

    @property
    def name(self) -> str:
        """The witness's name."""
        return self.key.name


def read_witnesses(path: Path | None) -> tuple[Witness, ...]:
    """Return the witnesses in a file, which has a verifier key and an address on each line. Raises NoteError for any
    other line.
    """
    if path is None:
        return ()
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        vkey, _, url = line.partition("#")[0].strip().partition(" ")
        if not vkey:
            continue
        key = NoteKey.parse(vkey)
        if key.kind is not KeyKind.COSIGNATURE or not url.strip().startswith(("http://", "https://")):
            raise NoteError("a witness is a cosignature key (type 4), a space and an address")
        found.append(Witness(key, url.strip().rstrip("/")))
    return tuple(found)


def call_http(url: str, body: bytes | None) -> tuple[int, bytes]:
    """Call a witness over HTTP."""
    try:
        found = fetch(OutgoingCall(url, body=body), seconds=SECONDS_A_CALL, most=MAX_ANSWER_BYTES)
    except FetchAway as error:
        raise WitnessAway(str(error)) from error
    return found.status, found.body


def largest_seen(witness: Witness, origin: str, keys: Sequence[NoteKey], call: Call = call_http) -> Checkpoint | None:
    """Return the last checkpoint that a witness cosigned, or None if it never cosigned. Raises WitnessAway."""
    status, body = call(f"{witness.url}/{sha256(origin.encode()).hexdigest()}/checkpoint", None)
    if status == 404:
        return None
    if status != 200:
        raise WitnessAway(f"answered {status}")
    try:
        opened = open_checkpoint(body, keys, [witness.key])
    except NoteError as error:
        raise WitnessAway(f"its checkpoint cannot be read: {error}") from error
    if witness.key not in [signed.key for signed in opened.signed]:
        raise WitnessAway("its checkpoint is not cosigned")
    return opened.checkpoint


def ask(witness: Witness, note: Note, tree: Tree, known: int, call: Call = call_http) -> tuple[NoteSignature, Cosigned]:
    """Ask a witness to cosign the newest checkpoint, whose tiles are in `tree`. `known` is the size that the witness
    saw last.

    Raises WitnessAway, or Contradicted if the witness knows a larger or a different log.
    """
    status, body = _add(witness, note, tree, known, call)
    if status == 409:
        known = _size(body)
        if known > tree.size:
            raise Contradicted(f"{witness.name} has seen {known} entries, here are {tree.size}")
        status, body = _add(witness, note, tree, known, call)
    # If the request starts at the size that the witness itself named, a conflict at this size is about the root.
    if status == 422 or (status == 409 and _size(body) == known == tree.size):
        raise Contradicted(f"{witness.name} holds this log to be another than it saw at {known} entries")
    if status != 200:
        raise WitnessAway(f"answered {status}")
    return _cosignature(witness, note, body, tree.size)


def late(state: CheckpointState, witnesses: Iterable[Witness], at: datetime) -> list[str]:
    """Return the names of witnesses that have cosigned nothing for the time LATE."""
    oldest = to_epoch(at - LATE)
    never = Cosigned(0, min(state.at, oldest - 1))
    return [each.name for each in witnesses if state.witnesses.get(each.name, never).at < oldest]


def _add(witness: Witness, note: Note, tree: Tree, known: int, call: Call) -> tuple[int, bytes]:
    proof = "".join(f"{b64encode(step).decode()}\n" for step in tree.consistency(known))
    return call(f"{witness.url}/add-checkpoint", f"old {known}\n{proof}\n{note.encode()}".encode())


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace")
    if not text.endswith("\n") or not text[:-1].isdigit() or len(text) > 20:
        raise WitnessAway("answered 409 without a size")
    return int(text)


def _cosignature(witness: Witness, note: Note, body: bytes, size: int) -> tuple[NoteSignature, Cosigned]:
    try:
        signatures = [parse_signature(line) for line in body.decode().split("\n")[:-1]]
        for signature in signatures:
            if witness.key.names(signature):
                return signature, Cosigned(size, witness.key.verify(note.text, signature).at or 0)
    except (NoteError, UnicodeDecodeError) as error:
        raise WitnessAway(f"its cosignature cannot be used: {error}") from error
    raise WitnessAway("it did not cosign with its key")
