"""The leaf: one entry of the usage log as bytes (docs/log-format.md). Pure: it opens nothing and reads no clock.

A leaf is canonical JSON (RFC 8785) with text, integers, truth values, lists and objects. The classes below are the
closed table of its fields, in byte order. New fields may be added; no field ever changes its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge.structs import UNREADABLE
from ledger.millis import from_millis

VERSION = 1
FIRST_PREV = bytes(32)
"""The hash that the first leaf of a partition names as the hash before it."""

KINDS = (
    "check-in", "void", "check-out", "booking", "booking-change", "booking-cancel", "booking-missed", "offline",
    "matter", "request",
)  # fmt: skip
USES = frozenset({"check-in", "offline"})
"""Kinds of entries for a use at a counter: made online, or recorded by a device while it was offline."""

GRANTING = USES | {"request"}
"""Kinds of entries that a void can take back."""

RESERVED_KINDS = (
    "override",
    "ruling",
    "erasure",
    "reading",
)
"""Names reserved for the future. They are refused until their fields are fixed."""

MAX_BYTES = 8192
_LEAF_PREFIX = b"\x00"  # RFC 6962 §2.1: leaves and inner nodes can never be mistaken for each other
_MAX_TEXT = 200
_MAX_SAFE = 2**53 - 1  # the largest integer that every JSON reader keeps exact
_ID = re.compile(r"([0-9a-f]{2})-([0-9]{6,15})", re.ASCII)

_FREE = r"^[^\x00-\x1f\x7f]*\Z"
LeafText = Annotated[str, Meta(min_length=1, max_length=_MAX_TEXT, pattern=_FREE)]
Hash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
EntryId = Annotated[str, Meta(pattern=r"^[0-9a-f]{2}-[0-9]{6,15}\Z")]
Count = Annotated[int, Meta(ge=0, le=_MAX_SAFE)]
Positive = Annotated[int, Meta(ge=1, le=_MAX_SAFE)]
Partition = Annotated[int, Meta(ge=0, le=255)]
Millis = Annotated[int, Meta(ge=0, le=_MAX_SAFE)]


class LeafError(ValueError):
    """The bytes are not a leaf, or the fields make no leaf. The message says why."""


class _Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Fields stand in the order of their names, so that writing them in this order gives canonical JSON."""


class ChargeLine(_Line, frozen=True, kw_only=True):
    """Units counted against a limit in a period, and the limit's maximum at that time."""

    limit: LeafText
    maximum: Count
    period: LeafText
    units: Positive


class ChoiceLine(_Line, frozen=True, kw_only=True):
    """The member of an exclusion group that this use chose, in a period."""

    group: LeafText
    member: LeafText
    period: LeafText


class VisitLine(_Line, frozen=True, kw_only=True):
    """A visit's bounds. A re-entry or a check-out also names the entry that opened the visit, and when the holder left.

    In a re-entry, `left_at` is the departure before it and `re_entry` is its number, from 1. In a check-out, `left_at`
    is the departure that it records.
    """

    ends_at: Millis
    entry: EntryId | None = None
    left_at: Millis | None = None
    re_entry: Positive | None = None
    started_at: Millis


class WindowLine(_Line, frozen=True, kw_only=True):
    """When a booking can be used; both bounds are included. `scheduled_at` fixed the period of the booking; a delay
    moves the other instants.
    """

    closes_at: Millis
    expected_at: Millis
    opens_at: Millis
    scheduled_at: Millis


class MoveLine(_Line, frozen=True, kw_only=True):
    """A use whose part changed. With `into`, the use lies in another use's visit from now on and its units return.
    Without `into`, it opens a visit and its units count again.
    """

    entry: EntryId
    into: EntryId | None = None


