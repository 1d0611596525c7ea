"""What calls answer, and the parts of what is sent, as the OpenAPI document tells.

Written by tools/client_calls.py: edit nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "BookingAnswer",
    "BookingList",
    "BookingView",
    "BookingWarning",
    "BreachTaken",
    "ChallengeAnswer",
    "ChangeAnswer",
    "CheckInAnswer",
    "Contact",
    "DeadLetter",
    "DeadLetters",
    "Delay",
    "DepartmentStatement",
    "EnrolledDevice",
    "EntrySeen",
    "EventChanged",
    "EventList",
    "EventView",
    "ExcludedBy",
    "FieldAsked",
    "FieldLabel",
    "FreeSlots",
    "HeldAnswer",
    "HeldRecord",
    "HolderView",
    "KnownDevice",
    "Line",
    "ListedBooking",
    "LogStatus",
    "LookAnswer",
    "MatterList",
    "MatterRequest",
    "MatterView",
    "MissedHolder",
    "MissedList",
    "Missing",
    "MonthAnswer",
    "Named",
    "OperatorSignedIn",
    "OverrideRequest",
    "PaidLine",
    "PlaceView",
    "PointService",
    "PointView",
    "Progress",
    "PromiseStanding",
    "PromiseStandings",
    "ProofAnswer",
    "PublicAnswer",
    "PublicKey",
    "QuotaLeft",
    "Rebook",
    "RecordAnswer",
    "Reopen",
    "Represented",
    "RequestAnswer",
    "RequestList",
    "RequestView",
    "RuleAsked",
    "SentAgain",
    "ServiceView",
    "SlotView",
    "StageAnswer",
    "Statement",
    "Subscribers",
    "TakenApplication",
    "TakenBack",
    "TimeAnswer",
    "Today",
    "ToldPerson",
    "UploadAnswer",
    "VisitTimes",
    "Webhook",
    "Webhooks",
    "WitnessSeen",
    "Words",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingAnswer:
    """The answer to a booking or its change, granted or refused. `id` is its entry in the log."""

    id: str
    outcome: Literal["denied", "granted"]
    reason: str | None
    message: Words
    hint: Words
    at: str
    server_time: str
    booking: BookingView | None = None
    quotas: tuple[QuotaLeft, ...] = ()
    excluded_by: ExcludedBy | None = None
    call: Contact | None = None
    warnings: tuple[BookingWarning, ...] = ()
    promise: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingList:
    """A point's bookings, in the order of their expected times."""

    point: str
    bookings: tuple[ListedBooking, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingView:
    """A booking as a counter or its holder sees it. `kind`: journey, slot, notice or event.

    `details` are its fields. Passengers' names and other personal fields are masked without the right to names,
    and absent after their erasure. `told`: why the booking ended without its holder's wish.
    """

    id: str
    service: str
    service_name: Words
    point: str
    point_name: Words
    kind: str
    state: str
    scheduled_at: str
    expected_at: str
    opens_at: str
    closes_at: str
    booked_at: str
    channel: str | None = None
    party: int | None = None
    vehicles: int | None = None
    name_board: bool | None = None
    details: Mapping[str, Any] | None = None
    cancel_until: str | None = None
    told: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingWarning:
    """A warning that does not stop a booking now but may stop its use later. `code` is stable."""

    code: str
    message: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachTaken:
    """The report is recorded in a list of incidents. `now` is the server's view of the promise. If `now` holds a
    proof against the report, the list is `refuted`.
    """

    id: str
    now: PromiseStanding
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeAnswer:
    """What the device writes into the `chip-proof+jwt` that the chip signs (docs/design.md §4).

    `issued_at` is the token's `iat`, by the server's clock. So a device with a wrong clock can still read chips.
    """

    nonce: str
    reader: str
    audience: str
    issued_at: int
    expires_at: str
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAnswer:
    """The answer to a void or a check-out: the new entry, the figures after it, and the delivered items."""

    id: str
    target: str
    kind: Literal["check-out", "void"]
    at: str
    server_time: str
    quotas: tuple[QuotaLeft, ...] = ()
    delivered: tuple[Words, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInAnswer:
    """The answer to a check-in, granted or refused. `id` is its entry in the log."""

    id: str
    outcome: Literal["denied", "granted"]
    reason: str | None
    message: Words
    hint: Words
    service: str
    service_name: Words
    beneficiary: str
    at: str
    server_time: str
    tier: str | None = None
    tier_name: Words | None = None
    assurance: str | None = None
    holder: HolderView | None = None
    quotas: tuple[QuotaLeft, ...] = ()
    visit: VisitTimes | None = None
    booking: BookingView | None = None
    represented: Represented | None = None
    excluded_by: ExcludedBy | None = None
    go_to: PlaceView | None = None
    call: Contact | None = None
    void_until: str | None = None
    promise: str | None = None
    status_freshness: str | None = None
    replayed: bool = False
    clock_off_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to call."""

    department: Words
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that was given up: how often it was tried, and what came of the last try. Kept for ninety days."""

    webhook_id: str
    type: str
    queued_at: str
    given_up_at: str | None
    tries: int
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Events that were given up, newest first; `dead` counts them all."""

    dead_letters: tuple[DeadLetter, ...]
    dead: int
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The carrier's new time, or the day that an organiser has set."""

    expected_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentStatement:
    """A department's statement: all its points."""

    department: str
    lines: tuple[PaidLine, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledDevice:
    """What a device keeps. `root` is the thumbprint of the root key with which trust bundles are checked.

    `needs_operator`: while nobody is signed in, the device may only look at cards. `services`: the only services
    that it serves; empty for all services of its point.
    """

    device: str
    access_token: str
    token_type: str
    point: str
    label: str
    rights: tuple[str, ...]
    server_time: str
    root: str | None = None
    needs_operator: bool = False
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySeen:
    """One entry of today's list: no name, no holder. `change`: what became of a booking. `inside`: a visit that
    still runs; it is listed past midnight too.
    """

    id: str
    at: str
    kind: str
    outcome: str
    service: str
    tier: str | None = None
    reason: str | None = None
    voided: bool = False
    visit_ends_at: str | None = None
    re_entry: bool = False
    inside: bool = False
    change: str | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChanged:
    """An event after a change, and how many bookings moved or ended with it."""

    event: EventView
    server_time: str
    moved: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    """Events in the order of their beginning."""

    events: tuple[EventView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event: `taken` of its `capacity` seats are taken, `left` are open."""

    code: str
    service: str
    point: str
    name: Words
    starts_at: str
    ends_at: str
    capacity: int
    taken: int
    left: int
    cancelled_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedBy:
    """The use that fixed the other choice."""

    service: str
    name: Words
    at: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldAsked:
    """One field of a booking or a request. `kind`: text, note, names, phone, plates, number, yes-no, datetime, date.

    `services`: the field is only for these services. `counts`: the number says how many items the named field
    lists. `party`: the number is how many people come: "all", or those "besides" the holder. `labels`: names for
    one service alone.
    """

    code: str
    label: Words
    kind: str
    required: bool
    services: tuple[str, ...] = ()
    counts: str | None = None
    pattern: str | None = None
    party: str | None = None
    labels: Mapping[str, Words] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLabel:
    """A field of a booking's `details`, and its label. `kind` as in the programme file."""

    code: str
    label: Words
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSlots:
    """A point's day: its `open` hours and its `free` spans. `bounded` is false if the hours are not known."""

    service: str
    point: str
    on: str
    bounded: bool
    open: tuple[SlotView, ...]
    free: tuple[SlotView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAnswer:
    """The records that wait at the caller's points, oldest first."""

    records: tuple[HeldRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRecord:
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
    outcome: Literal["denied", "granted"] | None = None
    tier: str | None = None
    name: str | None = None
    entry: str | None = None
    message: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderView:
    """The holder, as far as a counter may know: the department's own reference, and the masked name."""

    ref: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDevice:
    """The present data of a device. They are as at its enrolment, unless an operator of the system changed them."""

    device: str
    point: str
    label: str
    rights: tuple[str, ...]
    server_time: str
    needs_operator: bool = False
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One service in one month."""

    month: str
    service: str
    paid: int
    re_entries: int
    companions: int
    voided: int
    overrides: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBooking:
    """A booking in a point's list, and its holder as far as this department may know."""

    booking: BookingView
    holder_ref: str | None = None
    holder_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """The state of the log: its name, its size and root (base64) as published at `at`, and its cosignatures.

    `held`: the number of the ledger's 256 partitions in which nothing is recorded until the ledger is repaired.
    It is 0 in normal operation.
    """

    origin: str
    size: int
    root: str
    at: str
    witnesses: tuple[WitnessSeen, ...]
    held: int
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAnswer:
    """The answer to a look: nothing was consumed. `needs` names what the confirming call must contain."""

    id: str
    valid: bool
    reason: str | None
    message: Words
    hint: Words
    server_time: str
    expires_at: str
    tier: str | None = None
    tier_name: Words | None = None
    assurance: str | None = None
    holder: HolderView | None = None
    needs: tuple[str, ...] = ()
    represented: Represented | None = None
    services: tuple[ServiceView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterList:
    """A point's matters, the most urgent first."""

    matters: tuple[MatterView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterRequest:
    """The matter that a check-in opens: its kind, and the department that decides it."""

    kind: str | None = None
    decides: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterView:
    """A matter: its subject, window, stage and deadline. The holder is given in the list alone, until the holder is
    erased.

    `holder_name` is masked. `employer` is for callers with the right to names. `target`: the day by which the
    office wants to close the matter, if it is before the deadline. `provisional`: the holidays of the deadline's
    year are not announced yet, so the deadline can still move. `kind_open`: the matter was opened offline and
    still needs its kind; until then, `kind` is the service's code.
    """

    id: str
    point: str
    service: str
    kind: str
    stage: str
    opened_at: str
    kind_open: bool = False
    decides: str | None = None
    reference: str | None = None
    complete_at: str | None = None
    deadline: str | None = None
    closed_at: str | None = None
    outcome: str | None = None
    target: str | None = None
    past_target: bool = False
    overdue: bool = False
    provisional: bool = False
    holder_name: str | None = None
    holder_ref: str | None = None
    tier: str | None = None
    beneficiary: str | None = None
    employer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedHolder:
    """A holder whom the office should know about: many missed bookings of one rule this year at the caller's points.

    `holder_ref` is the department's own reference of the holder. It is absent, with the name, after the details
    are erased.
    """

    rule: str
    missed: int
    last: str
    holder_ref: str | None = None
    holder_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedList:
    """The holders who often missed bookings this year."""

    holders: tuple[MissedHolder, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Numbers that the server has not seen, both bounds included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthAnswer:
    """A department's month. If it is closed, the figures at its closing, which never change again.

    `corrections`: later changes of earlier closed months, settled with this month (negative: subtracted).
    `changed`: changes of this month since its closing, settled with the next closed month.
    """

    department: str
    month: str
    lines: tuple[PaidLine, ...]
    may_close: bool
    server_time: str
    corrections: tuple[PaidLine, ...] = ()
    changed: tuple[PaidLine, ...] = ()
    closed_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSignedIn:
    """`session` goes into the header Yunju-Operator. `rights` are those in force at this device's point."""

    session: str
    operator: str
    name: str
    rights: tuple[str, ...]
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest:
    """A supervisor's word that a refusal would be wrong: a reason of the closed set, and a note."""

    reason: Literal["came-early", "card-unreadable", "left-unrecorded", "other", "phone-dead"]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """One service in one month at one point, with the department that pays."""

    month: str
    service: str
    paid: int
    re_entries: int
    companions: int
    voided: int
    overrides: int
    held: int
    point: str
    payer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    """Where to go instead."""

    point: str
    name: Words
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointService:
    """One service of a point, as its counter needs it.

    `reference_choices`, if given, are the only values of the reference. `look_first`: the counter looks before it
    checks in. `booking` names the service's rule. `matter_kinds` and `matter_departments`: the possible kinds of
    the matter that a check-in opens, and the departments that may decide it. `includes` and `own_expense` are the
    staff's checklist. `materials`, `steps`, `notes` and `numbers` are what staff tell a visitor.
    """

    code: str
    name: Words
    mode: str
    tiers: tuple[str, ...]
    beneficiaries: tuple[str, ...]
    closed: Words | None = None
    reference: Words | None = None
    reference_pattern: str | None = None
    reference_required: bool = False
    reference_choices: Mapping[str, Words] = field(default_factory=dict)
    matter_kinds: Mapping[str, Words] = field(default_factory=dict)
    matter_departments: Mapping[str, Words] = field(default_factory=dict)
    visit_minutes: int | None = None
    look_first: bool = False
    companions_most: int = 0
    includes: tuple[Words, ...] = ()
    own_expense: tuple[Words, ...] = ()
    booking: str | None = None
    booking_fields: tuple[FieldLabel, ...] = ()
    materials: tuple[Words, ...] = ()
    steps: tuple[Words, ...] = ()
    notes: tuple[Words, ...] = ()
    numbers: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """A point and its services. `digits_only`: phones show the digits-only form there. `booking_rules`: the fields
    that a booking of its services asks for.
    """

    code: str
    name: Words
    department: Words
    address: Words | None = None
    phones: tuple[str, ...] = ()
    digits_only: bool = False
    services: tuple[PointService, ...] = ()
    booking_rules: Mapping[str, RuleAsked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of the calling device's queue: the highest number seen, and the missing numbers below it."""

    highest: int
    missing: tuple[Missing, ...]
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseStanding:
    """The state of a promise in the server's view. If the entry is in the log, `proof` holds a C2SP tlog-proof:
    verify it.

    `unknown`: this server made no such promise, or the entry is not the caller's.
    """

    state: Literal["broken", "kept", "pending", "unknown"]
    id: str | None = None
    leaf_hash: str | None = None
    by: str | None = None
    index: int | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseStandings:
    """An answer for each promise, in the order of the request."""

    promises: tuple[PromiseStanding, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """An entry's proof. `proof` is the full C2SP tlog-proof, for standard tools. Hashes are base64url."""

    id: str
    index: int
    leaf_hash: str
    proof: str
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAnswer:
    """Valid or not, the tier, and the end. No name, no quota.

    `valid_until` is the card's own end, and `last_day` is its last local day, as on the printed face. For a
    phone's card, they are given only if the issuer can be asked, because the card's token ends long before the
    card.
    """

    valid: bool
    reason: str | None
    message: Words
    server_time: str
    tier: str | None = None
    tier_name: Words | None = None
    valid_until: str | None = None
    last_day: str | None = None
    proved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A P-256 public key as JWK (RFC 7518 §6.2). No other member of an exported key is sent."""

    kty: str
    crv: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLeft:
    """The rest of a limit. `resets_at` is when the limit starts again, or null if it never does."""

    limit: str
    name: Words
    unit: str
    period: str
    used: int
    maximum: int
    remaining: int
    resets_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebook:
    """Fields that replace the old ones, and another service if it changes."""

    fields: Mapping[str, str | int | bool | Sequence[str] | None]
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """The outcome of one record. `applied`: it is in the log, and a grant is counted. `held`: it is in the log, and
    a grant is not counted until a supervisor releases it. `dismissed`: it was set aside. `refused`: it was not
    accepted.

    For a record in the log: `id` is its entry, `outcome` and `reason` are as logged, `marks` say what is special,
    `linked` is the entry that it contradicts, `joined` is the visit in which it lies without cost, and `used_at`
    is the instant to which it belongs. `why`, a stable code, says why it is held or was refused. `replayed`: it
    was answered before.
    """

    status: Literal["applied", "dismissed", "held", "refused"]
    seq: int | None = None
    operation: str | None = None
    id: str | None = None
    outcome: Literal["denied", "granted"] | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """A supervisor allows a booking to be used until an instant, and says why."""

    until: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Represented:
    """The employer for whom a clerk comes, as the holder named it with the code; the code's service and end; how
    often the code was used before, and when it was last used.
    """

    employer: str
    ends_at: str
    service: str
    uses: int
    used_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswer:
    """The answer to a request, granted (taken up) or refused. `id` is its entry in the log."""

    id: str
    outcome: Literal["denied", "granted"]
    reason: str | None
    message: Words
    hint: Words
    at: str
    server_time: str
    request: RequestView | None = None
    quotas: tuple[QuotaLeft, ...] = ()
    call: Contact | None = None
    promise: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestList:
    """Requests: a department's, most urgent first, or a holder's own, newest first.

    `next`: the cursor of a holder's next page; absent at the end.
    """

    requests: tuple[RequestView, ...]
    server_time: str
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request as its department or its holder sees it: the service, the beneficiary, the stage.

    `details` are the requested values, masked without the right to names, and absent after their erasure.
    """

    id: str
    service: str
    service_name: Words
    department: str
    department_name: Words
    stage: str
    opened_at: str
    reference: str | None = None
    decides: str | None = None
    complete_at: str | None = None
    deadline: str | None = None
    closed_at: str | None = None
    outcome: str | None = None
    overdue: bool = False
    channel: str | None = None
    details: Mapping[str, Any] | None = None
    holder_ref: str | None = None
    holder_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAsked:
    """How services of a rule are booked. `basis`: journey, slot, notice or event. All bounds are included."""

    name: Words
    basis: str
    lead_minutes: int
    ahead_minutes: int
    party_most: int
    cancel_until: str
    change_needs_lead: tuple[str, ...]
    fields: tuple[FieldAsked, ...]
    slot_most_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAgain:
    """How many events wait to be sent again; those that were no dead letters any more are not counted."""

    sent_again: int
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """One service of this point, for the card of the look.

    `message` and `hint` say why it would be refused. `booking` is the booking that a check-in would use if it
    names none. `bookings` are all bookings of the holder that it may name instead.
    """

    code: str
    name: Words
    entitled: bool
    reason: str | None = None
    message: Words | None = None
    hint: Words | None = None
    quotas: tuple[QuotaLeft, ...] = ()
    booking: BookingView | None = None
    bookings: tuple[BookingView, ...] = ()
    includes: tuple[Words, ...] = ()
    own_expense: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """From one instant to another, RFC 3339."""

    starts_at: str
    ends_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAnswer:
    """The matter after the stage, and the stage's own entry."""

    id: str
    matter: MatterView
    replayed: bool
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A point's statement."""

    point: str
    lines: tuple[Line, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribers:
    """The holders who requested a counted service in a period, and their addresses, without withdrawn and refused
    requests.
    """

    service: str
    period: str
    subscribers: tuple[RequestView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenApplication:
    """This office's receipt number, for the status page together with `code`. The code is given only with the first
    answer.
    """

    receipt: str
    new: bool
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A request that was taken back, and the entry that recorded this."""

    id: str
    request: RequestView
    quotas: tuple[QuotaLeft, ...]
    replayed: bool
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAnswer:
    """The server's time, and the same time signed, which a device keeps while it is offline."""

    server_time: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A point's day: its counts, its last entries, and the entries from before midnight that staff still handle.

    `granted` counts uses without re-entries and voided uses. `denied` leaves out holders who were already in.
    """

    point: str
    date: str
    granted: int
    denied: int
    entries: tuple[EntrySeen, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldPerson:
    """A person as on the identity document. `id_country` (three letters) is only for a passport."""

    name: str
    id_type: str
    id_number: str
    id_country: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAnswer:
    """An answer for each record, in the order of the request, and the progress of the queue."""

    answers: tuple[RecordAnswer, ...]
    server_time: str
    time: str
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTimes:
    """An open visit."""

    started_at: str
    ends_at: str
    entry: str
    re_entry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook. `points`: `*` for all of the integrator's. `stopped`: `gone` (its receiver answered 410),
    `by-hand`.

    `waiting` events are still to be sent, the oldest queued at `waiting_since`; `dead` were given up after three
    days.
    """

    id: str
    url: str
    kinds: tuple[str, ...]
    points: tuple[str, ...]
    stopped: str | None
    waiting: int
    waiting_since: str | None
    dead: int
    taken_at: str | None
    fault: str | None
    fault_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """The integrator's webhooks, oldest first."""

    webhooks: tuple[Webhook, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSeen:
    """A witness's last cosignature: its size and time. `late` if it is more than ten minutes old."""

    name: str
    size: int
    at: str | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A sentence in Chinese and in English."""

    zh: str
    en: str
