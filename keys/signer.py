"""Signers: one small interface, which keys from files and hardware modules both meet."""

from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keys.jwk import COORDINATE_BYTES, key_thumbprint

_ECDSA_SHA256 = ec.ECDSA(hashes.SHA256())


class Signer(Protocol):
    """Signs with one P-256 key, only ES256. Safe to share between threads."""

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        ...

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half of the key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature of `message`: r and s, 32 bytes each (RFC 7518 §3.4)."""
        ...


class FileSigner:
    """A signer whose private key is in this process's memory. Its `repr` shows only the key's id."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        """Take a P-256 key. Raises BadKey for another curve."""
        self._key = private_key
        self._public = private_key.public_key()
        self.kid = key_thumbprint(self._public)
        """The key's RFC 7638 thumbprint."""

    @classmethod
    def generate(cls) -> "FileSigner":
        """Return a signer with a new random key that is not stored anywhere."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half of the key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature of `message`: r and s, 32 bytes each."""
        r, s = decode_dss_signature(self._key.sign(message, _ECDSA_SHA256))
        return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")

    def __repr__(self) -> str:
        return f"FileSigner(kid={self.kid!r})"
