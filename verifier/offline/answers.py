"""What goes over the wire about offline records: requests and answers (docs/design.md §9), as values. No rule, no
store.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from verifier.counter.answers import QuotaLeft, Words

BATCH_MOST = 200
"""Records a call. A longer queue goes in several calls, in any order; every answer says what is still missing."""

RECORD_MOST = 8192
"""Characters of one record; a longer one is refused with its whole call."""


class UploadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed records of a device, in any order; sent again, they are answered again and counted once."""

    records: Annotated[
        tuple[Annotated[str, Meta(max_length=RECORD_MOST)], ...], Meta(min_length=1, max_length=BATCH_MOST)
    ]


class RecordAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one record. `applied`: entered in the log, and counted where it was a grant; `held`: entered, and
    counted by nobody until a supervisor releases it; `dismissed`: put aside; `refused`: not taken.

    Of an entered record: `id` its entry, `outcome` and `reason` as logged, `marks` what is special, `linked` the
    entry that it contradicts, `joined` the visit it lies in at no cost, `used_at` the instant it belongs to. `why` it
    is held or was refused, in a stable word. `replayed`: it was answered before.
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
    """How far the calling device's queue has come: the highest number seen, and what is missing below it."""

    highest: int
    missing: tuple[Missing, ...]
    held: int


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer per record, in the order in which they were sent, and how far the queue has come."""

    answers: tuple[RecordAnswer, ...]
    server_time: str
    time: str
    progress: Progress | None = None


class TimeAnswer(msgspec.Struct, frozen=True):
    """The server's time, and the same signed: what a device holds while it is offline."""

    server_time: str
    time: str


class HeldRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that waits for a supervisor: the reason, and the device's account."""

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
    """The records that wait at the caller's points, the oldest first."""

    records: tuple[HeldRecord, ...]


DecisionReason = Literal["holder-confirmed", "staff-confirmed", "paper-record", "not-used", "not-allowed", "other"]
"""Why a supervisor releases a record (holder or staff say so, a list on paper), or refuses it (no use, no right)."""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A supervisor's word on a record that waits, with its reason: the record counts, or is put aside.

    `note` is kept sealed and erased like any free text; the entry holds a salted commitment to it.
    """

    release: bool
    reason: DecisionReason
    note: Annotated[str, Meta(min_length=1, max_length=300)] | None = None


class ConflictUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One use that a conflict is about."""

    id: str
    device: str
    point: str
    service: str
    at: str
    received_at: str
    offline: bool
    voided: bool = False


class ConflictView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an offline record contradicts: of which holder (the log's name), at which devices, when.

    `kind`: overdrawn, replayed, contradicted (the server refused, or would have), granted-online, clock-doubt, forged,
    held (it does not stand by itself, `reason` says why, and no supervisor decided yet).
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
