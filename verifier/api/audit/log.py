"""The usage log over HTTP, for auditors: searched and paged. Every reading is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.rights import EVERYWHERE, Caller, Right
from edge.fields import span_asked
from edge.http import answer, read_query, request_instant
from edge.instants import rfc3339
from edge.openapi import describe
from edge.problems import Problem
from ledger.filtering import EntryFilter, name_in
from ledger.leaf import fields_of
from ledger.values import Entry, Query
from verifier.api.asking import Asking
from verifier.api.audit.by_use import offline_by_use
from verifier.api.audit.readings import record_reading
from verifier.counter.checking_in import ledger_problems
from verifier.service import Verifier

PAGE_MOST = 200


class LogQuery(EntryFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Filters of the log. Instants are RFC 3339, `until` is excluded, and `before` is the cursor of the page before.

    `by`: which time sets the span and the order: the time at which an entry was made, or, for offline uses alone, the
    time of the use.
    """

    since: Annotated[str, Meta(max_length=40)] | None = None
    until: Annotated[str, Meta(max_length=40)] | None = None
    before: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MOST)] = 50
    by: Literal["upload", "use"] = "upload"


class LogEntry(msgspec.Struct, frozen=True):
    """One entry: its leaf as logged, and whether it was voided later."""

    id: str
    voided: bool
    leaf: Mapping[str, Any]


class LogPage(msgspec.Struct, frozen=True):
    """A page of the log, newest first. Use `next` as `before` to read the following page."""

    entries: tuple[LogEntry, ...]
    next: str | None
    server_time: str


def add_log(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add GET /v1/log/entries and /v1/log/entries/<id>."""

    @found.get("/v1/log/entries")
    @describe(
        summary="Search the usage log",
        tag="log",
        query=LogQuery,
        answers={200: LogPage},
        problems={"not-permitted", "invalid-field", "unavailable"},
    )
    def log_entries() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        asked = read_query(LogQuery)
        query = _query(asked, _readable(caller, asked.point))
        with ledger_problems():
            page = offline_by_use(verifier.ledger, query) if asked.by == "use" else verifier.ledger.entries(query)
        record_reading(verifier, caller, "log", asked, at, holder=query.holder)
        return answer(LogPage(tuple(_entry(entry) for entry in page.entries), page.next, rfc3339(at)))

    @found.get("/v1/log/entries/<entry_id>")
    @describe(
        summary="One entry of the usage log",
        tag="log",
        answers={200: LogEntry},
        problems={"not-permitted", "not-found", "unavailable"},
    )
    def log_entry(entry_id: str) -> Response:
        caller = asking.authenticate(request)
        readable = _readable(caller, None)
        entry_id = name_in("id", entry_id)
        with ledger_problems():
            entry = verifier.ledger.entry(entry_id)
        if entry is None or (readable is not None and entry.leaf.point not in readable):
            raise Problem("not-found")
        record_reading(verifier, caller, "log", entry_id, request_instant())
        return answer(_entry(entry))


def _readable(caller: Caller, point: str | None) -> frozenset[str] | None:
    """Return the points whose entries the caller may read, or None for all points. Problem not-permitted if there is no
    such point.
    """
    points = caller.points(Right.AUDIT)
    if point is not None:
        caller.require(Right.AUDIT, point)
        return frozenset({point})
    if not points:
        raise Problem("not-permitted")
    return None if EVERYWHERE in points else points


def _query(asked: LogQuery, points: frozenset[str] | None) -> Query:
    since, until = span_asked(asked.since, asked.until)
    return Query(since=since, until=until, points=points, before=asked.before, limit=asked.limit, **asked.named())


def _entry(entry: Entry) -> LogEntry:
    return LogEntry(entry.id, entry.voided, fields_of(entry.leaf))