class Leaf(_Line, frozen=True, kw_only=True):
    """Every field that a leaf may carry; docs/log-format.md gives each one's meaning. Times are epoch milliseconds."""

    approver: LeafText | None = None
    assurance: LeafText | None = None
    at: Millis
    beneficiary: LeafText | None = None
    booking: LeafText | None = None
    bundle: Count
    caller: LeafText
    card: Hash | None = None
    change: Literal["rebooked", "delayed", "reopened"] | None = None
    charges: tuple[ChargeLine, ...] = ()
    choice: ChoiceLine | None = None
    client_time: Millis | None = None
    companions: Count | None = None
    deadline: Millis | None = None
    decides: LeafText | None = None
    delivered: tuple[LeafText, ...] = ()
    department: LeafText
    details: Hash | None = None
    device: LeafText
    form: LeafText | None = None
    holder: Hash | None = None
    id: EntryId
    id_checked: bool | None = None
    kind: Literal[
        "check-in",
        "void",
        "check-out",
        "booking",
        "booking-change",
        "booking-cancel",
        "booking-missed",
        "offline",
        "matter",
        "request",
    ]
    linked: EntryId | None = None
    marks: tuple[LeafText, ...] = ()
    matter: LeafText | None = None
    moved: tuple[MoveLine, ...] = ()
    note: Hash | None = None
    operation: LeafText
    operator: LeafText | None = None
    outcome: Literal["granted", "denied"] | None = None
    partition: Partition
    point: LeafText
    prev: Hash
    programme: LeafText
    reason: LeafText | None = None
    record: Hash | None = None
    reference: LeafText | None = None
    rival: LeafText | None = None
    seq: Positive
    service: LeafText
    stage: LeafText | None = None
    target: EntryId | None = None
    tier: LeafText | None = None
    token: Hash | None = None
    used_at: Millis | None = None
    v: Literal[1]
    visit: VisitLine | None = None
    window: WindowLine | None = None

    @property
    def recorded_at(self) -> datetime:
        """The instant at which the ledger recorded the entry, aware UTC."""
        return from_millis(self.at)

    @property
    def happened_at(self) -> datetime:
        """When the recorded thing happened, aware UTC: the time of the use for an offline use, otherwise
        `recorded_at`.
        """
        return from_millis(self.at if self.used_at is None else self.used_at)


EXTRA_FIELDS = frozenset(
    {
        "approver",
        "booking",
        "companions",
        "decides",
        "delivered",
        "details",
        "id_checked",
        "linked",
        "matter",
        "note",
        "record",
    }
)
"""Fields that a draft gives by name in addition to its own fields (`Draft.extra`)."""

_FIRST_PREV_TEXT = "A" * 43
_TEXTS = attrgetter(
    "approver", "assurance", "beneficiary", "booking", "caller", "decides", "department", "device", "form", "matter",
    "operation", "operator", "point", "programme", "reason", "reference", "rival", "service", "stage", "tier",
)  # fmt: skip
_RARE = attrgetter("change", "details", "id_checked", "note", "record", "token")
_OUTCOMES = frozenset({None, "granted", "denied"})
_NUMBERS = attrgetter("at", "bundle", "client_time", "companions", "deadline", "used_at")
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Leaf)


def entry_id(partition: int, seq: int) -> str:
    """Return an entry's id: the partition as two hexadecimal digits, and `seq` as six digits or more. Example:
    `7f-000412`.
    """
    return f"{partition:02x}-{seq:06d}"


def split_id(text: str) -> tuple[int, int]:
    """Return the partition and the `seq` of an entry's id. Raises LeafError for any other text, also for a second
    spelling of the same id.
    """
    found = _ID.fullmatch(text)
    if found is None:
        raise LeafError("not an entry's id")
    partition, seq = int(found[1], 16), int(found[2])
    if seq < 1 or entry_id(partition, seq) != text:
        raise LeafError("not an entry's id")
    return partition, seq


def encode(leaf: Leaf) -> bytes:
    """Return the leaf's canonical bytes. Raises LeafError if a field's value, or a combination of fields, is not
    allowed.

    Values from callers are checked against the table of fields. The store itself makes ids, `prev` and pseudonyms, so
    these are not read back. If a leaf has any unusual value, the strict reader decides.
    """
    try:
        data = _ENCODER.encode(leaf)
        plain = _is_plain(leaf) and b"\\" not in data and b"\x7f" not in data and len(data) <= MAX_BYTES
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise LeafError(f"cannot be written: {type(error).__name__}") from None
    if plain:
        _check(leaf)
    elif decode(data) != leaf:
        raise LeafError("a value was written as another one")  # For example bytes in place of text
    return data


