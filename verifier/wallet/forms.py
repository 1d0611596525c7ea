"""What a phone needs for booking and requesting: fields, times and choices, as values for its forms. No store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from cards.programme.types import BookingField, BookingRule, Programme, Service
from verifier.counter.answers import Words
from verifier.services.requests.service import can_be_asked

_MINUTE = timedelta(minutes=1)


class FieldAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a booking or a request. `kind`: text, note, names, phone, plates, number, yes-no, datetime, date.

    `services`: the field is only for these services. `counts`: the number says how many items the named field lists.
    `party`: the number is how many people come: "all", or those "besides" the holder. `labels`: names for one service
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
    labels: dict[str, Words] = msgspec.field(default_factory=dict)


class RuleAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class ReferenceAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one free field of a use or a request. With `choices`, only these values are accepted."""

    label: Words
    pattern: str
    required: bool
    choices: dict[str, Words] = msgspec.field(default_factory=dict)


class RequestAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to request a service without a counter. `departments`: the departments that can take it. `declarations`: what
    to confirm.
    """

    fields: tuple[FieldAsked, ...]
    departments: dict[str, Words]
    reference: ReferenceAsked | None = None
    declarations: tuple[Words, ...] = ()


def request_for(programme: Programme, service: Service) -> RequestAsked | None:
    """Return the fields of a request for a service, or None for a service that phones cannot request."""
    if service.closed is not None or not can_be_asked(service, by_office=False):
        return None
    reference = service.reference
    return RequestAsked(
        fields=tuple(_field(one) for one in (service.request.fields if service.request else ())),
        departments={code: Words.of(programme.departments[code].name) for code in service.departments},
        reference=None
        if reference is None
        else ReferenceAsked(
            label=Words.of(reference.label),
            pattern=reference.pattern,
            required=reference.required,
            choices={code: Words.of(name) for code, name in reference.choices.items()},
        ),
        declarations=tuple(Words.of(text) for text in service.declarations),
    )


def rules_for(programme: Programme, tier: str) -> dict[str, RuleAsked]:
    """Return the rules of the open services that cards of a tier include."""
    return rules_at(programme, (one for one in programme.services.values() if tier in one.tiers))


def rules_at(programme: Programme, services: Iterable[Service]) -> dict[str, RuleAsked]:
    """Return the rules by which some services are booked, by their codes."""
    codes = {one.booking for one in services if one.booking is not None and one.closed is None}
    return {code: _rule(rule) for code, rule in programme.booking_rules.items() if code in codes}


def _rule(rule: BookingRule) -> RuleAsked:
    return RuleAsked(
        name=Words.of(rule.name),
        basis=rule.basis.value,
        lead_minutes=rule.lead // _MINUTE,
        ahead_minutes=rule.ahead // _MINUTE,
        party_most=rule.party_most,
        cancel_until=rule.cancel_until,
        change_needs_lead=tuple(sorted(rule.change_needs_lead)),
        fields=tuple(_field(one) for one in rule.fields),
        slot_most_minutes=None if rule.slot_most is None else rule.slot_most // _MINUTE,
    )


def _field(one: BookingField) -> FieldAsked:
    return FieldAsked(
        code=one.code,
        label=Words.of(one.label),
        kind=one.kind,
        required=one.required,
        services=tuple(sorted(one.services)),
        counts=one.counts,
        pattern=one.pattern,
        party=one.party,
        labels={service: Words.of(text) for service, text in one.labels.items()},
    )
