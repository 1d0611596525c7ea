"""Ed25519 (RFC 8032), for signed notes alone, as tools for transparency logs expect. Cards and tokens stay ES256."""

from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class NoteKeySigner(Protocol):
    """Signs with one Ed25519 key, wherever its private half is."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`, 64 bytes."""
        ...


class Ed25519Signer:
    """Signs with one Ed25519 key in this process's memory. The `repr` hides the key."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        """Take the private key."""
        self._key = private_key
        self._public = private_key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "Ed25519Signer":
        """Return a signer with a new random key that is not stored anywhere."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`, 64 bytes."""
        return self._key.sign(message)

    def to_pem(self, passphrase: bytes) -> bytes:
        """Return the key as encrypted PKCS#8."""
        protection = serialization.BestAvailableEncryption(passphrase)
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes) -> "Ed25519Signer":
        """Read what `to_pem` wrote. Raises ValueError, which quotes nothing, for anything else."""
        try:
            private = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError):
            raise ValueError("not a key of this passphrase") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - a file's content, not a caller's type
        return cls(private)

    def __repr__(self) -> str:
        return "Ed25519Signer()"


def ed25519_holds(message: bytes, signature: bytes, public: bytes) -> bool:
    """Return whether `signature` is the key's over `message`. Return False for a key or a signature of another form."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
