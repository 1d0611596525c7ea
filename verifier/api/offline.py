"""Offline records over HTTP: uploads, decisions on waiting records, reports of contradictions, and the signed time."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.authenticator import Authenticator
from accounts.rights import EVERYWHERE, Caller, Right
from edge.fields import span_asked
from edge.http import answer, body_limit, read_body, read_query, request_instant
from edge.instants import rfc3339
from edge.limits import RateLimit
from edge.openapi import describe
from edge.problems import Problem
from verifier.api.asking import Asking
from verifier.counter.answers import Code
from verifier.counter.checking_in import ledger_problems
from verifier.desks.held import held_record
from verifier.offline.answers import (
    BATCH_MOST,
    ConflictsAnswer,
    Decision,
    HeldAnswer,
    RecordAnswer,
    TimeAnswer,
    UploadAnswer,
    UploadRequest,
)
from verifier.offline.conflicts import Wanted, conflicts_of, incidents_of
from verifier.offline.service import OfflineService
from verifier.records.store import Access
from verifier.service import Verifier

BODY_MOST = 2 * 1024 * 1024
"""The bytes of one call: 200 records of the longest kind fit, and fifty calls upload a queue of 10,000."""

UPLOADS_A_SECOND, UPLOADS_AT_ONCE = 2.0, 120
PROBLEMS = frozenset({"unavailable", "clock-skew", "not-trusted", "not-permitted"})


class ConflictQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Filters of the report. Instants are RFC 3339 times of receipt, and `until` is excluded."""

    since: Annotated[str, Meta(max_length=40)] | None = None
    until: Annotated[str, Meta(max_length=40)] | None = None
    point: Code | None = None


def add_offline(found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator) -> None:
    """Add the calls of devices and supervisors about offline records, and the signed time."""
    desk = OfflineService(verifier, authenticate.store)
    limit = authenticate.limiter.limit("uploads", UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
    _add_time(found, verifier, authenticate)
    _add_upload(found, verifier, desk, asking, limit)
    _add_held(found, desk, asking)
    _add_conflicts(found, verifier, asking)


def _add_time(found: Blueprint, verifier: Verifier, authenticate: Authenticator) -> None:
    limit = authenticate.limiter.limit("time", UPLOADS_A_SECOND, UPLOADS_AT_ONCE)

    @found.get("/v1/time")
    @describe(
        summary="The server's time, signed: what a device holds while it is offline",
        tag="offline",
        answers={200: TimeAnswer},
        problems={"too-many-requests"},
        auth="none",
    )
    def server_time() -> Response:
        limit.require(authenticate.source(request))
        at = request_instant()
        return answer(TimeAnswer(rfc3339(at), verifier.answering.time(at)))


def _add_upload(found: Blueprint, verifier: Verifier, desk: OfflineService, asking: Asking, limit: RateLimit) -> None:
    @found.post("/v1/offline-check-ins")
    @body_limit(BODY_MOST)
    @describe(
        summary=f"Upload up to {BATCH_MOST} records that a device signed while it was offline",
        tag="offline",
        body=UploadRequest,
        answers={200: UploadAnswer},
        problems=PROBLEMS | {"too-many-requests", "too-large"},
    )
    def upload() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        if caller.kind != "device":
            raise Problem("not-permitted")
        limit.require(caller.id)
        answers = desk.upload(read_body(UploadRequest).records, caller, at)
        made = UploadAnswer(
            answers=answers,
            server_time=rfc3339(at),
            time=verifier.answering.time(at),
            progress=desk.progress(caller, at),
        )
        return answer(made)


def _add_held(found: Blueprint, desk: OfflineService, asking: Asking) -> None:
    @found.get("/v1/offline-check-ins/held")
    @describe(
        summary="Records that wait for a supervisor of their service: what does not stand by itself, late ones",
        tag="offline",
        answers={200: HeldAnswer},
        problems={"not-permitted"},
    )
    def held() -> Response:
        waiting = desk.waiting(asking.authenticate(request))
        return answer(HeldAnswer(tuple(held_record(record) for record in waiting)))

    @found.post("/v1/offline-check-ins/held/<digest>/decision")
    @describe(
        summary="Let a record that waits count, or put it aside, once",
        tag="offline",
        body=Decision,
        answers={200: RecordAnswer},
        problems=PROBLEMS | {"not-found"},
    )
    def decide(digest: str) -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        return answer(desk.decide(digest, caller, read_body(Decision), at))


def _add_conflicts(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    @found.get("/v1/offline-check-ins/conflicts")
    @describe(
        summary="What offline records contradict: holders by the log's names, devices, times",
        tag="offline",
        query=ConflictQuery,
        answers={200: ConflictsAnswer},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def conflicts() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        asked = read_query(ConflictQuery)
        wanted = _wanted(asked, caller)
        with ledger_problems():
            report = tuple(conflicts_of(verifier.ledger, wanted))
        incidents = incidents_of(verifier.store.offline) if wanted.points is None else ()
        what = f"offline conflicts {msgspec.json.encode(asked).decode()}"
        verifier.store.record(Access("log", caller.id, what, caller.operator_id, caller.point), at)
        return answer(ConflictsAnswer(report, incidents, rfc3339(at)))


def _wanted(asked: ConflictQuery, caller: Caller) -> Wanted:
    points = caller.points(Right.AUDIT)
    if not points:
        raise Problem("not-permitted")
    if asked.point is not None:
        caller.require(Right.AUDIT, asked.point)
        points = frozenset({asked.point})
    return Wanted(*span_asked(asked.since, asked.until), None if EVERYWHERE in points else points)
