"""Check-ins while the server is away: records signed by the device's key, each chained to the one before
(docs/offline.md), kept on disk before anybody is told the outcome, and uploaded later.

Nothing here judges a card: a program that admits people offline verifies cards as docs/card-format.md says.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

import jwt

from yunju_client.calls import Calls
from yunju_client.credentials import b64u, new_id
from yunju_client.errors import MisuseError
from yunju_client.folder import DeviceFolder, read_private, write_private
from yunju_client.shapes import RecordAnswer

FIRST_PREV: Final = b64u(bytes(32))
"""The hash that the first record names, because there is no earlier record."""
AT_ONCE: Final = 100
"""Records in one call: the server allows 200, and two megabytes."""
RECORD_MOST: Final = 6000
"""The greatest number of characters of one record."""
_FILE, _SENT, _TIME = "records.txt", "records-sent", "server-time"

Beneficiary = Literal["holder", "spouse", "dependent-child", "child", "employer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineUse:
    """One use that was judged here.

    `shown`: the card token, then the phone's proof or the chip's answer, as plain tokens. `reason`: why it was refused,
    a code of docs/reasons.md; None: granted. `operation`: the id of an earlier try online, otherwise a new id.
    `operator`: who was signed in at the device.
    """

    service: str
    shown: Sequence[str]
    reason: str | None = None
    operation: str | None = None
    beneficiary: Beneficiary = "holder"
    operator: str | None = None
    reference: str | None = None
    booking: str | None = None
    companions: int = 0
    id_checked: bool = False
    not_holder: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A record on disk: its number, the device's time (epoch seconds), its operation id, and its text."""

    seq: int
    at: int
    operation: str
    text: str

    @property
    def digest(self) -> str:
        """The hash that the next record names: the SHA-256 of header and claims, without the signature."""
        return b64u(hashlib.sha256(self.text.rpartition(".")[0].encode()).digest())


class OfflineRecords:
    """The records of one device in its folder. Threads may share it, but only one process may write."""

    def __init__(self, device: DeviceFolder) -> None:
        """Read what an earlier run left. Raises MisuseError if it is not what this device wrote."""
        self._device = device
        self._path, self._pointer = device.path / _FILE, device.path / _SENT
        self._lock = Lock()
        self._records = list(_read(self._path, device))
        self._sent = int(read_private(self._pointer)) if self._pointer.exists() else 0
        if self._sent > len(self._records):
            raise MisuseError("more records were sent than there are", "Keep the folder, report it, enrol anew.")

    def append(self, use: OfflineUse, at: float) -> Kept:
        """Sign and keep a use of the instant `at` (epoch seconds). Return once the record is on disk.

        Raises OSError or MisuseError if it is not on disk. Then nobody may be told an outcome.
        """
        with self._lock:
            last = self._records[-1] if self._records else None
            claims = self._claims(use, int(at), last)
            head = {"typ": "offline-check-in+jwt"}
            text = jwt.encode(claims, self._device.key, algorithm="ES256", headers=head)
            if len(text) > RECORD_MOST:
                raise MisuseError("the record is too long", "See that `shown` holds plain tokens alone.")
            self._write(text)
            kept = Kept(int(claims["seq"]), int(at), str(claims["operation"]), text)
            self._records.append(kept)
            return kept

    def waiting(self) -> list[Kept]:
        """Return the records that the server has not accepted yet, oldest first."""
        with self._lock:
            return [one for one in self._records if one.seq > self._sent]

    def hold_time(self, client: Calls) -> None:
        """Fetch the server's signed time. Each record carries the newest, so that the device's clock is believed."""
        self._keep_time(client.server_time().time)

    def upload(self, client: Calls) -> list[RecordAnswer]:
        """Send the waiting records. Return the result of each. An answered record counts as accepted.

        After an error on the way, the rest still waits. Records that arrived but were not answered may be sent again.
        """
        found: list[RecordAnswer] = []
        while batch := self.waiting()[:AT_ONCE]:
            told = client.upload_records(records=[one.text for one in batch])
            if len(told.answers) != len(batch):
                raise MisuseError("the server answered another number of records", "Upload again; nothing is lost.")
            with self._lock:
                self._sent = batch[-1].seq
                write_private(self._pointer, str(self._sent).encode())
            self._keep_time(told.time)
            found += told.answers
        return found

    def _keep_time(self, text: str) -> None:
        write_private(self._device.path / _TIME, text.encode())

    def _claims(self, use: OfflineUse, at: int, last: Kept | None) -> dict[str, Any]:
        if not 1 <= len(use.shown) <= 2 or isinstance(use.shown, str):
            raise MisuseError("`shown` is a card token, or a card token and its proof", "Hand in plain tokens.")
        claims: dict[str, Any] = {"seq": 1 if last is None else last.seq + 1}
        claims |= {"prev": FIRST_PREV} if last is None else {"prev": last.digest, "prev_at": last.at}
        claims |= {"device": self._device.device, "iat": at, "operation": use.operation or new_id()}
        claims |= {"service": use.service, "point": self._device.point, "beneficiary": use.beneficiary}
        claims |= {"shown": list(use.shown), "outcome": "granted" if use.reason is None else "denied"}
        time = self._device.path / _TIME
        rest = {"server_time": read_private(time).decode() if time.exists() else None, "reason": use.reason}
        rest |= {"operator": use.operator, "reference": use.reference, "booking": use.booking}
        more = {"companions": use.companions, "id_checked": use.id_checked, "not_holder": use.not_holder}
        return claims | {name: value for name, value in {**rest, **more}.items() if value}

    def _write(self, text: str) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            with _untouched_on_failure(handle):
                os.write(handle, text.encode("ascii") + b"\n")
                os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _untouched_on_failure(handle: int) -> Iterator[None]:
    """Cut off a half-written line if the disk is full, so that the next record does not follow it directly."""
    size = os.fstat(handle).st_size
    try:
        yield
    except OSError:
        os.ftruncate(handle, size)
        raise


def _read(path: Path, device: DeviceFolder) -> Iterator[Kept]:
    if not path.exists():
        return
    content = read_private(path)
    whole, _, torn = content.rpartition(b"\n")
    if torn:  # a crash in the middle of a record: nobody was told of it
        os.truncate(path, len(content) - len(torn))
    previous = FIRST_PREV
    for number, line in enumerate(whole.decode("ascii", "replace").split("\n") if whole else [], 1):
        kept = _kept(line, device)
        claims = json.loads(jwt.utils.base64url_decode(line.split(".")[1])) if kept else {}
        if kept is None or (kept.seq, claims["prev"], claims["device"]) != (number, previous, device.device):
            raise MisuseError(
                f"record {number} was not written by this device", "Keep the folder, report it, enrol anew."
            )
        previous = kept.digest
        yield kept


def _kept(text: str, device: DeviceFolder) -> Kept | None:
    try:
        claims = jwt.decode(
            text, device.key.public_key(), algorithms=["ES256"],
            options={"verify_iat": False, "require": ["seq", "prev", "device", "iat", "operation"]},
        )  # fmt: skip
        return Kept(int(claims["seq"]), int(claims["iat"]), str(claims["operation"]), text)
    except (jwt.InvalidTokenError, ValueError):
        return None
