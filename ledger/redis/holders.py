"""A bounded memory of recent holders, so that not every change reads their salts."""

from __future__ import annotations

import threading
from dataclasses import replace

from ledger.holders import HolderName

_REMEMBERED = 65_536


class Holders:
    """Remembers holders and forgets the oldest. Every change still asks the server, whose word decides."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[str, HolderName] = {}
        self._lock = threading.Lock()

    def get(self, subject: str) -> HolderName | None:
        """Return a remembered holder, or None."""
        return self._known.get(subject)

    def keep(self, subject: str, holder: HolderName) -> None:
        """Remember a holder that the server keeps."""
        with self._lock:
            self._known[subject] = replace(holder, new=False)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    def forget(self, subject: str) -> None:
        """Forget a holder that the server no longer keeps."""
        with self._lock:
            self._known.pop(subject, None)
