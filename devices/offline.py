"""Check-ins made while the server was away: signed records, each chained to the one before, kept on disk
(docs/design.md §6).

A record is durable before the visitor is told anything. An attacker who can write the file can drop the newest records;
the server sees a gap once another record arrives. No record can be altered, inserted or reordered without being
noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cards.claims import CARD
from cards.offline_record import FIRST_PREV, OfflineRecord, SignedRecord, sign_record, verify_record
from cards.parts import Presentation
from cards.periods import Period
from cards.programme.types import Beneficiary
from devices.faults import DeviceFault
from keys.errors import TokenError
from keys.files import open_folder, read_private, replace_private
from keys.signer import Signer
from keys.tokens import parse_unverified

_FILE: Final = "offline-records.txt"
_SENT: Final = "offline-sent"


class QueueBroken(DeviceFault):
    """This device did not write the records on disk."""

    hint = "keep the file as it is, report the incident, and enrol the device anew in a fresh folder"


@dataclass(frozen=True, slots=True)
class LocalUse:
    """One check-in that was judged here: the content of a record besides its place in the chain."""

    operation: str
    service: str
    presentation: Presentation
    reason: str | None
    id_checked: bool = False
    operator: str | None = None


class OfflineQueue:
    """The records of one device, for one process at a time and any thread. `append` returns once the record is
    durable.
    """

    def __init__(self, folder: Path, signer: Signer, device: str, point: str) -> None:
        """Open the folder's records and check the whole chain. Raises QueueBroken if it is broken."""
        open_folder(folder)
        self._path = folder / _FILE
        self._pointer = folder / _SENT
        self._signer = signer
        self._device = device
        self._point = point
        self._lock = Lock()
        self._records = list(_read(self._path, signer.public_key, device))
        self._sent = self._read_pointer()

    def append(self, use: LocalUse, at: datetime, server_time: str | None = None) -> SignedRecord:
        """Sign and keep a check-in of the instant `at`, with the last signed time. Return once it is durable."""
        with self._lock:
            last = self._records[-1] if self._records else None
            record = OfflineRecord(
                seq=1 if last is None else last.record.seq + 1,
                prev=FIRST_PREV if last is None else last.digest,
                prev_at=None if last is None else last.record.made_at,
                device=self._device,
                made_at=at,
                server_time=server_time,
                operation=use.operation,
                service=use.service,
                point=self._point,
                beneficiary=Beneficiary.HOLDER,
                presentation=use.presentation,
                granted=use.reason is None,
                reason=use.reason,
                id_checked=use.id_checked,
                operator=use.operator,
            )
            kept = verify_record(sign_record(self._signer, record), self._signer.public_key)
            self._write(kept.text)
            self._records.append(kept)
            return kept

    def waiting(self) -> list[SignedRecord]:
        """Return the records that the server has not accepted yet, oldest first."""
        with self._lock:
            return [kept for kept in self._records if kept.record.seq > self._sent]

    def taken(self, sequence: int) -> None:
        """Record that the server has accepted every record up to `sequence`."""
        with self._lock:
            self._sent = max(self._sent, sequence)
            replace_private(self._pointer, str(self._sent).encode())

    def has(self, operation: str) -> bool:
        """Return whether an operation was kept."""
        with self._lock:
            return any(kept.record.operation == operation for kept in self._records)

    def has_granted(self, presentation: Presentation) -> bool:
        """Return whether this very showing of a card was granted before. A refusal does not use it up."""
        with self._lock:
            return any(kept.record.granted and kept.record.presentation == presentation for kept in self._records)

    def granted(self, service: str, subject: str, period: Period) -> int:
        """Return how many offline uses of a service this device granted to a holder within a period."""
        with self._lock:
            return sum(
                record.granted
                and record.service == service
                and record.made_at in period
                and claimed_subject(record.presentation) == subject
                for record in (kept.record for kept in self._records)
            )

    def _write(self, text: str) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with _untouched_on_failure(handle):
                os.write(handle, text.encode("ascii") + b"\n")
                os.fsync(handle)
        finally:
            os.close(handle)

    def _read_pointer(self) -> int:
        if not self._pointer.exists():
            return 0
        text = read_private(self._pointer).decode("ascii", "replace")
        if not text.isdecimal() or int(text) > len(self._records):
            raise QueueBroken("more records were sent than there are")
        return int(text)


@contextmanager
def _untouched_on_failure(handle: int) -> Iterator[None]:
    """Cut off a half-written line if the disk is full, so that the next record does not follow it directly."""
    size = os.fstat(handle).st_size
    try:
        yield
    except OSError as error:
        os.ftruncate(handle, size)
        raise DeviceFault(f"the record cannot be kept: {error.strerror}", "see to the disk; admit nobody") from None


def claimed_subject(presentation: Presentation) -> str:
    """Return the holder that a recorded card names. The card was verified before it was recorded."""
    return str(parse_unverified(presentation.card or "", CARD).claims["sub"])


def _read(path: Path, key: ec.EllipticCurvePublicKey, device: str) -> Iterator[SignedRecord]:
    if not path.exists():
        return
    content = path.read_bytes()
    whole, _, torn = content.rpartition(b"\n")
    if torn:
        # A crash in the middle of a record: nobody was told about it, so it is removed.
        os.truncate(path, len(content) - len(torn))
    previous, before = FIRST_PREV, None
    for number, line in enumerate(whole.decode("ascii", "replace").split("\n") if whole else [], 1):
        try:
            kept = verify_record(line, key)
        except TokenError as error:
            raise QueueBroken(f"record {number} was not written by this device ({error.reason})") from None
        record = kept.record
        if (record.seq, record.prev, record.prev_at, record.device) != (number, previous, before, device):
            raise QueueBroken(f"record {number} does not follow the one before it")
        previous, before = kept.digest, record.made_at
        yield kept
