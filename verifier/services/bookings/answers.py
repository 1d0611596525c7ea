"""Requests and answers about bookings, and the sentences of the answers. Holds no rule and no store."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from cards.programme.types import BookingBasis, Text
from edge.instants import rfc3339
from verifier.counter.answering import Answering
from verifier.counter.answers import BookingView, Code, Contact, EntryId, ExcludedBy, Presented, QuotaLeft, Words
from verifier.counter.booking_views import booking_view, plan_values, window_values
from verifier.counter.phrasing import (
    card_values,
    contact_of,
    excluded_by,
    filled,
    outcome_values,
    quotas_left,
    refused_words,
    ruling_values,
)
from verifier.rules.bookings import departs, has_day
from verifier.rules.reasons import REASONS
from verifier.services.bookings.noticed import notice_values
from verifier.services.bookings.service import Booked

FieldText = Annotated[str, Meta(max_length=200)]
FieldValue = FieldText | int | bool | Annotated[list[FieldText], Meta(max_length=50)] | None
FieldValues = Annotated[dict[Annotated[str, Meta(max_length=40)], FieldValue], Meta(max_length=40)]
Instant = Annotated[str, Meta(max_length=40, description="RFC 3339.")]
NoteText = Annotated[str, Meta(min_length=1, max_length=500)]

CancelReason = Literal["by-holder", "carrier-cancelled", "organiser-cancelled", "card-ended", "mistake", "other"]


class BookingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A booking made by staff: for a card that was shown, or by telephone for a card number whose holder was called
    back.
    """

    service: Code
    fields: FieldValues
    presentation: Presented | None = None
    card_number: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    called_back: bool = False
    id_checked: bool = False
    point: Code | None = None


class Rebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields that replace the old ones, and another service if it changes."""

    fields: FieldValues
    service: Code | None = None


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The carrier's new time, or the day that an organiser has set."""

    expected_at: Instant


class Reopen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor allows a booking to be used until an instant, and says why."""

    until: Instant
    note: NoteText


class BookingPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the three changes of a booking."""

    change: Rebook | None = None
    delay: Delay | None = None
    reopen: Reopen | None = None


class CancelQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a booking is cancelled."""

    reason: CancelReason = "by-holder"


class BookingsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bookings of a point expected on a local day, or without a day, the bookings held from now on."""

    point: Code
    on: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")] | None = None


class WalletBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A booking by the holder's own phone. The call's proof names this card."""

    card: Presented
    service: Code
    fields: FieldValues


class WalletChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change by the holder's own phone."""

    card: Presented
    fields: FieldValues
    service: Code | None = None


class WalletCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The card of the phone that asks."""

    card: Presented


class BookingWarning(msgspec.Struct, frozen=True):
    """A warning that does not stop a booking now but may stop its use later. `code` is stable."""

    code: str
    message: Words


class BookingAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a booking or its change, granted or refused. `id` is its entry in the log."""

    id: str
    outcome: Literal["granted", "denied"]
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


class ListedBooking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A booking in a point's list, and its holder as far as this department may know."""

    booking: BookingView
    holder_ref: str | None = None
    holder_name: str | None = None


class BookingList(msgspec.Struct, frozen=True, kw_only=True):
    """A point's bookings, in the order of their expected times."""

    point: str
    bookings: tuple[ListedBooking, ...]
    server_time: str


class OwnBookings(msgspec.Struct, frozen=True):
    """A holder's own bookings, without masks."""

    bookings: tuple[BookingView, ...]
    server_time: str


