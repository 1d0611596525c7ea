"""Partitions in which the ledger contradicts its log. Nothing is recorded in them until the ledger is repaired.

A new entry in such a partition could never be integrated, and would take the number of an integrated entry: its promise
would be broken from the start. The sequencer names these partitions, and every process of this machine reads the list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf
from pathlib import Path
from time import monotonic
from typing import Final, cast

from edge.durable import replace_file
from edge.strictjson import JsonError, dumps, loads
from ledger.bookings import BookingChange, BookingEnd, Hold
from ledger.interface import Ledger
from ledger.leaf import LeafError, split_id
from ledger.matters import MatterStep
from ledger.offline import OfflineUse
from ledger.values import PARTITIONS, CheckIn, CheckOut, LedgerUnavailable, Outcome, Void, partition_of

HELD: Final = "held"
EVERY: Final = frozenset(range(PARTITIONS))
LOOK_AGAIN_SECONDS: Final = 1.0


class Held:
    """The held partitions, in a small file. The file is read again at most once a second."""

    def __init__(
        self, path: Path, seconds: float = LOOK_AGAIN_SECONDS, elapsed: Callable[[], float] = monotonic
    ) -> None:
        """Open no file yet. `elapsed` returns passing time. If `seconds` is 0, the file is read every time."""
        self._path = path
        self._seconds, self._elapsed = seconds, elapsed
        self._look_at = -inf
        self._seen: tuple[int, int] | None = None
        self._partitions: frozenset[int] = frozenset()

    def get(self) -> frozenset[int]:
        """Return the held partitions, or all partitions if the file cannot be read."""
        if self._elapsed() >= self._look_at:
            self._look()
        return self._partitions

    def _look(self) -> None:
        self._look_at = self._elapsed() + self._seconds
        try:
            about = self._path.stat()
        except FileNotFoundError:
            self._seen, self._partitions = None, frozenset()
            return
        seen = about.st_mtime_ns, about.st_ino
        if seen != self._seen:
            self._partitions = _read(self._path)
            self._seen = seen

    def put(self, partitions: Collection[int]) -> None:
        """Hold these partitions and no others."""
        self._look()
        if frozenset(partitions) != self._partitions:
            replace_file(self._path, dumps(sorted(partitions)), mode=0o600)
        self._look()


def _read(path: Path) -> frozenset[int]:
    try:
        found = loads(path.read_bytes())
    except (OSError, JsonError):
        return EVERY
    return frozenset(one for one in found if isinstance(one, int)) if isinstance(found, list) else EVERY


class HeldLedger:
    """A ledger that records nothing in held partitions. Everything else passes through (`held_back`)."""

    def __init__(self, ledger: Ledger, held: Held) -> None:
        """Guard a ledger. Reads go straight to the ledger."""
        self._ledger, self._held = ledger, held
        self.replay = ledger.replay

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    def check_in(self, change: CheckIn) -> Outcome:
        """Record a check-in."""
        self._require(change.operation.subject)
        return self._ledger.check_in(change)

    def record_offline(self, change: OfflineUse) -> Outcome:
        """Record a use that a device granted or refused while it was offline."""
        self._require(change.operation.subject)
        return self._ledger.record_offline(change)

    def hold(self, change: Hold) -> Outcome:
        """Make a booking."""
        self._require(change.wish.operation.subject)
        return self._ledger.hold(change)

    def void(self, change: Void) -> Outcome:
        """Take a check-in back."""
        self._require_entry(change.target)
        return self._ledger.void(change)

    def check_out(self, change: CheckOut) -> Outcome:
        """Close a visit."""
        self._require_entry(change.target)
        return self._ledger.check_out(change)

    def follow(self, change: MatterStep) -> Outcome:
        """Record a step of a matter."""
        self._require_entry(change.target)
        return self._ledger.follow(change)

    def change_booking(self, change: BookingChange) -> Outcome:
        """Change a booking."""
        self._require_entry(change.booking)
        return self._ledger.change_booking(change)

    def end_booking(self, change: BookingEnd) -> Outcome:
        """Cancel a booking, or record that it was missed."""
        self._require_entry(change.booking)
        return self._ledger.end_booking(change)

    def _require(self, subject: str) -> None:
        held = self._held.get()
        if held:
            _require_free(partition_of(subject), held)

    def _require_entry(self, entry_id: str) -> None:
        held = self._held.get()
        if held:
            _require_free(_partition(entry_id), held)


def _require_free(partition: int | None, held: frozenset[int]) -> None:
    if partition in held:
        raise LedgerUnavailable(
            f"partition {partition:02x} of the ledger is not what its log says: nothing is recorded there until "
            "`python -m verifier audit repair` has put it right"
        )


def held_back(ledger: Ledger, held: Held) -> Ledger:
    """Return a guard of the ledger that records nothing in held partitions."""
    return cast("Ledger", HeldLedger(ledger, held))


def _partition(entry_id: str) -> int | None:
    """Return the partition in an entry's id, or None if the text is no id; the ledger then refuses it."""
    try:
        return split_id(entry_id)[0]
    except LeafError:
        return None
