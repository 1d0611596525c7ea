"""The programme and its points over HTTP: the services of each point, and a point's day without names."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from accounts.rights import Right
from cards.programme.export import programme_json
from cards.programme.types import Point, Programme, Service
from edge.http import answer, request_instant
from edge.openapi import describe
from edge.opening import public, revalidated
from edge.packing import packed
from edge.problems import Problem
from verifier.api.asking import Asking
from verifier.api.todays import Today, todays
from verifier.counter.answers import Contact, Words
from verifier.rules.entitlement import numbers_of
from verifier.service import Verifier
from verifier.wallet.forms import RuleAsked, rules_at

_PUBLIC_CACHE = {"Cache-Control": "public, max-age=300"}


class FieldLabel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a booking's `details`, and its label. `kind` as in the programme file."""

    code: str
    label: Words
    kind: str


class PointService(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service of a point, as its counter needs it.

    `reference_choices`, if given, are the only values of the reference. `look_first`: the counter looks before it
    checks in. `booking` names the service's rule. `matter_kinds` and `matter_departments`: the possible kinds of the
    matter that a check-in opens, and the departments that may decide it. `includes` and `own_expense` are the staff's
    checklist. `materials`, `steps`, `notes` and `numbers` are what staff tell a visitor.
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
    reference_choices: dict[str, Words] = msgspec.field(default_factory=dict)
    matter_kinds: dict[str, Words] = msgspec.field(default_factory=dict)
    matter_departments: dict[str, Words] = msgspec.field(default_factory=dict)
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


class PointView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A point and its services. `digits_only`: phones show the digits-only form there. `booking_rules`: the fields that
    a booking of its services asks for.
    """

    code: str
    name: Words
    department: Words
    address: Words | None = None
    phones: tuple[str, ...] = ()
    digits_only: bool = False
    services: tuple[PointService, ...] = ()
    booking_rules: dict[str, RuleAsked] = msgspec.field(default_factory=dict)


def add_points(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add GET /v1/programme, /v1/points/<code> and /v1/points/<code>/today."""

    @cache
    def whole() -> bytes:
        return msgspec.json.encode(programme_json(verifier.programme))

    @found.get("/v1/programme")
    @describe(summary="The whole programme", tag="programme", answers={200: dict[str, Any]}, auth="none")
    @public
    def programme() -> Response:
        return packed(revalidated(Response(whole(), 200, _PUBLIC_CACHE, content_type="application/json")))

    @found.get("/v1/points/<code>")
    @describe(
        summary="A point and its services",
        tag="programme",
        answers={200: PointView},
        auth="none",
        problems={"not-found"},
    )
    @public
    def point(code: str) -> Response:
        place = verifier.programme.points.get(code)
        if place is None:
            raise Problem("not-found")
        return revalidated(answer(point_view(verifier.programme, place), 200, _PUBLIC_CACHE))

    @found.get("/v1/points/<code>/today")
    @describe(
        summary="A point's counts and last entries today, without names",
        tag="check-ins",
        answers={200: Today},
        problems={"not-permitted", "unavailable"},
    )
    def today(code: str) -> Response:
        caller = asking.authenticate(request)
        if not caller.may_some(Right.CHECK_IN, code):
            raise caller.refusal(Right.CHECK_IN, code)
        return answer(todays(verifier.programme, verifier.ledger, code, request_instant()))


def point_view(programme: Programme, place: Point) -> PointView:
    """Return a point as its counter needs it."""
    department = programme.departments[place.department]
    offered = [service for code, service in programme.services.items() if code in place.services]
    return PointView(
        code=place.code,
        name=Words.of(place.name),
        department=Words.of(department.name),
        address=None if place.address is None else Words.of(place.address),
        phones=tuple(phone.number for phone in place.phones),
        digits_only=place.digits_only,
        services=tuple(_point_service(programme, service) for service in offered if service.checked_in),
        booking_rules=rules_at(programme, offered),
    )


def _point_service(programme: Programme, service: Service) -> PointService:
    reference, rule = service.reference, service.matter
    return PointService(
        code=service.code,
        name=Words.of(service.name),
        mode=service.mode.value,
        tiers=tuple(sorted(service.tiers, key=lambda code: -programme.tiers[code].rank)),
        beneficiaries=tuple(sorted(service.beneficiaries)),
        closed=None if service.closed is None else Words.of(service.closed),
        reference=None if reference is None else Words.of(reference.label),
        reference_pattern=None if reference is None else reference.pattern,
        reference_required=reference is not None and reference.required,
        matter_kinds={} if rule is None else {code: Words.of(text) for code, text in rule.kinds.items()},
        matter_departments={}
        if rule is None
        else {code: Words.of(programme.departments[code].name) for code in rule.departments},
        reference_choices={} if reference is None else {k: Words.of(text) for k, text in reference.choices.items()},
        visit_minutes=None if service.visit is None else int(service.visit.length.total_seconds() // 60),
        look_first=service.look_first,
        companions_most=service.companions_most,
        includes=tuple(Words.of(text) for text in service.includes),
        own_expense=tuple(Words.of(text) for text in service.own_expense),
        booking=service.booking if service.closed is None else None,
        booking_fields=_booking_fields(programme, service),
        materials=tuple(Words.of(text) for text in service.materials),
        steps=tuple(Words.of(text) for text in service.steps),
        notes=tuple(Words.of(text) for text in service.notes),
        numbers=tuple(Contact(Words.of(label), number) for label, number in numbers_of(programme, service)),
    )


def _booking_fields(programme: Programme, service: Service) -> tuple[FieldLabel, ...]:
    rule = programme.booking_rules.get(service.booking or "")
    fields = () if rule is None else rule.fields
    asked = (one for one in fields if not one.services or service.code in one.services)
    return tuple(FieldLabel(code=one.code, label=Words.of(one.label_for(service.code)), kind=one.kind) for one in asked)
