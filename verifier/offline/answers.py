"""The requests and answers about offline records (docs/design.md §9), as values. No rule, no store."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from verifier.counter.answers import QuotaLeft, Words

BATCH_MOST = 200
"""The most records in one call. A longer queue is sent in several calls, in any order. Every answer says what is still
missing.
"""

RECORD_MOST = 8192
"""The most characters of one record. A longer record makes the whole call fail."""


class UploadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed records of a device, in any order. Records that are sent again are answered again and counted once."""

    records: Annotated[
        tuple[Annotated[str, Meta(max_length=RECORD_MOST)], ...], Meta(min_length=1, max_length=BATCH_MOST)
    ]


class RecordAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one record. `applied`: it is in the log, and a grant is counted. `held`: it is in the log, and a
    grant is not counted until a supervisor releases it. `dismissed`: it was set aside. `refused`: it was not accepted.

    For a record in the log: `id` is its entry, `outcome` and `reason` are as logged, `marks` say what is special,
    `linked` is the entry that it contradicts, `joined` is the visit in which it lies without cost, and `used_at` is the
    instant to which it belongs. `why`, a stable code, says why it is held or was refused. `replayed`: it was answered
    before.
    """

    status: Literal["applied", "held", "dismissed", "refused"]
    seq: int | None = None
    operation: str | None = None
    id: str | None = None
    outcome: Literal["granted", "denied"] | None = None
    reason: str | None = None
    marks: tuple[str, ...] = ()
    linked: str | None = None
    joined: str | None = None
    used_at: str | None = None
    quotas: tuple[QuotaLeft, ...] = ()
    promise: str | None = None
    why: str | None = None
    message: Words | None = None
    replayed: bool = False


class Missing(msgspec.Struct, frozen=True):
    """Numbers that the server has not seen, both bounds included."""

    first: int
    last: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of the calling device's queue: the highest number seen, and the missing numbers below it."""

    highest: int
    missing: tuple[Missing, ...]
    held: int


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer for each record, in the order of the request, and the progress of the queue."""

    answers: tuple[RecordAnswer, ...]
    server_time: str
    time: str
    progress: Progress | None = None


class TimeAnswer(msgspec.Struct, frozen=True):
    """The server's time, and the same time signed, which a device keeps while it is offline."""

    server_time: str
    time: str


class HeldRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that waits for a supervisor: the reason, and what the device recorded."""

    id: str
    why: str
    device: str
    seq: int
    point: str
    service: str
    made_at: str
    received_at: str
    operator: str | None = None
    outcome: Literal["granted", "denied"] | None = None
    tier: str | None = None
    name: str | None = None
    entry: str | None = None
    message: Words | None = None


class HeldAnswer(msgspec.Struct, frozen=True):
    """The records that wait at the caller's points, oldest first."""

    records: tuple[HeldRecord, ...]


DecisionReason = Literal["holder-confirmed", "staff-confirmed", "paper-record", "not-used", "not-allowed", "other"]
"""Why a supervisor releases a record (the holder or staff confirm it, or a paper list does), or refuses it (no use, no
right).
"""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A supervisor's decision on a waiting record, with its reason: the record counts, or is set aside.

    `note` is sealed, and erased like any free text. The entry holds a salted commitment to it.
    """

    release: bool
    reason: DecisionReason
    note: Annotated[str, Meta(min_length=1, max_length=300)] | None = None


class ConflictUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One use in a conflict."""

    id: str
    device: str
    point: str
    service: str
    at: str
    received_at: str
    offline: bool
    voided: bool = False


class ConflictView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contradiction of an offline record: the holder (by the name in the log), the devices, and the time.

    `kind`: overdrawn; replayed; contradicted (the server refused the use, or would have); granted-online; clock-doubt;
    forged; held (the use does not stand by itself, `reason` says why, and no supervisor has decided yet).
    """

    kind: str
    holder: str | None = None
    limit: str | None = None
    period: str | None = None
    used: int | None = None
    maximum: int | None = None
    reason: str | None = None
    devices: tuple[str, ...] = ()
    uses: tuple[ConflictUse, ...] = ()


class IncidentView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fault in a device's numbering: gap, fork, broken-chain, forged."""

    kind: str
    device: str
    first: int
    last: int
    count: int
    first_at: str
    last_at: str
    closed_at: str | None = None


class ConflictsAnswer(msgspec.Struct, frozen=True):
    """The report of a period."""

    conflicts: tuple[ConflictView, ...]
    incidents: tuple[IncidentView, ...]
    server_time: str
