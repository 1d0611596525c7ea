"""Requests and answers about services without a counter, and the sentences of the answers.

Holds no rule and no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from cards.programme.types import Programme, Service, Text
from edge.instants import rfc3339, rfc3339_or_none
from verifier.counter.answering import Answering
from verifier.counter.answers import (
    Beneficiaries,
    Code,
    Contact,
    EntryId,
    MatterRequest,
    Presented,
    QuotaLeft,
    Short,
    Words,
)
from verifier.counter.booking_views import masked_fields
from verifier.counter.phrasing import (
    card_values,
    contact_of,
    filled,
    outcome_values,
    quotas_left,
    refused_words,
    ruling_values,
)
from verifier.records.bookings import BookingDetails
from verifier.rules.matters import Matter
from verifier.rules.reasons import REASONS
from verifier.services.bookings.answers import FieldValues
from verifier.services.requests.service import Requested


class WalletRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request by the holder's own phone. The call's proof names this card."""

    card: Presented
    service: Code
    fields: FieldValues = msgspec.field(default_factory=dict)
    reference: Short | None = None
    confirmed: bool = False
    beneficiary: Beneficiaries | None = None
    department: Code | None = None


class StaffRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request taken by staff, for a shown card or a number on the telephone; or a matter that the office opens
    itself.
    """

    service: Code
    fields: FieldValues = msgspec.field(default_factory=dict)
    presentation: Presented | None = None
    card_number: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    called_back: bool = False
    id_checked: bool = False
    reference: Short | None = None
    confirmed: bool = False
    beneficiary: Beneficiaries | None = None
    department: Code | None = None
    matter: MatterRequest | None = None


class RequestsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of a department's requests."""

    department: Code
    state: Literal["open", "overdue", "closed"] = "open"


class SubscribersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The holders who requested a counted service in a period, such as a year's newspaper. `format` csv or json."""

    service: Code
    period: Annotated[str, Meta(pattern=r"^([0-9]{4}|[0-9]{4}-(0[1-9]|1[0-2]))$(?!\n)", description="2026 or 2026-10.")]
    format: Literal["csv", "json"] = "csv"


class RequestView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as its department or its holder sees it: the service, the beneficiary, the stage.

    `details` are the requested values, masked without the right to names, and absent after their erasure.
    """

    id: EntryId
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
    details: dict[str, Any] | None = None
    holder_ref: str | None = None
    holder_name: str | None = None


class RequestAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a request, granted (taken up) or refused. `id` is its entry in the log."""

    id: str
    outcome: Literal["granted", "denied"]
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


class RequestList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests: a department's, most urgent first, or a holder's own, newest first.

    `next`: the cursor of a holder's next page; absent at the end.
    """

    requests: tuple[RequestView, ...]
    server_time: str
    next: str | None = None


class TakenBack(msgspec.Struct, frozen=True):
    """A request that was taken back, and the entry that recorded this."""

    id: str
    request: RequestView
    quotas: tuple[QuotaLeft, ...]
    replayed: bool
    server_time: str


class Subscribers(msgspec.Struct, frozen=True):
    """The holders who requested a counted service in a period, and their addresses, without withdrawn and refused
    requests.
    """

    service: str
    period: str
    subscribers: tuple[RequestView, ...]
    server_time: str


TAKEN: Final = Text(zh="已受理：{service}", en="Your request is taken: {service}")
NEXT: Final = Text(zh="{department}将与您联系，办理进度可在“我的申请”查看。", en="{department} will be in touch; see how far it is under your requests.")  # fmt: skip # noqa: E501 - a sentence stays on one line


def request_answer(answering: Answering, requested: Requested, at: datetime, *, names: bool) -> RequestAnswer:
    """Return the answer to a request."""
    outcome, programme = requested.outcome, requested.documents.programme
    message, hint = _words(requested, at)
    reason = None if outcome.reason is None else REASONS[outcome.reason]
    contact = None if reason is None else contact_of(programme, requested.service, reason)
    matter = requested.matter
    return RequestAnswer(
        id=outcome.entry,
        outcome="granted" if outcome.granted else "denied",
        reason=outcome.reason,
        message=message,
        hint=hint,
        at=rfc3339(outcome.at),
        server_time=rfc3339(at),
        request=None if matter is None else request_view(programme, matter, requested.details, at, names=names),
        quotas=quotas_left(programme, outcome.figures),
        call=contact,
        promise=answering.promise(outcome.entry, outcome.leaf_hash, outcome.at),
        replayed=outcome.replayed,
    )


def request_view(
    programme: Programme, matter: Matter, details: BookingDetails | None, at: datetime, *, names: bool
) -> RequestView:
    """Return a request as it is shown. With `names`, nothing is masked."""
    service, department = programme.services.get(matter.service), programme.departments.get(matter.department)
    return RequestView(
        id=matter.id,
        service=matter.service,
        service_name=Words(matter.service, matter.service) if service is None else Words.of(service.name),
        department=matter.department,
        department_name=Words(matter.department, matter.department)
        if department is None
        else Words.of(department.name),
        stage=matter.stage,
        opened_at=rfc3339(matter.opened_at),
        reference=matter.reference,
        decides=matter.decides,
        complete_at=rfc3339_or_none(matter.complete_at),
        deadline=rfc3339_or_none(matter.deadline),
        closed_at=rfc3339_or_none(matter.closed_at),
        outcome=matter.outcome,
        overdue=matter.overdue(at),
        channel=None if details is None else details.channel,
        details=None if details is None else _shown(service, details.fields, names=names),
    )


def _shown(service: Service | None, fields: Mapping[str, Any], *, names: bool) -> dict[str, Any]:
    rule = None if service is None else service.request
    if names or rule is None:
        return dict(fields) if names else {}
    return masked_fields(rule, fields)


def _words(requested: Requested, at: datetime) -> tuple[Words, Words]:
    outcome, programme = requested.outcome, requested.documents.programme
    values: dict[str, Text] = outcome_values(programme, outcome)
    if requested.card is not None:
        values |= card_values(programme, requested.card, at)
        subject = requested.card.subject
        values |= ruling_values(requested.documents, requested.service, subject, outcome.reason or "")
    if outcome.reason is not None:
        return refused_words(programme, requested.service, outcome.reason, values)
    department = None if requested.matter is None else programme.departments.get(requested.matter.department)
    values["service"] = requested.service.name
    if department is not None:
        values["department"] = department.name
    return filled(TAKEN, values), filled(NEXT, values)
