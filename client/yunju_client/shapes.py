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
    """The answer to a booking or a change of one, granted or refused; `id` is its entry in the log."""

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
    """A point's bookings in the order of their expected times."""

    point: str
    bookings: tuple[ListedBooking, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingView:
    """A booking as a counter or its holder sees it. `kind`: journey, slot, notice or event.

    `details` are its fields; passengers' names and other personal ones are masked without the right to names, and
    left out where they are erased. `told`: why it ended without its holder's wish.
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
    """A warning that does not stop a booking now and may stop its use later: `code` is stable."""

    code: str
    message: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachTaken:
    """The report stands in a list of incidents: `refuted` where `now`, how the server sees the promise, is kept."""

    id: str
    now: PromiseStanding
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeAnswer:
    """What the device writes into the `chip-proof+jwt` that the chip signs (docs/design.md §4).

    `issued_at` is the token's `iat`, by the server's clock: a device whose own is off still reads chips.
    """

    nonce: str
    reader: str
    audience: str
    issued_at: int
    expires_at: str
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAnswer:
    """The answer to a void or a check-out: the new entry, the figures after it, what was delivered."""

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
    """The answer to a check-in, granted or refused; `id` is its entry in the log."""

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
    """What a device keeps. `root` is the thumbprint of the root key that trust bundles are held to.

    `needs_operator`: while nobody is signed in the device may look at cards, and nothing else; `services` the
    only ones it serves, none for all of its point.
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
    """One entry of today's list: no name, no holder. `change`: of a booking, what became of it. `inside`: a visit
    that still runs; such are listed past midnight too.
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
    """An event after a change, and how many bookings moved or ended with the event."""

    event: EventView
    server_time: str
    moved: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    """Events by their beginning."""

    events: tuple[EventView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event: `taken` of its `capacity` seats, `left` open."""

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

    `services` limits it to those services; a number with `counts` says how many the named field lists; `party`
    tells that a number is how many come: "all", or those "besides" the holder; `labels` names it for one service
    alone.
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
    """A field of a booking's `details`, and how it is called. `kind` as in the programme file."""

    code: str
    label: Words
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSlots:
    """A point's day: its `open` hours and its `free` spans. `bounded` is false where no hours are known."""

    service: str
    point: str
    on: str
    bounded: bool
    open: tuple[SlotView, ...]
    free: tuple[SlotView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAnswer:
    """The records that wait at the caller's points, the oldest first."""

    records: tuple[HeldRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRecord:
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
    outcome: Literal["denied", "granted"] | None = None
    tier: str | None = None
    name: str | None = None
    entry: str | None = None
    message: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderView:
    """Who it is, as far as a counter may know: a reference of the department's own, and the masked name."""

    ref: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDevice:
    """What a device is now; as at its enrolment, unless whoever runs the system changed it."""

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
    """A booking of a point's list, and its holder as this department may know him."""

    booking: BookingView
    holder_ref: str | None = None
    holder_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """The log in short: its name, size and root (base64) as published at `at`, and who cosigned.

    `held`: in how many of the ledger's 256 partitions nothing is recorded until it is repaired; 0 while all is
    well.
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
    """The answer to a look: nothing was consumed. `needs` names what the confirming call must bring."""

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
    """What is said of the matter that a check-in opens: its kind, and the department that decides it."""

    kind: str | None = None
    decides: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterView:
    """A matter: what, for which window, how far, until when; whose, in the list alone and until that is erased.

    `holder_name` is masked, `employer` is for those with the right to names. `target`: until when the office
    means to close it, where that is sooner than the deadline. `provisional`: the holidays of the deadline's year
    are not announced yet, so that the deadline can still move. `kind_open`: the kind is to be told, since the
    matter was opened off line; `kind` is the service's code until then.
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
    """A holder whom the office should know of: many missed bookings of one rule this year at the caller's points.

    `holder_ref` is the department's own name for the holder; with the name it is absent once the details are
    erased.
    """

    rule: str
    missed: int
    last: str
    holder_ref: str | None = None
    holder_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedList:
    """Who missed bookings often this year."""

    holders: tuple[MissedHolder, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Numbers that the server has not seen, both bounds included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthAnswer:
    """A department's month. Closed: the figures it was closed with, which never change again.

    `corrections`: what changed of months closed before, settled with this month (negative: taken off). `changed`:
    what changed of this month since it was closed, settled with the month that is closed next.
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
    """`session` goes into the header Yunju-Operator; `rights` are those in force at this device's point."""

    session: str
    operator: str
    name: str
    rights: tuple[str, ...]
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest:
    """A supervisor's word that a visitor would be refused wrongly: a reason of the closed set, and a note."""

    reason: Literal["came-early", "card-unreadable", "left-unrecorded", "other", "phone-dead"]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """One service in one month at one point, and the department that pays for it."""

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

    `reference_choices`, where there are any, are the only values of the reference. `look_first`: its counter
    looks before it checks in. `booking` names its rule. `matter_kinds` and `matter_departments`: what the matter
    can be that a check-in opens, and who can have to decide it. `includes` and `own_expense` are the staff's
    checklist; `materials`, `steps`, `notes` and `numbers` are what staff tell whoever asks.
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
    """A point and what it offers. `digits_only`: phones show the digits-only form there; `booking_rules`: what is
    asked of whoever books one of its services.
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
    """How far the calling device's queue has come: the highest number seen, and what is missing below it."""

    highest: int
    missing: tuple[Missing, ...]
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseStanding:
    """How a promise stands, as the server says. `proof` (C2SP tlog-proof) where the entry is in the log: verify it.

    `unknown`: no promise of this server's, or none of the caller's entries.
    """

    state: Literal["broken", "kept", "pending", "unknown"]
    id: str | None = None
    leaf_hash: str | None = None
    by: str | None = None
    index: int | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseStandings:
    """An answer for each promise, in their order."""

    promises: tuple[PromiseStanding, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """An entry's proof. `proof` is the full C2SP tlog-proof, for standard tools; hashes are base64url."""

    id: str
    index: int
    leaf_hash: str
    proof: str
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAnswer:
    """Valid or not, tier, until when. No name, no quota.

    `valid_until` is the card's own end and `last_day` its last local day, as the printed face has it. Of a
    phone's card they are told where the issuer can be asked: its token ends long before.
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
    """A P-256 public key as JWK (RFC 7518 §6.2); nothing else of an exported key is sent."""

    kty: str
    crv: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLeft:
    """What is left of a limit: `resets_at` is when it starts again, null for ever."""

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
    """Fields to put in the place of the old ones, and another service where it changes."""

    fields: Mapping[str, str | int | bool | Sequence[str] | None]
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """The outcome of one record. `applied`: entered in the log, and counted where it was a grant; `held`: entered,
    and counted by nobody until a supervisor releases it; `dismissed`: put aside; `refused`: not taken.

    Of an entered record: `id` its entry, `outcome` and `reason` as logged, `marks` what is special, `linked` the
    entry that it contradicts, `joined` the visit it lies in at no cost, `used_at` the instant it belongs to.
    `why` it is held or was refused, in a stable word. `replayed`: it was answered before.
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
    """A supervisor lets a booking be used until an instant, and says why."""

    until: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Represented:
    """Whom an employer's clerk comes for, as the holder named it with the code; for which service the code serves
    and until when; how often it was used before, and when last.
    """

    employer: str
    ends_at: str
    service: str
    uses: int
    used_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswer:
    """The answer to a request, granted (taken up) or refused; `id` is its entry in the log."""

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
    """Requests: a department's, the most urgent first; or a holder's own, the newest first.

    `next`: the cursor of a holder's page after this one, absent at the end.
    """

    requests: tuple[RequestView, ...]
    server_time: str
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request in the form in which its department or its holder sees it: the service, for whom, the stage.

    `details` are what was asked for, masked without the right to names, left out once erased.
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
    """How services of a rule are booked. `basis`: journey, slot, notice or event; bounds belong to what they bound."""

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
    """One service of this point for the card looked at.

    `message` and `hint` say why it would be refused. `booking` is the one that a check-in naming none would use;
    `bookings` are all of the holder's that may be named instead.
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
    """Who asked for a counted service in a period, and the address; without withdrawn and refused requests."""

    service: str
    period: str
    subscribers: tuple[RequestView, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenApplication:
    """Our receipt number, for the status page together with `code`, which is told once: with the first answer."""

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
    """The server's time, and the same signed: what a device holds while it is offline."""

    server_time: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A point's day: its counts and its last entries, and those of before midnight that staff still deal with.

    `granted` counts uses that count: no re-entry, nothing voided. `denied` leaves out who was in already.
    """

    point: str
    date: str
    granted: int
    denied: int
    entries: tuple[EntrySeen, ...]
    server_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldPerson:
    """A person as on the identity document; `id_country` (three letters) with a passport alone."""

    name: str
    id_type: str
    id_number: str
    id_country: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAnswer:
    """An answer per record, in the order in which they were sent, and how far the queue has come."""

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
    """A witness's last cosignature: of which size, when; `late` when that is over ten minutes ago."""

    name: str
    size: int
    at: str | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A sentence in Chinese and in English."""

    zh: str
    en: str
