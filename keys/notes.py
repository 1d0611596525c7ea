"""Signed notes and checkpoints of C2SP (signed-note, tlog-checkpoint, tlog-cosignature). Pure.

There are three kinds of signature: Ed25519, ECDSA over P-256, and a witness's timestamped Ed25519 cosignature.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from keys.ed25519 import PUBLIC_BYTES, NoteKeySigner, ed25519_holds
from keys.merkle import HASH_BYTES
from keys.signer import Signer

MAX_NOTE_BYTES = 64 * 1024
_DASH = "\u2014"
_LINE = re.compile(rf"{_DASH} ([^\s+]+) ([A-Za-z0-9+/]+={{0,2}})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_TIME_BYTES = 8
_ECDSA = ec.ECDSA(hashes.SHA256())


class NoteError(ValueError):
    """A note, a checkpoint or a key is malformed, or no trusted key signed it. The message says which."""


class KeyKind(IntEnum):
    """The signature types of signed-note that this module reads."""

    ED25519 = 1
    ECDSA = 2
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the claimed signer, its key id, and the bytes after it."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line in the form of a note."""
        return f"{_DASH} {self.name} {b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and its signatures. Nothing in it is verified."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> str:
        """Return the note as text."""
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}"

    def signed_by(self, key: NoteKey) -> bool:
        """Return whether a line names this key. The signature itself is not checked."""
        return any(key.names(signature) for signature in self.signatures)

    def with_signatures(self, more: Iterable[NoteSignature]) -> Note:
        """Return the note with further signatures. A newer signature replaces an older one of the same key."""
        found = {(signature.name, signature.key_id): signature for signature in (*self.signatures, *more)}
        return Note(self.text, tuple(found.values()))


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified signature: its key, and its time if it has one (cosignatures; epoch seconds)."""

    key: NoteKey
    at: int | None


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key for verifying notes. Its text form is a vkey, `name+id+key`."""

    name: str
    kind: KeyKind
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or re.search(r"[\s+\x00-\x1f]", self.name):
            raise NoteError("a key's name is without spaces and plus signs")
        if self.kind is not KeyKind.ECDSA and len(self.public) != PUBLIC_BYTES:
            raise NoteError("an Ed25519 key is 32 bytes long")

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names the key."""
        if self.kind is KeyKind.ECDSA:
            return sha256(self.public).digest()[:4]
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> NoteKey:
        """Read a vkey. Raises NoteError for a vkey of another kind, or whose id does not follow from the key."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        data = _decoded(encoded)
        try:
            key = cls(name, KeyKind(data[0]), data[1:])
        except (ValueError, IndexError):
            raise NoteError("not a verifier key of a kind known here") from None
        if key.key_id.hex() != key_id:
            raise NoteError("the key's id does not follow from the key")
        if key.kind is KeyKind.ECDSA:
            key.curve_key()
        return key

    def names(self, signature: NoteSignature) -> bool:
        """Return whether a signature line claims to be this key's."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def verify(self, text: str, signature: NoteSignature) -> Signed:
        """Return the verified signature. Raises NoteError if it is wrong."""
        message, value, at = text.encode(), signature.value, None
        if self.kind is KeyKind.COSIGNATURE:
            at = int.from_bytes(value[:_TIME_BYTES])
            message, value = cosigned(text, at), value[_TIME_BYTES:]
        if not self._holds(message, value):
            raise NoteError(f"the signature of {self.name} does not hold")
        return Signed(self, at)

    def _holds(self, message: bytes, value: bytes) -> bool:
        if self.kind is not KeyKind.ECDSA:
            return ed25519_holds(message, value, self.public)
        try:
            self.curve_key().verify(value, message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    def curve_key(self) -> ec.EllipticCurvePublicKey:
        """Return an ECDSA key of a note. Raises NoteError for a key that is not on P-256."""
        try:
            key = serialization.load_der_public_key(self.public)
        except (ValueError, TypeError):
            raise NoteError("not a public key") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise NoteError("not a P-256 key")
        return key


class NoteSigner(Protocol):
    """Signs notes with one key."""

    @property
    def key(self) -> NoteKey:
        """The key with which the notes are verified."""
        ...

    def sign(self, text: str) -> NoteSignature:
        """Return the signature line of a text."""
        ...


class Ed25519NoteSigner:
    """Signs notes with the Ed25519 type of signed-note."""

    def __init__(self, name: str, signer: NoteKeySigner) -> None:
        """Sign as `name`."""
        self._signer = signer
        self.key = NoteKey(name, KeyKind.ED25519, signer.public)

    def sign(self, text: str) -> NoteSignature:
        """Return the signature line of a text."""
        return NoteSignature(self.key.name, self.key.key_id, self._signer.sign(text.encode()))


class EcdsaNoteSigner:
    """Signs notes with a P-256 key of the trust bundle (type 2: DER signature, id from the key's SPKI)."""

    def __init__(self, name: str, signer: Signer) -> None:
        """Sign as `name`."""
        self._signer = signer
        self.key = ecdsa_key(name, signer.public_key)

    def sign(self, text: str) -> NoteSignature:
        """Return the signature line of a text."""
        raw = self._signer.sign(text.encode())
        value = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        return NoteSignature(self.key.name, self.key.key_id, value)


class Cosigner:
    """Signs checkpoints as a witness: with the time, under a header of its own."""

    def __init__(self, name: str, signer: NoteKeySigner) -> None:
        """Sign as `name`."""
        self._signer = signer
        self.key = NoteKey(name, KeyKind.COSIGNATURE, signer.public)

    def cosign(self, text: str, at: int) -> NoteSignature:
        """Return the cosignature line of a checkpoint's text, made at `at` (epoch seconds)."""
        value = at.to_bytes(_TIME_BYTES) + self._signer.sign(cosigned(text, at))
        return NoteSignature(self.key.name, self.key.key_id, value)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's statement of its size and its root. `text` is what is signed."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines of tlog-checkpoint."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text. Raises NoteError for any other text, also for one with extension lines, whose author is
        unknown.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
            raise NoteError("not a checkpoint of three lines")
        root = _decoded(lines[2])
        if len(root) != HASH_BYTES:
            raise NoteError("the checkpoint's root is not 32 bytes long")
        return cls(lines[0], int(lines[1]), root)


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint with a verified signature, its note, and which of the asked witnesses signed it."""

    checkpoint: Checkpoint
    note: Note
    signed: tuple[Signed, ...]


def ecdsa_key(name: str, public: ec.EllipticCurvePublicKey) -> NoteKey:
    """Return a P-256 key in the form that verifies the notes of `name`."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return NoteKey(name, KeyKind.ECDSA, public.public_bytes(serialization.Encoding.DER, form))


def cosigned(text: str, at: int) -> bytes:
    """Return the message that a cosignature signs."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def parse_note(data: str | bytes) -> Note:
    """Read a note. Raises NoteError if it is malformed. Verifies nothing."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError("the note is too long")
    try:
        whole = data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError:
        raise NoteError("the note is not UTF-8") from None
    if re.search(r"[\x00-\x09\x0b-\x1f]", whole):
        raise NoteError("the note holds control characters")
    text, between, lines = whole.rpartition("\n\n")
    if not between or not lines.endswith("\n"):
        raise NoteError("the note has no signatures")
    return Note(f"{text}\n", tuple(parse_signature(line) for line in lines.split("\n")[:-1]))


def parse_signature(line: str) -> NoteSignature:
    """Read one signature line, without its newline. Raises NoteError if it is malformed."""
    found = _LINE.fullmatch(line)
    value = _decoded(found[2]) if found else b""
    if found is None or len(value) < 5:
        raise NoteError("a signature line is malformed")
    return NoteSignature(found[1], value[:4], value[4:])


def open_note(note: Note, keys: Iterable[NoteKey]) -> tuple[Signed, ...]:
    """Return the signatures of known keys. All of these must be right, and there must be at least one. Raises NoteError
    otherwise.
    """
    known = list(keys)
    signed = [
        key.verify(note.text, signature) for signature in note.signatures for key in known if key.names(signature)
    ]
    if not signed:
        raise NoteError("no key that is trusted here signed this")
    return tuple(signed)


def open_checkpoint(data: str | bytes, keys: Iterable[NoteKey], witnesses: Iterable[NoteKey] = ()) -> OpenedCheckpoint:
    """Read a checkpoint that one of the log's `keys` signed, under its own origin. Raises NoteError otherwise."""
    note, known = parse_note(data), list(keys)
    signed = open_note(note, known)
    checkpoint = Checkpoint.parse(note.text)
    if any(each.key.name != checkpoint.origin for each in signed):
        raise NoteError("the checkpoint is another log's")
    seen = [each for key in witnesses if note.signed_by(key) for each in open_note(note, [key])]
    return OpenedCheckpoint(checkpoint, note, (*signed, *seen))


def _decoded(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise NoteError("not base64") from None
    if b64encode(data).decode() != text:
        raise NoteError("not base64 in its one spelling")
    return data
