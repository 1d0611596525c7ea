"""Signed checkpoints as C2SP writes them (signed-note, tlog-checkpoint, tlog-cosignature), read and verified. Pure.

A key is a text, `name+id+key`, that its owner told another way than by the server whose log it verifies.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

ED25519, ECDSA, COSIGNATURE = 1, 2, 4
HASH_BYTES: Final = 32
_MOST: Final = 64 * 1024
_LINE: Final = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_ID_BYTES, _TIME_BYTES = 4, 8


class NoteError(ValueError):
    """A key, a note or a checkpoint is malformed, or no given key signed it; the message says which."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key of a log or of a witness, of one of three kinds (`ED25519`, `ECDSA`, `COSIGNATURE`)."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read `name+id+key`. Raises NoteError for another kind, or an id that does not follow from the key."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        data = plain_base64(encoded)
        known = bool(data) and data[0] in {ED25519, ECDSA, COSIGNATURE}
        if not known or not name or re.search(r"[\s\x00-\x1f]", name):
            raise NoteError("not a verifier key of a kind known here")
        found = cls(name, data[0], data[1:])
        if found.key_id.hex() != key_id:
            raise NoteError("the key's id does not follow from the key")
        found._loaded()
        return found

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names the key."""
        if self.kind == ECDSA:
            return sha256(self.public).digest()[:_ID_BYTES]
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def verified(self, text: str, value: bytes) -> int | None:
        """Return when a signature of a text was made, None where it does not tell. Raises NoteError."""
        message, at = text.encode(), None
        if self.kind == COSIGNATURE:
            at, value = int.from_bytes(value[:_TIME_BYTES]), value[_TIME_BYTES:]
            message = f"cosignature/v1\ntime {at}\n{text}".encode()
        key = self._loaded()
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(value, message)
            else:
                key.verify(value, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise NoteError(f"the signature of {self.name} does not hold") from None
        return at

    def _loaded(self) -> Ed25519PublicKey | ec.EllipticCurvePublicKey:
        try:
            key = load_der_public_key(self.public) if self.kind == ECDSA else self._ed25519()
        except (ValueError, TypeError):
            raise NoteError("not a public key") from None
        if isinstance(key, Ed25519PublicKey) and self.kind != ECDSA:
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        raise NoteError("not a P-256 key")

    def _ed25519(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public)


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A witness whose cosignature held, and when it was made (epoch seconds)."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that the log signed: its name, its number of entries, its root, the witnesses that hold."""

    origin: str
    size: int
    root: bytes
    witnesses: tuple[Witnessed, ...]


def open_checkpoint(note: str, keys: Sequence[NoteKey], witnesses: Sequence[NoteKey] = ()) -> Checkpoint:
    """Return the checkpoint in a note that one of `keys` signed, under the log's own name. Raises NoteError.

    A signature of a key that was handed in must hold; one of an unknown key counts for nothing.
    """
    text, lines = _split(note)
    origin, size, root = _read(text)
    signed = [key for key, _ in _holding(text, lines, keys)]
    if not signed:
        raise NoteError("no key that was handed in signed this checkpoint")
    if any(key.name != origin for key in signed):
        raise NoteError("the checkpoint is another log's")
    seen = {key.name: at for key, at in _holding(text, lines, witnesses) if at is not None}
    return Checkpoint(origin, size, root, tuple(Witnessed(name, at) for name, at in seen.items()))


def _holding(
    text: str, lines: Iterable[tuple[str, bytes, bytes]], keys: Sequence[NoteKey]
) -> list[tuple[NoteKey, int | None]]:
    """Return the keys that a line names, with the time of each signature; NoteError where one does not hold."""
    return [
        (key, key.verified(text, value))
        for name, key_id, value in lines
        for key in keys
        if (key.name, key.key_id) == (name, key_id)
    ]


def _split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return a note's text and its lines of signatures: name, key id, value."""
    if len(note) > _MOST or _CONTROL.search(note):
        raise NoteError("the note is too long, or holds control characters")
    text, between, lines = note.rpartition("\n\n")
    if not between or not lines.endswith("\n"):
        raise NoteError("the note has no signatures")
    return f"{text}\n", [_line(line) for line in lines.split("\n")[:-1]]


def _line(line: str) -> tuple[str, bytes, bytes]:
    found = _LINE.fullmatch(line)
    value = plain_base64(found[2]) if found else b""
    if found is None or len(value) <= _ID_BYTES:
        raise NoteError("a line of a signature is malformed")
    return found[1], value[:_ID_BYTES], value[_ID_BYTES:]


def _read(text: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint's three lines."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise NoteError("not a checkpoint of three lines")
    root = plain_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteError("the checkpoint's root is not 32 bytes long")
    return lines[0], int(lines[1]), root


def plain_base64(text: str) -> bytes:
    """Return the bytes of a base64 text in its one spelling; NoteError for any other text."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise NoteError("not base64") from None
    if b64encode(data).decode() != text:
        raise NoteError("not base64 in its one spelling")
    return data
