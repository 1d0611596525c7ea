"""Holders' names in the log, from their salts; a bounded memory of those met lately."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass

from edge.encoding import b64u

SALT_BYTES = 32
_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Holder:
    """A holder's name in the log and the salt that hides who it is. `new`: proposed, not yet kept by the server."""

    name: str
    salt: bytes
    new: bool = False

    def card(self, card_id: str) -> str:
        """Return a card's name in the log."""
        return _keyed(self.salt, card_id)


def holder_with(subject: str, kept: bytes) -> Holder:
    """Return the holder of a `sub` from what the server keeps of it: the salt, and a sign once there are entries."""
    salt = kept[:SALT_BYTES]
    return Holder(_keyed(salt, subject), salt)


def proposed(subject: str) -> Holder:
    """Return a holder with a fresh salt, for a `sub` not seen before."""
    salt = secrets.token_bytes(SALT_BYTES)
    return Holder(_keyed(salt, subject), salt, new=True)


class Holders:
    """Remembers holders; the oldest are forgotten. The server's word is asked again in every change."""

    def __init__(self) -> None:
        """Know nobody."""
        self._known: dict[str, Holder] = {}
        self._lock = threading.Lock()

    def get(self, subject: str) -> Holder | None:
        """Return a holder met before."""
        return self._known.get(subject)

    def keep(self, subject: str, holder: Holder) -> None:
        """Remember a holder that the server keeps."""
        with self._lock:
            self._known[subject] = Holder(holder.name, holder.salt) if holder.new else holder
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    def forget(self, subject: str) -> None:
        """Forget a holder that the server no longer has."""
        with self._lock:
            self._known.pop(subject, None)


def _keyed(salt: bytes, text: str) -> str:
    return b64u(hmac.digest(salt, text.encode(), "sha256"))
