"""The values that a ledger takes and gives, and its errors. It holds no rule and opens nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from ledger.filtering import EntryFilter
from ledger.leaf import Leaf

MAX_PAGE = 500
"""The greatest number of entries in one page of a search."""

PARTITIONS = 256
"""The number of partitions. It is part of the format and the same in every store."""


def partition_of(subject: str) -> int:
    """Return the partition of a subject: a holder's `sub`, or `device:<id>` if no holder is verified."""
    return sha256(subject.encode()).digest()[0]


def device_subject(device: str) -> str:
    """Return the subject of refusals before step 4, which are kept in the device's own partition."""
    return f"device:{device}"


def is_device_subject(subject: str) -> bool:
    """Return whether a subject is a device's own, without a holder behind it."""
    return subject.startswith("device:")


class LedgerError(Exception):
    """The ledger refuses to act. Nothing was written."""


class OperationConflict(LedgerError):
    """The operation id was used for another change (409 `operation-conflict`)."""


class ClockSkew(LedgerError):
    """The instant of the change is more than 2 s from the store's own clock (503 `clock-skew`)."""


class LedgerUnavailable(LedgerError):
    """The store is away or cannot confirm durability (503 `unavailable`). Retry with the same operation."""


class TargetState(LedgerError):
    """The target does not allow the change: a void, a check-out, a step of a matter, or a change of a booking.

    `code`: not-found, not-granted, already-voided, checked-out, no-visit, out-of-range; for a booking: not-found,
    booking-was-used, booking-was-cancelled, booking-was-missed, booking-not-over; or the refusal in the change.
    """

    def __init__(self, code: str) -> None:
        """Keep the code, with which the surface answers."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Operation:
    """One intended change: its id, which the device makes before it first sends the change, and the hash of the
    request.
    """

    subject: str
    device: str
    id: str
    request: bytes


@dataclass(frozen=True, slots=True)
class ProofClaim:
    """The first device that presents (card, proof) claims this proof. A grant spends it. The marker is kept until
    `keep_until`.
    """

    card: str
    proof: str
    keep_until: datetime


@dataclass(frozen=True, slots=True)
class Charge:
    """`units` of `limit` in the period with key `period`. The use is refused if the counter would exceed `maximum`.

    A limit names its member or tier if it is scoped: `gym`, `annual-health/union`, `certificate@gold`.
    """

    limit: str
    period: str
    maximum: int
    units: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """An exclusion: this use chooses `member` of `group` in `period`. If another member was chosen before, the reason
    is `excluded`.
    """

    group: str
    period: str
    member: str


@dataclass(frozen=True, slots=True)
class VisitWindow:
    """A use opens a visit of `length` at (service, point). A further use during the visit is `already-in`, or a
    re-entry after a check-out.
    """

    length: timedelta
    re_entries: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What the entry says beyond the store's own fields (docs/design.md §8; docs/log-format.md). Absent values are left
    out.

    `card` is the card's `jti` and is stored as a keyed hash. `token` is the digest of an unverified token.
    """

    point: str
    department: str
    service: str
    device: str
    caller: str
    programme: str
    bundle: int
    operator: str | None = None
    beneficiary: str | None = None
    tier: str | None = None
    form: str | None = None
    assurance: str | None = None
    card: str | None = None
    token: bytes | None = None
    reference: str | None = None
    client_time: int | None = None
    marks: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Step 10 as one value. `findings` are the reasons that the rules already found. `order` ranks all reasons; the
    answer gives the first.

    A change with a finding that no limit can mend is still judged for visit, limits and choice, so that the answer
    gives the first of all reasons in `order`. `proof-used` comes before every other reason. The ledger counts something
    only if there is no reason at all. `booking`: the booking to use. Its held units are posted, and the use itself
    counts nothing. `waived`: reasons that a supervisor answers for; they do not count against the use. `kind`: a
    request is made without a counter. It opens no visit and uses no booking.
    """

    operation: Operation
    at: datetime
    keep_until: datetime
    draft: Draft
    findings: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    claim: ProofClaim | None = None
    visit: VisitWindow | None = None
    choice: Choice | None = None
    charges: tuple[Charge, ...] = ()
    booking: str | None = None
    waived: frozenset[str] = frozenset()
    kind: Literal["check-in", "request"] = "check-in"


@dataclass(frozen=True, slots=True)
class Void:
    """Takes back a granted check-in, once, and returns its units to their periods. Who may do this was decided before.

    `refusal`: the reason that was found against the void before. The ledger raises it as TargetState, but only if the
    operation is new: a retry of a void that was in time gets its first answer, however late the retry is.
    """

    device: str
    id: str
    request: bytes
    at: datetime
    keep_until: datetime
    target: str
    draft: Draft
    reason: str
    after_check_out: bool = False
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class CheckOut:
    """Closes the visit of `target` at `out_at` (not after `at`). It closes a use without a visit after delivery,
    once.
    """

    device: str
    id: str
    request: bytes
    at: datetime
    keep_until: datetime
    target: str
    draft: Draft
    out_at: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """A counter after the change: `used` of `maximum` of `limit` in `period`."""

    limit: str
    period: str
    used: int
    maximum: int

    @property
    def remaining(self) -> int:
        """The units that are left, or zero if the counter is overdrawn."""
        return max(0, self.maximum - self.used)


@dataclass(frozen=True, slots=True)
class VisitState:
    """An open visit: the check-in that opened it, its bounds, the number of re-entries, and the instant of
    departure.
    """

    entry: str
    started_at: datetime
    ends_at: datetime
    re_entries: int = 0
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The member to which an exclusion group is fixed: by which service, when, and in which entry."""

    group: str
    member: str
    service: str
    at: datetime
    entry: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The first answer to an operation, kept with the operation. A retry gets the same values with `replayed` set.

    `booking`: the booking that was made, changed, ended, used or asked for. For a use recorded offline: `marks` say
    what is special about it, `linked` is the entry that it contradicts, and `joined` is the visit in which it lies, so
    that it is free.
    """

    entry: str
    at: datetime
    granted: bool
    reason: str | None
    leaf_hash: bytes
    figures: tuple[Figure, ...] = ()
    visit: VisitState | None = None
    taken: Taken | None = None
    re_entry: bool = False
    replayed: bool = False
    booking: str | None = None
    marks: tuple[str, ...] = ()
    linked: str | None = None
    joined: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a holder has used: counters by (limit, period), choices by (group, period), and visits still running by
    (service, point), including those that the holder has left before their end.
    """

    counters: Mapping[tuple[str, str], int]
    choices: Mapping[tuple[str, str], Taken]
    visits: Mapping[tuple[str, str], VisitState]


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable line of the log: its canonical bytes, the leaf in these bytes, and whether the entry was voided
    later.
    """

    data: bytes
    leaf: Leaf
    voided: bool = False

    @property
    def id(self) -> str:
        """The entry's id."""
        return self.leaf.id

    @property
    def partition(self) -> int:
        """The partition that the entry lies in."""
        return self.leaf.partition

    @property
    def seq(self) -> int:
        """The entry's number in its partition, from 1."""
        return self.leaf.seq


class Query(EntryFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A search of the log, newest first. Spans of time are half-open. `before` is the cursor of the page before.

    `points` are the only points whose entries may be read.
    """

    since: datetime | None = None
    until: datetime | None = None
    points: frozenset[str] | None = None
    before: str | None = None
    limit: int = 50

    @property
    def is_sifted(self) -> bool:
        """Whether the entries that an index finds (by holder, point or time) must also be checked against other
        conditions.
        """
        indexed = "point" if self.holder is None else "holder"
        return bool(self.fields().keys() - {indexed}) or self.mark is not None or self.points is not None


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One page of entries and the cursor of the next page, or None at the end."""

    entries: tuple[Entry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding of a check: its place, and what is wrong, in words."""

    place: str
    message: str
