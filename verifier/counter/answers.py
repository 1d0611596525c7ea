"""The requests and answers of a check-in (docs/design.md §9), as values. No rule, no store."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cards.programme.types import Text
from ledger import filtering

Code = filtering.Code
Beneficiaries = filtering.Beneficiaries
EntryId = Annotated[str, Meta(pattern=r"^[0-9a-f]{2}-[0-9]{6,12}$(?!\n)", description="An entry of the log.")]
Presented = Annotated[
    str, Meta(min_length=1, max_length=8192, description="What was scanned or tapped (docs/design.md §4).")
]
Short = Annotated[str, Meta(max_length=200)]


class Words(msgspec.Struct, frozen=True):
    """A sentence in Chinese and in English."""

    zh: str
    en: str

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(text: Text) -> Words:
        """Take a programme's text. If one language is missing, the other is used. A programme has few texts."""
        return Words(zh=text.in_language("zh"), en=text.in_language("en"))


class OverrideRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor's word that a refusal would be wrong: a reason of the closed set, and a note."""

    reason: Literal["phone-dead", "card-unreadable", "came-early", "left-unrecorded", "other"]
    note: Annotated[str, Meta(min_length=1, max_length=500)]


class MatterRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The matter that a check-in opens: its kind, and the department that decides it."""

    kind: Code | None = None
    decides: Code | None = None


class CheckInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A wish to use a service now: a fresh presentation, or the look to confirm."""

    service: Code
    presentation: Presented | None = None
    look: Annotated[str, Meta(max_length=64)] | None = None
    beneficiary: Beneficiaries = "holder"
    reference: Short | None = None
    id_checked: bool = False
    not_holder: bool = False
    represented: bool = False
    booking: EntryId | None = None
    companions: Annotated[int, Meta(ge=0, le=500, description="Beside the holder.")] = 0
    override: OverrideRequest | None = None
    matter: MatterRequest | None = None
    point: Code | None = None
    client_time: Annotated[int, Meta(ge=0, le=2**40, description="The device's clock, epoch seconds.")] | None = None


class LookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A look: the same steps as a check-in, but nothing is consumed."""

    presentation: Presented
    service: Code | None = None
    point: Code | None = None
    client_time: Annotated[int, Meta(ge=0, le=2**40)] | None = None


VOID_REASONS = ("wrong-service", "wrong-person", "left-unused", "double-scan", "service-failed", "other")


class VoidRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Takes a check-in back, with a reason of the closed set and an optional note."""

    reason: Literal["wrong-service", "wrong-person", "left-unused", "double-scan", "service-failed", "other"]
    note: Annotated[str, Meta(max_length=500)] | None = None


class CheckOutRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Closes a visit, now or at an earlier time that staff record late (RFC 3339). For a use without a visit, it gives
    the delivered items of the checklist: their numbers, from 1, in the list of what the service includes.
    """

    at: Annotated[str, Meta(max_length=40)] | None = None
    delivered: Annotated[list[Annotated[int, Meta(ge=1, le=99)]], Meta(max_length=99)] | None = None


class HolderView(msgspec.Struct, frozen=True):
    """The holder, as far as a counter may know: the department's own reference, and the masked name."""

    ref: str
    name: str


class QuotaLeft(msgspec.Struct, frozen=True):
    """The rest of a limit. `resets_at` is when the limit starts again, or null if it never does."""

    limit: str
    name: Words
    unit: str
    period: str
    used: int
    maximum: int
    remaining: int
    resets_at: str | None


class VisitTimes(msgspec.Struct, frozen=True):
    """An open visit."""

    started_at: str
    ends_at: str
    entry: str
    re_entry: bool = False


class ExcludedBy(msgspec.Struct, frozen=True):
    """The use that fixed the other choice."""

    service: str
    name: Words
    at: str
    entry: str


class PlaceView(msgspec.Struct, frozen=True):
    """Where to go instead."""

    point: str
    name: Words
    phone: str | None = None


class Contact(msgspec.Struct, frozen=True):
    """Whom to call."""

    department: Words
    phone: str


class Represented(msgspec.Struct, frozen=True, omit_defaults=True):
    """The employer for whom a clerk comes, as the holder named it with the code; the code's service and end; how often
    the code was used before, and when it was last used.
    """

    employer: str
    ends_at: str
    service: str
    uses: int
    used_at: str | None = None


class BookingView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A booking as a counter or its holder sees it. `kind`: journey, slot, notice or event.

    `details` are its fields. Passengers' names and other personal fields are masked without the right to names, and
    absent after their erasure. `told`: why the booking ended without its holder's wish.
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
    details: dict[str, Any] | None = None
    cancel_until: str | None = None
    told: str | None = None


class CheckInAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a check-in, granted or refused. `id` is its entry in the log."""

    id: str
    outcome: Literal["granted", "denied"]
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


class ServiceView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service of this point, for the card of the look.

    `message` and `hint` say why it would be refused. `booking` is the booking that a check-in would use if it names
    none. `bookings` are all bookings of the holder that it may name instead.
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


class LookAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class ChangeAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a void or a check-out: the new entry, the figures after it, and the delivered items."""

    id: str
    target: str
    kind: Literal["void", "check-out"]
    at: str
    server_time: str
    quotas: tuple[QuotaLeft, ...] = ()
    delivered: tuple[Words, ...] = ()
    replayed: bool = False
