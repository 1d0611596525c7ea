"""base64url of JOSE (RFC 7515 §2) and SHA-256. Each value has one text: other spellings are refused."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from binascii import b2a_base64

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PADDING = {0: "", 2: "==", 3: "="}


class EncodingError(ValueError):
    """The text is not canonical base64url."""


def b64u(data: bytes) -> str:
    """Return base64url without padding."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def unb64u(text: str) -> bytes:
    """Return the bytes of canonical base64url.

    Raises EncodingError for padding, characters outside the alphabet, an impossible length, and trailing bits that are
    not zero.
    """
    padding = _PADDING.get(len(text) % 4)
    if padding is None:
        raise EncodingError("base64url of an impossible length")
    try:
        data = urlsafe_b64decode(text + padding)
    except ValueError:
        raise EncodingError("not base64url") from None
    # The library skips unknown characters. Writing the bytes again shows every other spelling.
    if b64u(data) != text:
        raise EncodingError("not canonical base64url")
    return data


def digest(data: bytes) -> bytes:
    """Return the SHA-256 of `data`, 32 bytes."""
    return hashlib.sha256(data).digest()


def digest_text(data: bytes) -> str:
    """Return the SHA-256 of `data` as base64url, 43 characters: the form of a hash in tokens, headers and stores."""
    return b2a_base64(hashlib.sha256(data).digest(), newline=False).translate(_URL_SAFE)[:43].decode("ascii")
