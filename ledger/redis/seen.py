"""Remembers the acknowledged entries outside the server, so that a loss on the server is noticed and named.

A file with one slot for each partition (seq, leaf hash), which the processes of this machine share, and beside it a
file of the losses. Neither file tells anything about a person.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec

from ledger import leaf
from ledger.values import PARTITIONS, Fault, LedgerError

_LOG = logging.getLogger(__name__)
_SLOT = struct.Struct(">Q32s")
_EMPTY = _SLOT.pack(0, bytes(32))


@dataclass(frozen=True, slots=True)
class AcknowledgedEntry:
    """An entry that was acknowledged. A `seq` of 0 means no entry."""

    seq: int = 0
    hash: bytes = bytes(32)


class Loss(msgspec.Struct, frozen=True):
    """The acknowledged entries from `first` to `last`, which a server lost or replaced by others."""

    partition: int
    first: int
    last: int
    replaced: bool
    noticed_at: str

    def fault(self) -> Fault:
        """Return the loss as a check reports it."""
        first, last = leaf.entry_id(self.partition, self.first), leaf.entry_id(self.partition, self.last)
        found = "the log holds another entry in its place" if self.replaced else "the log does not hold it"
        many = f"{first} to {last}" if first != last else first
        return Fault(last, f"{many} was acknowledged, and {found} (noticed {self.noticed_at})")


class Seen:
    """The marks, in memory and also in the file at the path, if there is a path. `sync_seconds`: how often the file is
    synced; None: never.
    """

    def __init__(
        self, path: Path | None, sync_seconds: float | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        """Open no file yet."""
        self._path = path
        self._sync_seconds = sync_seconds
        self._clock = clock
        self._synced_at = clock()
        self._lock = threading.Lock()
        self._marks = [AcknowledgedEntry()] * PARTITIONS
        self._file: int | None = None
        self._found: list[Loss] = []

    def get(self, partition: int) -> AcknowledgedEntry:
        """Return the last entry of a partition that this process knows as acknowledged."""
        return self._marks[partition]

    def note(self, partition: int, seq: int, digest: bytes) -> None:
        """Remember that an entry was acknowledged. A failure to write the file does not refuse a visitor."""
        with self._lock:
            if seq <= self._marks[partition].seq:
                return
            self._marks[partition] = AcknowledgedEntry(seq, digest)
            if self._path is None:
                return
            try:
                self._keep(partition, AcknowledgedEntry(seq, digest))
            except OSError:
                self._drop()

    def all(self) -> list[AcknowledgedEntry]:
        """Return every mark: the later of the file's mark and this process's own mark. Raises LedgerError if the file
        cannot be read.
        """
        with self._lock:
            try:
                kept = self._read() if self._path is not None else [AcknowledgedEntry()] * PARTITIONS
            except OSError as error:
                raise LedgerError(f"what the ledger acknowledged cannot be read: {error}") from error
            self._marks = [max(pair, key=lambda mark: mark.seq) for pair in zip(kept, self._marks, strict=True)]
            return list(self._marks)

    def report(self, loss: Loss, head: AcknowledgedEntry) -> None:
        """Record a loss for good, and remember the partition from the server's present head on."""
        with self._lock:
            self._marks[loss.partition] = head
            self._found.append(loss)
            if self._path is None:
                return
            try:
                self._write_down(loss, head)
            except OSError as error:
                _LOG.error("a loss of acknowledged entries could not be written down: %s", error)
                self._drop()

    def losses(self) -> list[Loss]:
        """Return every loss that any process of this machine has noticed so far."""
        if self._path is None:
            return list(self._found)
        try:
            lines = self._losses().read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Loss) for line in lines]

    def settle(self, partition: int, through: int) -> None:
        """Remove the losses of a partition that were put back, up to this `seq`. Entries that are still lost stay
        recorded.
        """
        with self._lock:
            kept = [told for loss in self.losses() for told in _left_of(loss, partition, through)]
            self._found = kept
            if self._path is not None and self._losses().exists():
                draft = self._losses().with_suffix(".draft")
                draft.write_bytes(b"".join(msgspec.json.encode(loss) + b"\n" for loss in kept))
                draft.replace(self._losses())

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._drop()

    def _write_down(self, loss: Loss, head: AcknowledgedEntry) -> None:
        with self._losses().open("ab") as file:
            file.write(msgspec.json.encode(loss) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with self._slot(loss.partition) as place:
            os.pwrite(self._descriptor(), _SLOT.pack(head.seq, head.hash), place)

    def _keep(self, partition: int, mark: AcknowledgedEntry) -> None:
        with self._slot(partition) as place:
            kept = AcknowledgedEntry(*_SLOT.unpack(os.pread(self._descriptor(), _SLOT.size, place) or _EMPTY))
            if mark.seq > kept.seq:
                os.pwrite(self._descriptor(), _SLOT.pack(mark.seq, mark.hash), place)
        if self._sync_seconds is not None and self._clock() - self._synced_at >= self._sync_seconds:
            os.fdatasync(self._descriptor())
            self._synced_at = self._clock()

    @contextmanager
    def _slot(self, partition: int) -> Iterator[int]:
        """Yield the place of a partition's slot, locked against other processes while it is read and written."""
        place = partition * _SLOT.size
        descriptor = self._descriptor()
        fcntl.lockf(descriptor, fcntl.LOCK_EX, _SLOT.size, place)
        try:
            yield place
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, _SLOT.size, place)

    def _read(self) -> list[AcknowledgedEntry]:
        data = os.pread(self._descriptor(), PARTITIONS * _SLOT.size, 0)
        return [AcknowledgedEntry(*slot) for slot in _SLOT.iter_unpack(data)]

    def _descriptor(self) -> int:
        if self._file is None:
            if self._path is None:
                raise FileNotFoundError("no file was named")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(self._file).st_size < PARTITIONS * _SLOT.size:
                os.ftruncate(self._file, PARTITIONS * _SLOT.size)
        return self._file

    def _losses(self) -> Path:
        if self._path is None:
            raise FileNotFoundError("no file was named")
        return self._path.with_name(self._path.name + "-losses")

    def _drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _left_of(loss: Loss, partition: int, through: int) -> list[Loss]:
    """Return the rest of a loss after a partition's entries up to `through` are back."""
    if loss.partition != partition or loss.first > through:
        return [loss]
    return [] if loss.last <= through else [msgspec.structs.replace(loss, first=through + 1)]
