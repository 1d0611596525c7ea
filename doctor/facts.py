"""The known facts of a machine at one instant: plain values that `reading` collects and `rules` judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from edge.backupnote import BackupNote
from edge.workreport import WorkReport


@dataclass(frozen=True, slots=True)
class UnreadFact:
    """A part that could not be read. `code` names its finding; `why` is for operators of the system."""

    why: str
    code: str = "unreadable"


@dataclass(frozen=True, slots=True)
class FolderFact:
    """The folder of YUNJU_VAR. `open_to_others`: what other users of the machine may read."""

    path: Path
    exists: bool
    open_to_others: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgrammeFact:
    """The programme in force, and the year whose holidays are due but missing."""

    code: str
    version: str
    missing_year: int | None


@dataclass(frozen=True, slots=True)
class DocumentFact:
    """One signed document: when a newer one is due, and when it ends."""

    name: str
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DocumentsFact:
    """The signed documents that the verifier uses. `missing`: status lists that are missing."""

    version: int
    documents: tuple[DocumentFact, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFact:
    """Until when the keys of a purpose in this machine's folder sign, or None if there are keys but none signs."""

    purpose: str
    signs_until: datetime | None


StoreState = Literal["well", "absent", "closed", "damaged", "newer", "older", "away"]


@dataclass(frozen=True, slots=True)
class StoreFact:
    """One store. `detail` says what is damaged, which tables are of another release, or why it cannot be read."""

    name: str
    place: str
    state: StoreState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WorkFact:
    """The background work's last report. `sequences`: this machine's work signs the log."""

    report: WorkReport | None
    sequences: bool


@dataclass(frozen=True, slots=True)
class LogFact:
    """The published log: its entries, the time of its checkpoint, and whether the tiles match; None before the first
    checkpoint.
    """

    size: int | None
    signed_at: datetime | None
    agrees: bool


@dataclass(frozen=True, slots=True)
class WitnessFact:
    """How many witnesses the settings name, and which are late."""

    count: int
    late: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupFact:
    """The last backup that was made and read again, or None if there is none."""

    note: BackupNote | None


@dataclass(frozen=True, slots=True)
class DiskFact:
    """The room on the disk under a folder, in bytes."""

    folder: Path
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class HooksFact:
    """Webhooks: given-up events, webhooks whose receiver is gone, and webhooks whose events wait for long."""

    dead: int
    gone: int
    late: int


@dataclass(frozen=True, slots=True)
class NoticesFact:
    """The queue of notices to applicants: how many have waited for more than an hour, and how many were given up this
    week.
    """

    waiting: int
    late: int
    given_up: int


@dataclass(frozen=True, slots=True)
class HeldFact:
    """Offline records that wait for a supervisor, and since when the oldest waits."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceFact:
    """A device in use: when it was last heard of, the records that wait there, and its clock against the server's."""

    label: str
    point: str
    seen_at: datetime
    queued: int = 0
    clock_seconds: int = 0


@dataclass(frozen=True, slots=True)
class TokenFact:
    """A valid token of an integrator, and its end."""

    label: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccountsFact:
    """Devices in use and integrators' tokens."""

    devices: tuple[DeviceFact, ...]
    tokens: tuple[TokenFact, ...]


Part = (
    FolderFact | ProgrammeFact | DocumentsFact | tuple[KeyFact, ...] | tuple[StoreFact, ...] | WorkFact | LogFact
    | WitnessFact | BackupFact | tuple[DiskFact, ...] | NoticesFact | HooksFact | HeldFact | AccountsFact
)  # fmt: skip

Facts = Mapping[str, Part | UnreadFact]
"""Each checked part, by its name. A part that this machine does not have is left out."""
