"""A bounded memory of the holders met lately, so that their salts are not read for every change."""

from __future__ import annotations

import threading
from dataclasses import replace

from ledger.holders import HolderName

_REMEMBERED = 65_536


class Holders:
    """Remembers holders; the oldest are forgotten. The server's word is asked again in every change."""

    def __init__(self) -> None:
        """Know nobody."""
        self._known: dict[str, HolderName] = {}
        self._lock = threading.Lock()

    def get(self, subject: str) -> HolderName | None:
        """Return a holder met before."""
        return self._known.get(subject)

    def keep(self, subject: str, holder: HolderName) -> None:
        """Remember a holder that the server keeps."""
        with self._lock:
            self._known[subject] = replace(holder, new=False)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    def forget(self, subject: str) -> None:
        """Forget a holder that the server no longer has."""
        with self._lock:
            self._known.pop(subject, None)
