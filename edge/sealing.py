"""Seals personal data at rest: AES-256-GCM under a key that is derived from the server's secret for one purpose."""

from __future__ import annotations

import os
from hmac import digest as hmac_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class Unsealable(ValueError):
    """The sealed bytes were altered, or sealed under another secret, purpose or context."""


def derive(secret: bytes, purpose: str) -> bytes:
    """Return a 256-bit key for one purpose from the server's secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(hashes.SHA256(), _KEY_BYTES, None, f"yunju:{purpose}".encode()).derive(secret)


def keyed_hash(key: bytes, *parts: str) -> bytes:
    """Return HMAC-SHA256 of the parts, each preceded by its length, so that different lists of parts never give the
    same input.
    """
    message = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)
    return hmac_digest(key, message, "sha256")


class Sealer:
    """Seals and opens small values for one purpose. `context` binds a value to its row."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        """Derive the purpose's key from the server's secret."""
        self._cipher = AESGCM(derive(secret, purpose))

    def seal(self, value: bytes, context: str) -> bytes:
        """Return the value encrypted and bound to `context`, preceded by a fresh random nonce."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the value that was sealed for `context`. Raises Unsealable for anything else."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise Unsealable("the stored value cannot be opened with this server's secret") from None