class MissedHolder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A holder whom the office should know about: many missed bookings of one rule this year at the caller's points.

    `holder_ref` is the department's own reference of the holder. It is absent, with the name, after the details are
    erased.
    """

    rule: str
    missed: int
    holder_ref: str | None = None
    holder_name: str | None = None
    last: EntryId


class MissedList(msgspec.Struct, frozen=True):
    """The holders who often missed bookings this year."""

    holders: tuple[MissedHolder, ...]
    server_time: str


DONE: Final = {
    "booked": Text(zh="已预约：{service}", en="Booked: {service}"),
    "changed": Text(zh="预约已更改：{service}", en="The booking is changed: {service}"),
    "delayed": Text(zh="已按新时间调整：{service}", en="Moved to the new time: {service}"),
    "reopened": Text(zh="预约已重新开放：{service}", en="The booking is open again: {service}"),
    "cancelled": Text(zh="预约已取消：{service}", en="The booking is cancelled: {service}"),
}
"""The sentence for each kind of change."""

REPORT: Final = Text(zh="{opens} 起，{expected} 起飞前报到。", en="From {opens} on; report before {expected}.")
DAY_FOLLOWS: Final = Text(zh="日期由主办单位另行通知。", en="The organiser tells you the day.")
ON_DAY: Final = Text(zh="安排在 {day}，当天到场使用。", en="It is on {day}: come on that day.")
USE_FROM: Final = Text(zh="{opens} 至 {closes} 到场使用。", en="To be used from {opens} to {closes}.")
GIVEN_BACK: Final = Text(zh="名额已退回。", en="The unit is given back.")
CARD_ENDS: Final = BookingWarning(
    "card-expires-before-use",
    Words(
        zh="卡片在使用当日之前到期，请先续期，预约保留。",
        en="The card expires before that day: renew it first; the booking stays.",
    ),
)


def booking_answer(answering: Answering, booked: Booked, done: str, at: datetime, *, names: bool) -> BookingAnswer:
    """Return the answer to a call about a booking. `done` names the change that a grant made."""
    outcome, programme = booked.outcome, booked.documents.programme
    message, hint = _words(booked, done, at)
    reason = None if outcome.reason is None else REASONS[outcome.reason]
    contact = None if reason is None else contact_of(programme, booked.service, reason)
    shown = None if booked.booking is None else booking_view(programme, booked.booking, booked.details, names=names)
    return BookingAnswer(
        id=outcome.entry,
        outcome="granted" if outcome.granted else "denied",
        reason=outcome.reason,
        message=message,
        hint=hint,
        at=rfc3339(outcome.at),
        server_time=rfc3339(at),
        booking=shown,
        quotas=quotas_left(programme, outcome.figures),
        excluded_by=None if outcome.taken is None else excluded_by(programme, outcome.taken),
        call=contact,
        warnings=_warnings(booked),
        promise=answering.promise(outcome.entry, outcome.leaf_hash, outcome.at),
        replayed=outcome.replayed,
    )


def _warnings(booked: Booked) -> tuple[BookingWarning, ...]:
    ends_first = (
        booked.card is not None
        and booked.booking is not None
        and booked.card.expires_at <= booked.booking.window.scheduled_at
    )
    return (CARD_ENDS,) if ends_first else ()


def _departs(booked: Booked) -> bool:
    """Return whether passengers depart. Departing passengers come before take-off, so no later bound is shown."""
    rule = booked.documents.programme.booking_rules.get(booked.service.booking or "")
    return rule is not None and departs(rule, booked.service)


def _words(booked: Booked, done: str, at: datetime) -> tuple[Words, Words]:
    outcome, programme = booked.outcome, booked.documents.programme
    values: dict[str, Text] = outcome_values(programme, outcome)
    if booked.card is not None:
        values |= card_values(programme, booked.card, at)
        values |= ruling_values(booked.documents, booked.service, booked.card.subject, outcome.reason or "")
    if booked.booking is not None:
        values |= window_values(programme, booked.booking, at)
    if outcome.reason is not None:
        if booked.plan is not None:
            values |= plan_values(programme, booked.plan, at)
        if booked.noticed is not None:
            values |= notice_values(booked.noticed, at)
        return refused_words(programme, booked.service, outcome.reason, values)
    values["service"] = booked.service.name
    return filled(DONE[done], values), filled(_hint(booked, done), values)


def _hint(booked: Booked, done: str) -> Text:
    """Return in plain words when to come. A whole year or a whole day is not given in hours."""
    rule = booked.documents.programme.booking_rules.get(booked.service.booking or "")
    if done == "cancelled":
        return GIVEN_BACK
    if rule is not None and rule.basis is BookingBasis.NOTICE and booked.booking is not None:
        return ON_DAY if has_day(booked.booking.window) else DAY_FOLLOWS
    return REPORT if _departs(booked) else USE_FROM
