"""An integrator's own webhooks over HTTP: how they stand, what was given up, and having it sent again."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.http import Authenticator
from accounts.rights import Caller
from edge.http import answer, read_body, read_query, request_instant
from edge.instants import rfc3339, rfc3339_or_none
from edge.openapi import describe
from edge.problems import Problem
from hooks.queue import Delivery, WebhookStanding
from hooks.registry import Hook, RefusedHook
from hooks.service import Hooks

CALLS_A_SECOND, CALLS_AT_ONCE = 0.5, 60
NAMES_MOST: Final = 200
"""So many events are named in one call; without names all are meant."""
OFFSET_MOST: Final = 1_000_000

WebhookId = Annotated[str, Meta(min_length=1, max_length=80, description="The header `webhook-id` of its calls.")]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook. `points`: `*` for all of the integrator's. `stopped`: `gone` (its receiver answered 410), `by-hand`.

    `waiting` events are still to be sent, the oldest queued at `waiting_since`; `dead` were given up after three days.
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


class Webhooks(msgspec.Struct, frozen=True):
    """The integrator's webhooks, oldest first."""

    webhooks: tuple[Webhook, ...]
    server_time: str


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up: how often it was tried, and what came of the last try. Kept for ninety days."""

    webhook_id: str
    type: str
    queued_at: str
    given_up_at: str | None
    tries: int
    fault: str | None


class DeadLetters(msgspec.Struct, frozen=True):
    """Events that were given up, newest first; `dead` counts them all."""

    dead_letters: tuple[DeadLetter, ...]
    dead: int
    server_time: str


class DeadLettersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Annotated[int, Meta(ge=0, le=OFFSET_MOST)] = 0


class SendAgain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events are sent again."""

    webhook_ids: (
        Annotated[tuple[WebhookId, ...], Meta(max_length=NAMES_MOST, description="Left out: all of them.")] | None
    ) = None


class SentAgain(msgspec.Struct, frozen=True):
    """How many events wait to be sent again; those that were no dead letters any more are not counted."""

    sent_again: int
    server_time: str


def hook_calls(hooks: Hooks, authenticate: Authenticator) -> Blueprint:
    """Return GET /v1/webhooks, GET and POST /v1/webhooks/<id>/dead-letters. An integrator sees its own alone."""
    found = Blueprint("hook-calls", __name__)
    limit = authenticate.limiter.limit("hook-calls", CALLS_A_SECOND, CALLS_AT_ONCE)

    def integrator() -> Caller:
        caller = authenticate(request)
        if caller.kind != "integrator":
            raise Problem("not-permitted")
        limit.require(caller.id)
        return caller

    @found.get("/v1/webhooks")
    @describe(
        summary="How the integrator's own webhooks stand",
        tag="webhooks",
        answers={200: Webhooks},
        problems={"not-permitted", "too-many-requests"},
        auth="integrator",
    )
    def webhooks() -> Response:
        who, standing = integrator(), hooks.queue.standing()
        mine = [one for one in hooks.registry.listed() if one.integrator == who.id]
        return answer(Webhooks(tuple(_webhook(one, standing.get(one.id)) for one in mine), _now()))

    @found.get("/v1/webhooks/<webhook>/dead-letters")
    @describe(
        summary="The events that were given up for one of the integrator's webhooks",
        tag="webhooks",
        query=DeadLettersQuery,
        answers={200: DeadLetters},
        problems={"not-permitted", "not-found", "too-many-requests"},
        auth="integrator",
    )
    def dead_letters(webhook: str) -> Response:
        mine, asked = _own(hooks, integrator(), webhook), read_query(DeadLettersQuery)
        rows = hooks.queue.dead(mine.id, limit=asked.limit, offset=asked.offset)
        dead = hooks.queue.standing().get(mine.id, WebhookStanding(0, None, 0)).dead
        return answer(DeadLetters(tuple(map(_letter, rows)), dead, _now()))

    @found.post("/v1/webhooks/<webhook>/dead-letters")
    @describe(
        summary="Have events that were given up sent again, under the same webhook-id; a repeated call changes nothing",
        tag="webhooks",
        body=SendAgain,
        answers={200: SentAgain},
        problems={"not-permitted", "not-found", "too-many-requests"},
        auth="integrator",
    )
    def send_dead_letters(webhook: str) -> Response:
        who = integrator()
        mine, body = _own(hooks, who, webhook), read_body(SendAgain)
        by, at = f"integrator:{who.id}", request_instant()
        return answer(SentAgain(hooks.queue.again(hook=mine.id, names=body.webhook_ids, by=by, at=at), _now()))

    return found


def _own(hooks: Hooks, who: Caller, webhook: str) -> Hook:
    """Return one of the integrator's own webhooks; Problem not-found for another's, as if there were none."""
    try:
        found = hooks.registry.find(webhook)
    except RefusedHook:
        raise Problem("not-found") from None
    if found.integrator != who.id:
        raise Problem("not-found")
    return found


def _webhook(hook: Hook, standing: WebhookStanding | None) -> Webhook:
    stands = standing or WebhookStanding(0, None, 0)
    return Webhook(
        id=hook.id,
        url=hook.url,
        kinds=hook.kinds,
        points=tuple(sorted(hook.points)),
        stopped=None if hook.stopped_at is None else hook.stopped_why,
        waiting=stands.waiting,
        waiting_since=rfc3339_or_none(stands.oldest),
        dead=stands.dead,
        taken_at=rfc3339_or_none(hook.sent_at),
        fault=hook.fault,
        fault_at=rfc3339_or_none(hook.fault_at),
    )


def _letter(one: Delivery) -> DeadLetter:
    return DeadLetter(
        webhook_id=one.name,
        type=one.kind,
        queued_at=rfc3339(one.queued_at),
        given_up_at=rfc3339_or_none(one.dead_at),
        tries=one.tries,
        fault=one.fault,
    )


def _now() -> str:
    return rfc3339(request_instant())