def _is_plain(leaf: Leaf) -> bool:
    """Return whether every value from callers is ordinary. The encoded bytes show control characters and escapes."""
    return (
        all(value is None or (type(value) is str and 0 < len(value) <= _MAX_TEXT) for value in _TEXTS(leaf))
        and all(value is None or (type(value) is int and 0 <= value <= _MAX_SAFE) for value in _NUMBERS(leaf))
        and all(value is None for value in _RARE(leaf))
        and all(type(text) is str and 0 < len(text) <= _MAX_TEXT for text in (*leaf.marks, *leaf.delivered))
        and (leaf.choice is None or _is_plain_line(leaf.choice))
        and all(map(_is_plain_line, leaf.charges))
        and leaf.kind in _CHECKS
        and leaf.outcome in _OUTCOMES
    )


def _is_plain_line(line: ChargeLine | ChoiceLine) -> bool:
    return all(
        0 < len(value) <= _MAX_TEXT if type(value) is str else type(value) is int and 0 < value <= _MAX_SAFE
        for value in msgspec.structs.astuple(line)
    )


def decode(data: bytes) -> Leaf:
    """Return the leaf that canonical bytes spell. Raises LeafError for other bytes."""
    if len(data) > MAX_BYTES:
        raise LeafError(f"longer than {MAX_BYTES} bytes")
    try:
        leaf = _DECODER.decode(data)
        again = _ENCODER.encode(leaf)
    except (*UNREADABLE, ValueError) as error:
        raise LeafError(f"not a leaf: {error}") from None
    # One comparison refuses every other spelling: order, spaces, escapes, a key given twice, null for absent.
    if again != data:
        raise LeafError("not in canonical form")
    _check(leaf)
    return leaf


def stays_from(leaf: Leaf) -> int | None:
    """Return the instant at which a granted use stands in the line of uses that open visits, or None for any other
    entry.

    A re-entry has no such instant. A use that a supervisor let into a running visit has none either.
    """
    if leaf.visit is None or leaf.outcome != "granted":
        return None
    if leaf.kind == "offline":
        return leaf.used_at
    fresh = leaf.kind == "check-in" and leaf.visit.entry is None and leaf.visit.started_at == leaf.at
    return leaf.at if fresh else None


def fields_of(leaf: Leaf) -> Mapping[str, Any]:
    """Return the leaf's fields as plain values. Absent fields are left out."""
    fields: dict[str, Any] = msgspec.json.decode(_ENCODER.encode(leaf))
    return fields


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's bytes: SHA-256 over 0x00 and the leaf (RFC 6962 §2.1)."""
    return sha256(_LEAF_PREFIX + data).digest()


def _check(leaf: Leaf) -> None:
    """Refuse fields that contradict one another."""
    if leaf.id != entry_id(leaf.partition, leaf.seq):
        raise LeafError("the id names another place in the log")
    if leaf.seq == 1 and leaf.prev != _FIRST_PREV_TEXT:
        raise LeafError("the first leaf of a partition follows none")
    told_offline = (leaf.used_at, leaf.record, leaf.rival, leaf.approver)
    if leaf.kind != "offline" and any(value is not None for value in told_offline):
        raise LeafError("only a use recorded offline has an instant of its own, a record, a rival or an approver")
    if leaf.kind not in ("offline", "void") and leaf.moved:
        raise LeafError("only a use recorded offline and a void move other uses")
    _CHECKS[leaf.kind](leaf)


def _check_check_in(leaf: Leaf) -> None:
    _check_judged(leaf)
    if leaf.target is not None or leaf.window is not None or leaf.change is not None:
        raise LeafError("a check-in has no target, no window and no change")
    if leaf.booking is not None and (leaf.charges or leaf.choice or leaf.visit):
        raise LeafError("the use of a booking counts what the booking holds, and nothing of its own")


def _check_booking(leaf: Leaf) -> None:
    _check_judged(leaf)
    if leaf.target is not None or leaf.visit is not None or leaf.change is not None or leaf.booking is not None:
        raise LeafError("a booking has no target, no visit and no change")
    if (leaf.window is None) != (leaf.outcome == "denied"):
        raise LeafError("a booking has a window where it is granted, and there alone")


