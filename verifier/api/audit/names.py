"""The name behind an entry, for auditors with the right `names`, who state a purpose; and the record of all these
requests.

The log holds no name. If the register is on this machine, a function asks it. If it is on another machine, no name is
given, and the answer says so. Every request is recorded before the name is looked up.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from flask import Blueprint, Response

from accounts.problems import CONFIRM_AGAIN
from accounts.rights import Right
from edge.fields import invalid
from edge.http import answer, read_body, request_instant
from edge.instants import from_epoch, rfc3339
from edge.openapi import describe
from edge.structs import UNREADABLE
from ledger.values import Entry
from verifier.api.audit.review_bodies import Asked, AskedNames, NameBody, NameSaid
from verifier.api.audit.reviewing import Reviewing
from verifier.counter.checking_in import ledger_problems
from verifier.records.store import WHAT_MOST as KEPT_MOST

KIND = "names"
TOLD_MOST = 200


class _Kept(msgspec.Struct, frozen=True):
    """A request for a name as the access log keeps it, in at most KEPT_MOST characters."""

    entry: str
    by: str
    purpose: str


def add_names(found: Blueprint, reviewing: Reviewing) -> None:
    """Add POST /v1/log/entries/<id>/name and GET /v1/audit/names."""

    @found.post("/v1/log/entries/<entry_id>/name")
    @describe(
        summary="Ask for the name behind an entry, with a purpose; the asking is kept and shown to all auditors",
        tag="audit",
        body=NameBody,
        answers={200: NameSaid},
        problems={"not-found", "unavailable", "too-many-requests", CONFIRM_AGAIN.code},
    )
    def entry_name(entry_id: str) -> Response:
        body = read_body(NameBody)
        caller, entry, holder = reviewing.auditor_of(entry_id)
        caller.require(Right.NAMES, entry.leaf.point)
        caller.require_confirmed(request_instant())
        purpose = body.purpose.strip()
        if len(purpose) < body.LEAST:
            raise invalid("$.purpose", "say what for")
        kept = msgspec.json.encode(_Kept(entry.id, caller.label[:60], purpose)).decode()
        if len(kept) > KEPT_MOST:  # A cut text would be useless. Quotes and control characters take extra room
            raise invalid("$.purpose", "too long as it is kept: say it shorter, without quotes")
        reviewing.name_limit.require(caller.id)
        reviewing.record(caller, KIND, kept, holder)
        return answer(_name_behind(reviewing, entry, holder))

    @found.get("/v1/audit/names")
    @describe(
        summary="Which names were asked for, by whom and what for, newest first",
        tag="audit",
        answers={200: AskedNames},
        problems={"not-permitted"},
    )
    def asked_names() -> Response:
        caller = reviewing.auditor()
        reviewing.record(caller, "log", "names asked for")
        kept = reviewing.verifier.store.accesses(TOLD_MOST, kind=KIND)
        told = [_asked(str(row["what"]), from_epoch(int(str(row["at"])))) for row in kept]
        said = AskedNames(tuple(one for one in told if one is not None), rfc3339(request_instant()))
        return answer(said)


def _name_behind(reviewing: Reviewing, entry: Entry, holder: str | None) -> NameSaid:
    if holder is None:
        return NameSaid("none", holder, None)
    if reviewing.name_of is None:
        return NameSaid("elsewhere", holder, None)
    with ledger_problems():
        subject = reviewing.verifier.ledger.subject_of(entry.id)
    name = None if subject is None else reviewing.name_of(subject)
    return NameSaid("erased" if name is None else "told", holder, name)


def _asked(what: str, at: datetime) -> Asked | None:
    """Return a request for a name as it was kept, or None for a line of an earlier version."""
    try:
        kept = msgspec.json.decode(what, type=_Kept)
    except UNREADABLE:
        return None
    return Asked(rfc3339(at), kept.by, kept.entry, kept.purpose)
