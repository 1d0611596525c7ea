"""A holder's name in the log, made from the `sub` and a salt, so that the log names no person. Pure, except that salts
are random.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from edge.encoding import b64u

SALT_BYTES = 32
"""Length of the salt that hides a `sub`. After the salt is destroyed, nobody can trace the holder."""


@dataclass(frozen=True, slots=True)
class HolderName:
    """A holder's name in the log and the salt behind it. `new`: the store does not keep this salt yet."""

    name: str
    salt: bytes = field(repr=False)
    new: bool = False

    def card(self, card_id: str) -> str:
        """Return a card's name in the log."""
        return keyed(self.salt, card_id)


def holder_with(subject: str, salt: bytes) -> HolderName:
    """Return the holder of a `sub` whose salt is kept. Bytes after the salt are ignored."""
    salt = salt[:SALT_BYTES]
    return HolderName(keyed(salt, subject), salt)


def proposed(subject: str) -> HolderName:
    """Return a holder with a fresh salt, for a `sub` that is new to the store."""
    salt = secrets.token_bytes(SALT_BYTES)
    return HolderName(keyed(salt, subject), salt, new=True)


def keyed(salt: bytes, text: str) -> str:
    """Return HMAC-SHA256 of a text under a holder's salt, as the log writes it."""
    return b64u(hmac.digest(salt, text.encode(), "sha256"))
