"""Check-ins taken while the server was away: signed records, each chained to the one before, kept on disk (DESIGN §6).

A record is durable before the visitor is told anything. Whoever can write the file can drop the newest records, which
the server sees as a gap once another record arrives; none can be altered, inserted or reordered unseen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cards.claims import CARD
from cards.periods import Period
from devices.faults import DeviceFault
from edge.encoding import b64u, digest
from edge.instants import from_epoch, to_epoch
from keys.errors import TokenError
from keys.files import open_folder, read_private, replace_private
from keys.signer import Signer
from keys.tokens import TokenForm, parse_unverified, sign_token, verify_with_key

RECORD: Final = TokenForm(
    typ="offline-check-in+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"rdr": str, "seq": int, "prev": str, "iat": int, "op": str, "service": str, "presentation": str},
    optional={"id_checked": bool, "operator": str, "beneficiary": str, "outcome": str, "reason": str},
    max_length=12_000,
    max_lifetime=None,
)
"""One check-in: `rdr` the device, `seq` dense from 1, `prev` base64url SHA-256 of the record before (of nothing at
first), `iat` the device's time, `op` the operation id, `presentation` the text or the chip's transcript, `outcome`
what the visitor was told."""

FIRST: Final = b64u(digest(b""))
_FILE, _SENT = "offline-records.txt", "offline-sent"


class QueueBroken(DeviceFault):
    """The records on disk are not what this device wrote."""

    hint = "keep the file as it is, report the incident, and enrol the device anew in a fresh folder"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it lies on disk: its text, and the claims that it says."""

    text: str
    claims: Mapping[str, object]

    @property
    def sequence(self) -> int:
        """The record's number."""
        return int(str(self.claims["seq"]))


class OfflineQueue:
    """The records of one device. One process at a time, any thread; `append` returns once the record is durable."""

    def __init__(self, folder: Path, signer: Signer, device: str) -> None:
        """Open the folder's records and check the whole chain; QueueBroken if it does not hold."""
        open_folder(folder)
        self._path = folder / _FILE
        self._pointer = folder / _SENT
        self._signer = signer
        self._device = device
        self._lock = Lock()
        self._records = list(_read(self._path, signer.public_key, device))
        self._sent = self._read_pointer()

    def append(self, entry: Mapping[str, object], at: datetime) -> Kept:
        """Sign and keep a check-in; `entry` has op, service, presentation and what else RECORD allows."""
        with self._lock:
            last = self._records[-1] if self._records else None
            claims: dict[str, object] = {
                "rdr": self._device,
                "seq": 1 if last is None else last.sequence + 1,
                "prev": FIRST if last is None else b64u(digest(last.text.encode("ascii"))),
                "iat": to_epoch(at),
                **entry,
            }
            kept = Kept(sign_token(self._signer, RECORD, claims), claims)
            self._write(kept.text)
            self._records.append(kept)
            return kept

    def waiting(self) -> list[Kept]:
        """Return the records that the server has not taken yet, oldest first."""
        with self._lock:
            return [kept for kept in self._records if kept.sequence > self._sent]

    def taken(self, sequence: int) -> None:
        """Note that the server has taken every record up to `sequence`."""
        with self._lock:
            self._sent = max(self._sent, sequence)
            replace_private(self._pointer, str(self._sent).encode())

    def has(self, operation: str) -> bool:
        """Tell whether an operation was kept."""
        with self._lock:
            return any(kept.claims["op"] == operation for kept in self._records)

    def has_presentation(self, text: str) -> bool:
        """Tell whether this very showing of a card was recorded before."""
        with self._lock:
            return any(kept.claims["presentation"] == text for kept in self._records)

    def granted(self, service: str, subject: str, period: Period) -> int:
        """Return how many uses of a service this device granted a holder, offline, within a period."""
        with self._lock:
            return sum(
                kept.claims["service"] == service
                and kept.claims.get("outcome") == "granted"
                and from_epoch(int(str(kept.claims["iat"]))) in period
                and subject_of(str(kept.claims["presentation"])) == subject
                for kept in self._records
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
    """Cut a half-written line off again when the disk is full, so that the next record does not hang on it."""
    size = os.fstat(handle).st_size
    try:
        yield
    except OSError as error:
        os.ftruncate(handle, size)
        raise DeviceFault(f"the record cannot be kept: {error.strerror}", "see to the disk; admit nobody") from None


def subject_of(presentation: str) -> str:
    """Return the holder that a recorded presentation's card names; it was verified before it was recorded."""
    return str(parse_unverified(presentation.partition("~")[0], CARD).claims["sub"])


def _read(path: Path, key: ec.EllipticCurvePublicKey, device: str) -> Iterator[Kept]:
    if not path.exists():
        return
    content = path.read_bytes()
    whole, _, torn = content.rpartition(b"\n")
    if torn:
        # A crash in the middle of a record: nobody was told of it, and it goes.
        os.truncate(path, len(content) - len(torn))
    previous = FIRST
    for number, line in enumerate(whole.decode("ascii", "replace").split("\n") if whole else [], 1):
        try:
            claims = verify_with_key(line, RECORD, key).claims
        except TokenError as error:
            raise QueueBroken(f"record {number} was not written by this device ({error.reason})") from None
        if (claims["seq"], claims["prev"], claims["rdr"]) != (number, previous, device):
            raise QueueBroken(f"record {number} does not follow the one before it")
        previous = b64u(digest(line.encode("ascii")))
        yield Kept(line, claims)
