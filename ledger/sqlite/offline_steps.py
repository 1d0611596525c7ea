"""Recording what a device did offline, one step inside a savepoint of the writer (DESIGN §6, Offline).

The order is that of every step: operation (answered before?) → clock → standing → judge → append → count → keep.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from ledger import answers, leaf
from ledger.millis import from_millis, to_millis
from ledger.offline import (
    GRANTED_OFFLINE,
    REPLAYED,
    KeptAnswers,
    OfflineStanding,
    OfflineUse,
    OfflineVerdict,
    judge_offline,
    kept_names,
    refusal_of,
    refused_early,
)
from ledger.sqlite import bookings, rows, stays, steps
from ledger.sqlite.schema import row_of
from ledger.values import LedgerError, Outcome, VisitState, partition_of


@dataclass(frozen=True, slots=True)
class _End:
    """Where and when the next entry is appended."""

    head: rows.Head
    at: int

    @property
    def entry(self) -> str:
        return leaf.entry_id(self.head.partition, self.head.seq + 1)


def record_offline(db: sqlite3.Connection, change: OfflineUse, instant: steps.Instant) -> Outcome:
    """Judge and record a use that a device recorded offline."""
    if change.booking is not None and change.visit is not None:
        raise LedgerError("the use of a booking opens no visit")
    operation = change.operation
    partition = partition_of(operation.subject)
    holder = steps.holder_of(db, operation.subject, partition)
    place = (partition, holder.name if holder else operation.subject, operation.device)
    names = kept_names(operation.id)
    kept = KeptAnswers(*(steps.kept_answer(db, (*place, name), operation.request) for name in names))
    again = kept.to(change, named=holder is not None)
    if again is not None:
        return again[1]
    head = rows.read_head(db, partition)
    at = instant.after(head.last_at)
    if to_millis(change.used_at) > at:
        raise LedgerError("a use recorded offline lies in the future")
    end = _End(head, at)
    first = kept.contradicted
    outcome = _refuse_early(db, change, end) if holder is None else _record(db, change, end, holder, first)
    key = (*place, getattr(names, kept.place(change, outcome)))
    rows.keep_answer(db, key, operation.request, answers.write(outcome), to_millis(change.keep_until))
    return outcome


def _refuse_early(db: sqlite3.Connection, change: OfflineUse, end: _End) -> Outcome:
    if change.claim or change.charges or change.choice or change.draft.card:
        raise LedgerError("without a verified holder there is nothing to count")
    verdict = refused_early(change)
    if verdict.reason is None:
        raise LedgerError("without a verified holder there is a finding")
    return _append(db, change, end, verdict, {})


def _record(
    db: sqlite3.Connection, change: OfflineUse, end: _End, holder: rows.Holder, first: Outcome | None
) -> Outcome:
    line = stays.Line(holder.partition, holder.name, change.draft.service, change.draft.point)
    proof = None
    if change.claim is not None:
        proof = holder.partition, holder.card(change.claim.card), change.claim.proof
    standing = _standing(db, change, line, proof, first)
    named = {"holder": holder.name}
    if change.draft.card is not None:
        named["card"] = holder.card(change.draft.card)
    linked = None if first is None else first.entry
    refusal = refusal_of(change, standing)
    if refusal is not None:
        refused = OfflineVerdict(granted=False, reason=refusal, marks=(GRANTED_OFFLINE,))
        linked = _append(db, change, end, refused, named).entry
        end = replace(end, head=rows.read_head(db, end.head.partition))
    verdict = judge_offline(change, end.entry, standing)
    told: dict[str, Any] = named if linked is None else named | {"linked": linked}
    if REPLAYED in verdict.marks:
        told["rival"] = standing.rival
    outcome = _append(db, change, end, verdict, told)
    if verdict.granted:
        _count(db, line, outcome, verdict)
    if proof is not None and change.claim is not None and standing.rival is None and verdict.granted:
        rows.claim_proof(db, proof, change.operation.device, to_millis(change.claim.keep_until), spent=True)
    return outcome


def _standing(
    db: sqlite3.Connection,
    change: OfflineUse,
    line: stays.Line,
    proof: tuple[int, str, str] | None,
    first: Outcome | None,
) -> OfflineStanding:
    place, used_at = (line.partition, line.holder), to_millis(change.used_at)
    choice = change.choice
    return OfflineStanding(
        first=first,
        rival=None if proof is None else rows.rival_of(db, proof, change.operation.device),
        taken=None if choice is None else rows.read_taken(db, place, choice.group, choice.period),
        used=lambda limit, period: rows.read_used(db, place, limit, period),
        before=None if change.visit is None else stays.opened_before(db, line, used_at),
        booking=None if change.booking is None else bookings.find(db, change.booking, line.holder),
        # Whatever stands at this very instant was recorded before and comes before.
        after=() if change.visit is None else stays.after(db, line, used_at, row_of(line.partition + 1, 0)),
    )


def _append(
    db: sqlite3.Connection, change: OfflineUse, end: _End, verdict: OfflineVerdict, told: dict[str, Any]
) -> Outcome:
    """Append the entry that a verdict makes and return its answer."""
    draft = replace(change.draft, marks=(*change.draft.marks, *verdict.marks))
    added = told | {"outcome": "granted" if verdict.granted else "denied", "used_at": to_millis(change.used_at)}
    if verdict.reason is not None:
        added["reason"] = verdict.reason
    if verdict.granted:
        added |= _counted(change, verdict)
    line = steps.make_leaf(draft, end.head, end.at, "offline", change.operation.id, **added)
    return Outcome(
        entry=line.id,
        at=from_millis(end.at),
        granted=verdict.granted,
        reason=verdict.reason,
        leaf_hash=rows.append(db, line),
        figures=verdict.figures,
        visit=_visit(verdict),
        taken=verdict.taken,
        marks=draft.marks,
        booking=change.booking if verdict.posts else None,
        linked=told.get("linked"),
        joined=verdict.into,
    )


def _counted(change: OfflineUse, verdict: OfflineVerdict) -> dict[str, Any]:
    counted: dict[str, Any] = {"charges": steps.charge_lines(verdict.charges), "moved": stays.move_lines(verdict.walk)}
    if verdict.posts:
        counted["booking"] = change.booking
    if verdict.choice is not None:
        choice = verdict.choice
        counted["choice"] = leaf.ChoiceLine(group=choice.group, member=choice.member, period=choice.period)
    if verdict.own is not None:
        own = verdict.own
        bounds = {"started_at": to_millis(own.at), "ends_at": to_millis(own.ends_at)}
        counted["visit"] = leaf.VisitLine(**bounds, entry=verdict.into)
    return counted


def _count(db: sqlite3.Connection, line: stays.Line, outcome: Outcome, verdict: OfflineVerdict) -> None:
    """Change counters, choice, line of uses and last visit as the entry says."""
    entry = rows.read_leaf(db, rows.row_named(outcome.entry))
    if entry is None:
        raise sqlite3.DatabaseError("an entry just written is not there")
    if verdict.into is None:
        for charge in entry.charges:
            rows.add_used(db, (line.partition, line.holder), charge.limit, charge.period, charge.units)
    rows.choose(db, entry)
    stays.add(db, entry)
    stays.apply(db, line, verdict.walk)
    if entry.booking is not None:
        bookings.mark_used(db, rows.row_named(entry.booking), rows.row_named(entry.id))


def _visit(verdict: OfflineVerdict) -> VisitState | None:
    stay = verdict.own if verdict.joins is None else verdict.joins
    return None if stay is None else VisitState(stay.entry, stay.at, stay.ends_at)
