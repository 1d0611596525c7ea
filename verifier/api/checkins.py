"""Check-ins, looks, voids and check-outs over HTTP."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request

from accounts.rights import Right
from edge.http import answer, current_request, idempotency_key, read_body, request_instant
from edge.instants import rfc3339
from edge.limits import RateLimit
from edge.metrics import count_decision
from edge.openapi import describe
from ledger.bookings import Booking
from ledger.values import Outcome
from verifier.api.asking import LOOK_OVER, Asking
from verifier.counter.answering import represented
from verifier.counter.answers import (
    BookingView,
    ChangeAnswer,
    CheckInAnswer,
    CheckInRequest,
    CheckOutRequest,
    LookAnswer,
    LookRequest,
    ServiceView,
    VoidRequest,
    Words,
)
from verifier.counter.booking_views import booking_view
from verifier.counter.changes import TARGET_PROBLEMS, Change
from verifier.counter.looks import Looked, ServiceSeen
from verifier.counter.phrasing import quotas_left, tier_words
from verifier.service import Verifier

WRITING = frozenset(
    {
        "operation-conflict",
        "clock-skew",
        "unavailable",
        "not-trusted",
        "not-permitted",
        "not-found",
        LOOK_OVER.code,
        "too-many-requests",
    }
)
PRESENTED = frozenset({"malformed", "card-unknown"})


def add_check_ins(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit, early: RateLimit) -> None:
    """Add POST /v1/check-ins. `early` limits the logged refusals of cards that cannot be believed."""

    @found.post("/v1/check-ins")
    @describe(
        summary="Check a holder in: judge, record, answer",
        tag="check-ins",
        body=CheckInRequest,
        answers={201: CheckInAnswer},
        problems=WRITING | PRESENTED,
        writes=True,
    )
    def check_in() -> Response:
        at = request_instant()
        intent = asking.check_in(current_request(), read_body(CheckInRequest), at)
        limit.require(intent.caller.id, at)
        judged = verifier.desk.check_in(intent, at, early=early)
        if intent.matter and judged.outcome.granted:
            verifier.matters.opened(judged, at)
        if not judged.outcome.replayed:
            count_decision("granted" if judged.outcome.granted else "denied", judged.outcome.reason)
        return answer(verifier.answering.check_in(judged, at), 201)


def add_looks(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add POST /v1/verifications, with a limit for each device."""

    @found.post("/v1/verifications")
    @describe(
        summary="Look at a presentation; nothing is consumed",
        tag="check-ins",
        body=LookRequest,
        answers={200: LookAnswer},
        problems=(WRITING | PRESENTED | {"too-many-requests"}) - {"operation-conflict", "not-found", LOOK_OVER.code},
    )
    def look() -> Response:
        at = request_instant()
        asked = asking.look(current_request(), read_body(LookRequest), at)
        limit.require(asked.caller.id, at)
        return answer(_look_answer(verifier, verifier.looks.look(asked, at), at))


def add_changes(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add POST /v1/check-ins/<id>/void and /check-out."""

    @found.post("/v1/check-ins/<entry>/void")
    @describe(
        summary="Take a check-in back, once",
        tag="check-ins",
        body=VoidRequest,
        answers={201: ChangeAnswer},
        problems=WRITING | TARGET_PROBLEMS,
        writes=True,
    )
    def void(entry: str) -> Response:
        at = request_instant()
        limit.require(asking.authenticate(request).id)
        change = Change(idempotency_key(), asking.authenticate(request), entry)
        body = read_body(VoidRequest)
        outcome = verifier.changes.void(change, body.reason, body.note, verifier.published(at), at)
        if verifier.store.matters.find(entry) is not None:
            verifier.matters.see(outcome.entry)
        return _changed(verifier, "void", entry, outcome, at)

    @found.post("/v1/check-ins/<entry>/check-out")
    @describe(
        summary="Close a visit, now or as of an earlier time, and say what was delivered",
        tag="check-ins",
        body=CheckOutRequest,
        answers={201: ChangeAnswer},
        problems=WRITING | TARGET_PROBLEMS,
        writes=True,
    )
    def check_out(entry: str) -> Response:
        at = request_instant()
        limit.require(asking.authenticate(request).id)
        change = Change(idempotency_key(), asking.authenticate(request), entry)
        body = read_body(CheckOutRequest)
        documents = verifier.published(at)
        outcome = verifier.changes.check_out(change, body.at, documents, at, body.delivered or ())
        return _changed(verifier, "check-out", entry, outcome, at)


def _changed(verifier: Verifier, kind: str, target: str, outcome: Outcome, at: datetime) -> Response:
    made = ChangeAnswer(
        id=outcome.entry,
        target=target,
        kind="void" if kind == "void" else "check-out",
        at=rfc3339(outcome.at),
        server_time=rfc3339(at),
        quotas=quotas_left(verifier.programme, outcome.figures),
        delivered=_delivered(verifier, kind, outcome),
        replayed=outcome.replayed,
    )
    return answer(made, 201)


def _delivered(verifier: Verifier, kind: str, outcome: Outcome) -> tuple[Words, ...]:
    """Say what a check-out recorded of the checklist, in the words of the service."""
    entry = verifier.ledger.entry(outcome.entry) if kind == "check-out" else None
    service = None if entry is None else verifier.programme.services.get(entry.leaf.service)
    if entry is None or service is None:
        return ()
    parts = dict(enumerate(service.includes, 1))
    return tuple(Words.of(parts[int(number)]) for number in entry.leaf.delivered if int(number) in parts)


def _look_answer(verifier: Verifier, looked: Looked, at: datetime) -> LookAnswer:
    message, hint = verifier.answering.look_words(looked, at)
    card = looked.card
    return LookAnswer(
        id=looked.look.id,
        valid=looked.reason is None,
        reason=looked.reason,
        message=message,
        hint=hint,
        server_time=rfc3339(at),
        expires_at=rfc3339(looked.look.expires_at),
        tier=None if card is None else card.tier,
        tier_name=None if card is None else tier_words(verifier.programme, card),
        assurance=looked.verdict.assurance_word,
        holder=None if card is None else verifier.answering.holder(looked.asked.point.department, card),
        needs=looked.needs,
        represented=None if looked.asked.delegation is None else represented(looked.asked.delegation),
        services=tuple(_service_view(verifier, looked, seen, at) for seen in looked.services),
    )


def _service_view(verifier: Verifier, looked: Looked, seen: ServiceSeen, at: datetime) -> ServiceView:
    names = looked.asked.caller.may(Right.NAMES, looked.asked.point.code)

    def shown(booking: Booking) -> BookingView:
        return booking_view(verifier.programme, booking, verifier.store.bookings.find(booking.id), names=names)

    message, hint = verifier.answering.service_words(looked, seen, at)
    return ServiceView(
        code=seen.service.code,
        name=Words.of(seen.service.name),
        entitled=seen.reason is None,
        reason=seen.reason,
        message=message,
        hint=hint,
        quotas=quotas_left(verifier.programme, seen.figures),
        booking=None if seen.booking is None else shown(seen.booking),
        bookings=tuple(shown(booking) for booking in seen.bookings),
        includes=tuple(Words.of(text) for text in seen.service.includes),
        own_expense=tuple(Words.of(text) for text in seen.service.own_expense),
    )
