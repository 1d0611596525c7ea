"""Seals what the register must not show in the clear, and makes the keyed hashes it looks things up by. No store here.

One secret, three derived keys (HKDF, RFC 5869): sealing (AES-256-GCM), lookup hashes and code hashes (HMAC-SHA256).
Who can change the register but does not know the secret can neither read a sealed value nor move it to another row.
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LEAST_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
# Crockford's alphabet: no I, L, O or U, so that a code survives being read aloud and typed.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SPOKEN: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_CODE_CHARS: Final = 16


class SealError(Exception):
    """A sealed value does not open: another secret, a changed value, or one moved from another place."""


class Vault:
    """The register's keys, derived from one secret of at least 32 bytes (ValueError if shorter)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < LEAST_SECRET_BYTES:
            raise ValueError(f"the secret needs at least {LEAST_SECRET_BYTES} bytes")
        self._seal = AESGCM(_derive(secret, b"seal"))
        self._lookup = _derive(secret, b"lookup")
        self._codes = _derive(secret, b"codes")

    def seal(self, value: bytes, place: str) -> bytes:
        """Encrypt `value` for one `place` (table, column and row), to which it is bound."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made for the same `place`; else SealError."""
        try:
            return self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise SealError(f"the value at {place.split(':')[0]} does not open under this secret") from None

    def lookup_hash(self, kind: str, value: str) -> str:
        """Return the keyed hash that a normalised value is found by; equal values give equal hashes."""
        return _mac(self._lookup, kind, value)

    def code_hash(self, kind: str, code: str) -> str:
        """Return the keyed hash of a code that was shown once; spaces, hyphens, case and read-alikes do not matter."""
        return _mac(self._codes, kind, normal_code(code))


def new_code() -> str:
    """Return a random code of 80 bits for people, in four groups of four characters."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS))
    return "-".join(text[start : start + 4] for start in range(0, _CODE_CHARS, 4))


def normal_code(code: str) -> str:
    """Return a typed code as it is hashed: full width folded, upper case, no separators, read-alikes mended."""
    folded = unicodedata.normalize("NFKC", code).upper()
    return "".join(char for char in folded if char.isalnum()).translate(_SPOKEN)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"yunju issuer register v1 " + purpose).derive(secret)


def _mac(key: bytes, kind: str, value: str) -> str:
    return hmac.digest(key, f"{kind}\0{value}".encode(), "sha256").hex()
