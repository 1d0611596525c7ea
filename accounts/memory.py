"""What one process remembers for seconds: rows already read, proofs already seen. It is never the truth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LONGEST: Final = timedelta(seconds=5)
"""How long a row is believed. If another process takes a right away, the right is gone within this time; if this
process does, at once.
"""


class RowMemory(Generic[T]):
    """Rows by the hash of a token, each believed for `LONGEST`. A row that was not found is looked for again every
    time.

    `revision` is compared with the revision at reading, so that this process's own changes count at once.
    """

    def __init__(self, revision: Callable[[], int], *, most: int = 10_000) -> None:
        self._revision = revision
        self._most = most
        self._rows: dict[str, tuple[datetime, int, T]] = {}

    def get(self, token_hash: str, at: datetime, load: Callable[[str], T | None]) -> T | None:
        """Return the remembered row, otherwise the row that `load` finds."""
        kept = self._rows.get(token_hash)
        # If the clock was set back, the age is negative: then nothing is believed either.
        if kept is not None and timedelta() <= at - kept[0] < LONGEST and kept[1] == self._revision():
            return kept[2]
        # Read before loading: a change in between makes the row old at once, and never believed too long.
        revision = self._revision()
        row = load(token_hash)
        if row is None:
            self._rows.pop(token_hash, None)
            return None
        if len(self._rows) >= self._most:
            self._rows.clear()
        self._rows[token_hash] = (at, revision, row)
        return row


class ReplayWindow:
    """Proofs seen, until they expire (RFC 9449 §11.1). Bounded: beyond `most`, the oldest proof is forgotten.

    The memory of one process is only a first defence: a copy may reach another worker under another operation id, and
    no proof is bound to an operation id. So the change that counts a use names the call in the ledger too
    (`Caller.call`).
    """

    def __init__(self, *, most: int = 65_536) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._lock = Lock()

    def first(self, device_id: str, proof_id: str, expires_at: datetime, at: datetime) -> bool:
        """Remember a proof. Return whether this is its first time."""
        key = (device_id, proof_id)
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < at:
                self._seen.popitem(last=False)
            if key in self._seen:
                return False
            self._seen[key] = expires_at
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return True
