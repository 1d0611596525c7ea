"""What is known of a machine at one instant: plain values that `reading` collects and `rules` judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from edge.backupnote import BackupNote
from edge.workreport import WorkReport


@dataclass(frozen=True, slots=True)
class Unread:
    """A part that could not be read: `code` names the finding for it, `why` is for whoever runs the system."""

    why: str
    code: str = "unreadable"


@dataclass(frozen=True, slots=True)
class FolderFact:
    """The folder of YUNJU_VAR; `open_to_others`: what other users of the machine may read."""

    path: Path
    exists: bool
    open_to_others: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgrammeFact:
    """The programme in force, and the year whose holidays are due and missing."""

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
    """The signed documents that the verifier goes by; `missing`: status lists that are not there."""

    version: int
    documents: tuple[DocumentFact, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFact:
    """Until when the keys of a purpose sign, of this machine's folder; None if keys are there and none signs."""

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
    """What the background work told last; `sequences`: this machine's work signs the log."""

    report: WorkReport | None
    sequences: bool


@dataclass(frozen=True, slots=True)
class LogFact:
    """The published log: entries, when its checkpoint was signed, whether the tiles match; None before the first."""

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
    """The last backup that was made and read back; None if none is told."""

    note: BackupNote | None


@dataclass(frozen=True, slots=True)
class DiskFact:
    """The room on the disk under a folder, in bytes."""

    folder: Path
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class HooksFact:
    """Webhooks: events that were given up, webhooks whose receiver is gone, those for which events wait for long."""

    dead: int
    gone: int
    late: int


@dataclass(frozen=True, slots=True)
class NoticesFact:
    """The queue of notices to applicants: how many wait for more than an hour, how many were given up this week."""

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
    """A device in use: when it was last heard of, records that wait there, its clock against the server's."""

    label: str
    point: str
    seen_at: datetime
    queued: int = 0
    clock_seconds: int = 0


@dataclass(frozen=True, slots=True)
class TokenFact:
    """An integrator's token that is good, and when it ends."""

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

Facts = Mapping[str, Part | Unread]
"""Each part that was looked at, by its name; a part that this machine does not have is left out."""