def _check_booking_change(leaf: Leaf) -> None:
    _check_judged(leaf)
    if leaf.target is None or leaf.holder is None or leaf.change is None or leaf.visit is not None:
        raise LeafError("a change of a booking names the booking, its holder and what is changed")
    if (leaf.window is None) != (leaf.outcome == "denied"):
        raise LeafError("a change of a booking has a window where it is granted, and there alone")
    if leaf.change == "delayed" and (leaf.charges or leaf.choice):
        raise LeafError("a delay moves the window, never the unit")


def _check_offline(leaf: Leaf) -> None:
    _check_judged(leaf)
    if leaf.target is not None or leaf.window is not None or leaf.change is not None:
        raise LeafError("a use recorded offline has no target, no window and no change")
    if leaf.booking is not None and (leaf.outcome == "denied" or leaf.charges or leaf.choice or leaf.visit):
        raise LeafError("the use of a booking counts what the booking holds, and nothing of its own")
    if leaf.record is None or leaf.used_at is None or leaf.used_at > leaf.at:
        raise LeafError("a use recorded offline tells its record, and when it was: not after it was received")
    if leaf.moved and (leaf.visit is None or leaf.visit.entry is not None):
        raise LeafError("only a use that opens a visit moves others")
    if leaf.visit is None:
        return
    if leaf.visit.started_at != leaf.used_at or leaf.visit.left_at is not None or leaf.visit.re_entry is not None:
        raise LeafError("the visit of a use recorded offline starts with it, and was neither left nor entered again")


def _check_judged(leaf: Leaf) -> None:
    """Refuse fields that no judged entry may have: a reason beside a grant, or a count beside a refusal."""
    if leaf.outcome is None:
        raise LeafError(f"a {leaf.kind} has an outcome")
    denied = leaf.outcome == "denied"
    if denied != (leaf.reason is not None):
        raise LeafError(f"a denied {leaf.kind} has a reason, a granted one has none")
    if denied and (leaf.charges or leaf.choice or leaf.visit):
        raise LeafError(f"a denied {leaf.kind} counts nothing")
    if leaf.holder is None and (not denied or leaf.card is not None):
        raise LeafError("without a holder nothing is granted and no card is named")


def _check_follow_up(leaf: Leaf) -> None:
    if leaf.target is None or leaf.outcome is not None or leaf.charges or leaf.choice or leaf.window or leaf.change:
        raise LeafError(f"a {leaf.kind} has a target, no outcome, and counts nothing")
    if leaf.holder is None:
        raise LeafError(f"a {leaf.kind} names the holder of its target")


def _check_ending(leaf: Leaf) -> None:
    """Check that the void of a check-in and the end of a booking have the same form: a reason, and no visit."""
    _check_follow_up(leaf)
    if leaf.reason is None or leaf.visit is not None:
        raise LeafError(f"a {leaf.kind} has a reason and no visit")


def _check_check_out(leaf: Leaf) -> None:
    _check_follow_up(leaf)
    if leaf.visit is None:
        if not leaf.delivered:
            raise LeafError("a check-out tells the visit it closes, or what was delivered where there is none")
    elif leaf.visit.left_at is None or leaf.visit.entry is None:
        raise LeafError("a check-out tells the visit it closes")


def _check_request(leaf: Leaf) -> None:
    _check_judged(leaf)
    if leaf.target is not None or leaf.window is not None or leaf.change is not None:
        raise LeafError("a request has no target, no window and no change")
    if leaf.visit is not None or leaf.booking is not None:
        raise LeafError("a request opens no visit and uses no booking")


def _check_matter(leaf: Leaf) -> None:
    _check_follow_up(leaf)
    if leaf.stage is None or leaf.visit is not None:
        raise LeafError("a step of a matter names the stage it reaches")


_CHECKS: Mapping[str, Callable[[Leaf], None]] = {
    "check-in": _check_check_in,
    "void": _check_ending,
    "check-out": _check_check_out,
    "booking": _check_booking,
    "booking-change": _check_booking_change,
    "booking-cancel": _check_ending,
    "booking-missed": _check_ending,
    "offline": _check_offline,
    "matter": _check_matter,
    "request": _check_request,
}
