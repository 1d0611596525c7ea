"""Matters over HTTP: a point's list with overdue matters, and the stages that its staff record."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.rights import Caller, Right
from cards.programme.types import Programme
from cards.working_days import is_announced
from edge.fields import invalid
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import rfc3339, rfc3339_or_none
from edge.openapi import describe
from verifier.api.asking import Asking
from verifier.api.checkins import WRITING
from verifier.counter.answers import Code, EntryId
from verifier.desks.matters import MatterDesk
from verifier.rules.matters import Matter, kind_open, target_of
from verifier.service import Verifier
from verifier.services.matters.service import MATTER_PROBLEMS, Stage
from verifier.services.requests.service import department_at


class MattersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of a point's matters."""

    point: Code
    state: Literal["open", "overdue", "closed"] = "open"


class StageRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stage that a matter has reached. `outcome` is needed to close the matter. `call_back` is the result of a call.

    `kind`: the kind of a matter that was opened offline without a kind (`kind_open`).
    """

    stage: Literal["complete", "forwarded", "followed-up", "closed"]
    outcome: Literal["done", "refused", "withdrawn", "passed-on"] | None = None
    decides: Code | None = None
    limit_working_days: Annotated[float, Meta(gt=0, le=365)] | None = None
    note: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    call_back: Literal["reached", "not-reached", "another-time"] | None = None
    kind: Code | None = None


class MatterView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A matter: its subject, window, stage and deadline. The holder is given in the list alone, until the holder is
    erased.

    `holder_name` is masked. `employer` is for callers with the right to names. `target`: the day by which the office
    wants to close the matter, if it is before the deadline. `provisional`: the holidays of the deadline's year are not
    announced yet, so the deadline can still move. `kind_open`: the matter was opened offline and still needs its kind;
    until then, `kind` is the service's code.
    """

    id: EntryId
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


class MatterList(msgspec.Struct, frozen=True):
    """A point's matters, the most urgent first."""

    matters: tuple[MatterView, ...]
    server_time: str


class StageAnswer(msgspec.Struct, frozen=True):
    """The matter after the stage, and the stage's own entry."""

    id: str
    matter: MatterView
    replayed: bool
    server_time: str


def add_matters(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add GET /v1/matters and POST /v1/matters/<entry>/stages."""
    desk = MatterDesk(verifier)

    @found.get("/v1/matters")
    @describe(
        summary="A point's matters: open, overdue or closed",
        tag="matters",
        query=MattersQuery,
        answers={200: MatterList},
        problems={"not-permitted", "invalid-field"},
    )
    def list_matters() -> Response:
        at = request_instant()
        caller, asked = asking.authenticate(request), read_query(MattersQuery)
        place = _place(verifier, asking, caller, asked.point)
        right = _right_at(verifier, place)
        listed = verifier.matters.listed(place, asked.state, at)
        listed = [matter for matter in listed if caller.may(right, place, matter.service)]
        names = caller.may(Right.NAMES, place)
        return answer(MatterList(tuple(_listed(verifier, matter, at, names=names) for matter in listed), rfc3339(at)))

    @found.post("/v1/matters/<entry>/stages")
    @describe(
        summary="Record a stage of a matter: complete, forwarded, followed up, closed",
        tag="matters",
        body=StageRequest,
        answers={201: StageAnswer},
        problems=WRITING | MATTER_PROBLEMS | {"no-notes"},
        writes=True,
    )
    def reach_stage(entry: str) -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        matter, outcome = desk.reach(_stage(caller, entry, read_body(StageRequest)), at)
        return answer(
            StageAnswer(outcome.entry, matter_view(matter, verifier.programme, at), outcome.replayed, rfc3339(at)), 201
        )


def _place(verifier: Verifier, asking: Asking, caller: Caller, named: str) -> str:
    """Return the place of a list: a point with counters, or a department's own place. Problem not-permitted
    otherwise.
    """
    if department_at(verifier.programme, named) is None:
        return asking.point(caller, Right.CHECK_IN, named).code
    if not caller.may_some(Right.BOOKINGS, named):
        raise caller.refusal(Right.BOOKINGS, named)
    return named


def _right_at(verifier: Verifier, place: str) -> Right:
    """Return the right over matters at a point with counters, or at a department's own place."""
    return Right.CHECK_IN if department_at(verifier.programme, place) is None else Right.BOOKINGS


def _stage(caller: Caller, entry: str, body: StageRequest) -> Stage:
    if (body.stage == "closed") is (body.outcome is None):
        raise invalid("$.outcome", "how it was closed is told when it is closed, and then alone")
    return Stage(
        operation=idempotency_key(),
        caller=caller,
        matter=entry,
        stage=body.stage,
        outcome=body.outcome,
        decides=body.decides,
        limit_working_days=body.limit_working_days,
        note=body.note,
        call_back=body.call_back,
        kind=body.kind,
    )


def _listed(verifier: Verifier, matter: Matter, at: datetime, *, names: bool) -> MatterView:
    """Return a line of the register, with the holder of its matter."""
    view, details = matter_view(matter, verifier.programme, at), verifier.requests.details(matter.id)
    if details is None:
        return view
    beneficiary, employer = details.fields.get("beneficiary"), details.fields.get("employer")
    return msgspec.structs.replace(
        view,
        holder_name=details.name,
        holder_ref=verifier.answering.reference(matter.department, details.subject),
        tier=details.tier,
        beneficiary=beneficiary if isinstance(beneficiary, str) else None,
        employer=employer if names and isinstance(employer, str) else None,
    )


def matter_view(matter: Matter, programme: Programme, at: datetime) -> MatterView:
    """Return a matter as staff see it."""
    target = target_of(programme, matter)
    return MatterView(
        id=matter.id,
        point=matter.point,
        service=matter.service,
        kind=matter.kind,
        kind_open=kind_open(programme.services.get(matter.service), matter),
        stage=matter.stage,
        opened_at=rfc3339(matter.opened_at),
        decides=matter.decides,
        reference=matter.reference,
        complete_at=rfc3339_or_none(matter.complete_at),
        deadline=rfc3339_or_none(matter.deadline),
        closed_at=rfc3339_or_none(matter.closed_at),
        outcome=matter.outcome,
        target=rfc3339_or_none(target),
        past_target=target is not None and (matter.closed_at or at) > target,
        overdue=matter.overdue(at),
        provisional=matter.deadline is not None
        and not is_announced(programme, matter.deadline.astimezone(programme.zone).date()),
    )
