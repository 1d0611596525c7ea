"""A witness cosigns a log's checkpoints as long as each tree extends the last (C2SP tlog-witness).

An auditor runs it on a machine that the log's operator does not control. One small file for each log holds what the
witness saw. The file is durable before an answer is sent.
"""

from __future__ import annotations

import fcntl
import os
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from edge.durable import replace_file
from keys.merkle import EMPTY_ROOT, ProofError, verify_consistency
from keys.notes import Checkpoint, Cosigner, Note, NoteError, NoteKey, NoteSignature, open_note, parse_note

MAX_PROOF = 63
SIZE = "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class NotCosignedError(Exception):
    """The checkpoint is not cosigned. Carries the status that the protocol names, and a body."""

    def __init__(self, status: int, body: str = "", content_type: str = "text/plain; charset=utf-8") -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.content_type = content_type


class WitnessBook:
    """What a witness saw of each log, in a folder. The book decides, and remembers its decision before it answers."""

    def __init__(self, folder: Path, logs: Sequence[NoteKey], cosigner: Cosigner) -> None:
        """Watch the logs of these keys. A key's name is the origin of its log."""
        self._folder, self._cosigner = folder, cosigner
        self._logs: dict[str, list[NoteKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, body: bytes, at: int) -> str:
        """Take an add-checkpoint request. Return the line of the cosignature. Raises NotCosignedError if there is
        none.
        """
        old, proof, note = _read_request(body)
        origin = note.text.partition("\n")[0]
        if origin not in self._logs:
            raise NotCosignedError(404, "no such log is watched here\n")
        checkpoint = self._opened(note, origin)
        if old > checkpoint.size:
            raise NotCosignedError(400, "the old size is larger than the checkpoint's\n")
        with self._held(origin):
            self._compare(self._last(origin), old, proof, checkpoint)
            signature = self._cosigner.cosign(note.text, at)
            kept = Note(note.text, (*self._log_signatures(note, origin), signature))
            replace_file(self._path(origin), kept.encode().encode(), mode=0o644)
        return signature.line

    def last(self, origin_hash: str) -> str | None:
        """Return the last cosigned checkpoint, by the SHA-256 of its origin in hexadecimal, or None."""
        for origin in self._logs:
            if sha256(origin.encode()).hexdigest() == origin_hash and self._path(origin).exists():
                return self._path(origin).read_text(encoding="utf-8")
        return None

    def _opened(self, note: Note, origin: str) -> Checkpoint:
        try:
            open_note(note, self._logs[origin])
        except NoteError:
            raise NotCosignedError(403, "the log did not sign this\n") from None
        try:
            return Checkpoint.parse(note.text)
        except NoteError as error:
            raise NotCosignedError(400, f"{error}\n") from None

    def _compare(self, last: Checkpoint | None, old: int, proof: Sequence[bytes], new: Checkpoint) -> None:
        size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
        if old != size:
            raise NotCosignedError(409, f"{size}\n", SIZE)
        if new.size == size and new.root != root:
            raise NotCosignedError(
                409, f"{size}\n", SIZE
            )  # Two logs of one size: the protocol calls this a conflict too
        if old == 0 and proof:
            raise NotCosignedError(422, "from the empty tree on there is nothing to prove\n")
        try:
            if old:
                verify_consistency(old, new.size, proof, root, new.root)
        except ProofError as error:
            raise NotCosignedError(422, f"{error}\n") from None

    def _last(self, origin: str) -> Checkpoint | None:
        try:
            return Checkpoint.parse(parse_note(self._path(origin).read_bytes()).text)
        except FileNotFoundError:
            return None

    def _log_signatures(self, note: Note, origin: str) -> list[NoteSignature]:
        return [each for each in note.signatures if any(key.names(each) for key in self._logs[origin])]

    def _path(self, origin: str) -> Path:
        return self._folder / f"{sha256(origin.encode()).hexdigest()}.checkpoint"

    @contextmanager
    def _held(self, origin: str) -> Iterator[None]:
        """Compare and remember in one step: two simultaneous requests must not set the record back."""
        handle = os.open(f"{self._path(origin)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _read_request(body: bytes) -> tuple[int, list[bytes], Note]:
    try:
        head, between, rest = body.decode().partition("\n\n")
        lines = head.split("\n")
        old = _OLD.fullmatch(lines[0])
        if not between or old is None or len(lines) - 1 > MAX_PROOF:
            raise NotCosignedError(400, "not an add-checkpoint request\n")
        proof = [b64decode(line, validate=True) for line in lines[1:]]
        return int(old[1]), proof, parse_note(rest)
    except ValueError as error:  # UnicodeDecodeError, binascii.Error and NoteError are subclasses
        raise NotCosignedError(400, f"not an add-checkpoint request: {type(error).__name__}\n") from None
