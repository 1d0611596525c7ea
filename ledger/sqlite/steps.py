"""The changes of a SQLite ledger, each inside one transaction of the writer (docs/design.md §5 step 10, §6).

The order is the same in all changes: operation (replay or conflict) → clock → the target's state or the proof → visit →
limits → choice → append → keep the answer. This module judges check-ins and bookings; `ledger/steps/` holds the changes
that follow them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from edge.structs import UNREADABLE
from ledger import answers, leaf
from ledger.bookings import BookingChange, BookingEnd, Hold, Window
from ledger.holders import HolderName
from ledger.judgement import PROOF_USED, Standing, Verdict, first_of, judge
from ledger.matters import MatterStep
from ledger.millis import from_millis, to_millis
from ledger.offline import KeptAnswers, OfflineUse, kept_names
from ledger.skew import Instants
from ledger.sqlite import rows
from ledger.sqlite.workspace import SqliteWorkspace
from ledger.steps import stays
from ledger.steps.bookings import find_booking, keep_booking, use_booking
from ledger.steps.counting import count, taken_member
from ledger.steps.follow_ups import visit_after
from ledger.steps.offline import record_offline, require_record
from ledger.values import (
    CheckIn,
    CheckOut,
    LedgerError,
    Operation,
    OperationConflict,
    Outcome,
    ProofClaim,
    TargetState,
    VisitState,
    Void,
    is_device_subject,
    partition_of,
)
from ledger.writing import LogEnd, charge_lines, choice_line, window_line

FollowUp = Void | CheckOut | MatterStep | BookingChange | BookingEnd
"""A change that names an earlier entry."""

_Key = tuple[int, str, str, str]
"""The key of a kept answer: partition, the holder's name or the device's own subject, device, operation."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """The origin of a change: the holder (None before step 4), the end of the partition, the key of the kept answer.

    `card_id` and `card`: the change's card, and the name of this card in the log.
    """

    end: LogEnd
    holder: HolderName | None
    card_id: str | None
    card: str | None
    key: _Key

    def workspace(self, db: sqlite3.Connection, instants: Instants, claim: ProofClaim | None) -> SqliteWorkspace:
        """Return the holder's workspace. Raises ClockSkew if a clock is wrong."""
        holder, card, proof = self.holder, self.card, None
        if holder is not None and claim is not None:
            named = card if card is not None and claim.card == self.card_id else holder.card(claim.card)
            proof = (named, claim.proof)
        name, at = "" if holder is None else holder.name, instants.after(self.end.at)
        return SqliteWorkspace(db, self.end, at, holder=name, device=self.key[2], proof=proof)


def look_up(db: sqlite3.Connection, operation: Operation) -> Outcome | None:
    """Return the kept answer of an operation, or None. Raises OperationConflict if its id stood for another request
    (step 0).

    Ids belong to the device: one id serves one request, for any card.
    """
    found = dict(rows.operations_of(db, operation.device, operation.id))
    if found and operation.request not in found:
        raise OperationConflict("the operation's id was used for another request")
    return _read_answer(found[operation.request]) if found else None


def kept_of(db: sqlite3.Connection, operation: Operation) -> Outcome | None:
    """Return the kept answer of an operation of its own subject alone, or None. Raises OperationConflict as `look_up`
    does.
    """
    holder = None if is_device_subject(operation.subject) else rows.find_holder_name(db, operation.subject)
    if holder is None and not is_device_subject(operation.subject):
        return None
    scope = operation.subject if holder is None else holder.name
    key = (partition_of(operation.subject), scope, operation.device, operation.id)
    return _kept_answer(db, key, operation.request)


def check_in(db: sqlite3.Connection, change: CheckIn, instants: Instants, window: Window | None = None) -> Outcome:
    """Judge and record a check-in, or a booking if there is a window."""
    if change.booking is not None and (change.charges or change.choice or change.visit):
        raise LedgerError("the use of a booking counts nothing of its own")
    if kept := look_up(db, change.operation):
        return kept
    asker = _asker(db, change.operation, change.draft.card)
    workspace = asker.workspace(db, instants, change.claim)
    at = from_millis(workspace.at)
    if asker.holder is None:
        verdict = _without_holder(change)
    else:
        verdict = judge(change, at, workspace.end.next_id, _standing(workspace, change))
    kind = change.kind if window is None else "booking"
    told = _fields_of(change, asker, verdict, window)
    entry = workspace.append(change.draft, kind, change.operation.id, **told)
    if asker.holder is not None and verdict.granted:
        count(workspace, entry)
        if entry.visit or entry.booking or window:
            _keep_beside(workspace, entry)
    if change.claim is not None and verdict.reason != PROOF_USED:
        workspace.claim(change.claim, spent=verdict.granted)
    outcome = Outcome(
        entry=entry.id,
        at=at,
        granted=verdict.granted,
        reason=verdict.reason,
        leaf_hash=workspace.end.hash,
        figures=verdict.figures,
        visit=verdict.visit,
        taken=verdict.taken,
        re_entry=verdict.re_entry,
        booking=entry.id if window is not None and verdict.granted else change.booking,
    )
    rows.keep_answer(db, asker.key, change.operation.request, outcome, change.keep_until)
    return outcome


def hold(db: sqlite3.Connection, change: Hold, instants: Instants) -> Outcome:
    """Judge and record a booking."""
    if change.wish.visit is not None or change.wish.booking is not None:
        raise LedgerError("a booking opens no visit and uses no booking")
    return check_in(db, change.wish, instants, change.window)


def follow_up(
    db: sqlite3.Connection,
    change: FollowUp,
    instants: Instants,
    step: Callable[[SqliteWorkspace, leaf.Leaf], Outcome],
) -> Outcome:
    """Run a step that follows an earlier entry, which names the holder."""
    target = _target_of(db, change)
    key = (target.partition, target.holder or "", change.device, change.id)
    if kept := _kept_answer(db, key, change.request):
        return kept
    end = rows.read_end(db, target.partition)
    workspace = SqliteWorkspace(db, end, instants.after(end.at), holder=target.holder or "", device=change.device)
    outcome = step(workspace, target)
    rows.keep_answer(db, key, change.request, outcome, change.keep_until)
    return outcome


def record(db: sqlite3.Connection, change: OfflineUse, instants: Instants) -> Outcome:
    """Judge and record a use that a device recorded while it was offline."""
    require_record(change)
    asker, request = _asker(db, change.operation, change.draft.card), change.operation.request
    names, owner = kept_names(change.operation.id), asker.key[:3]
    kept = KeptAnswers(*(_kept_answer(db, (*owner, name), request) for name in names))
    again = kept.to(change, named=asker.holder is not None)
    if again is not None:
        return again[1]
    workspace = asker.workspace(db, instants, change.claim)
    outcome = record_offline(workspace, change, asker.holder, kept.contradicted, workspace.rival)
    rows.keep_answer(db, (*owner, getattr(names, kept.place(change, outcome))), request, outcome, change.keep_until)
    return outcome


def claim(db: sqlite3.Connection, subject: str, device: str, wanted: ProofClaim, instants: Instants) -> bool:
    """Claim a proof for a look."""
    asker = _asker(db, Operation(subject, device, "", b""), wanted.card)
    if asker.holder is None:
        raise LedgerError("a proof is claimed for a holder")
    workspace = asker.workspace(db, instants, wanted)
    if workspace.rival is not None:
        return False
    workspace.claim(wanted, spent=False)
    return True


def _asker(db: sqlite3.Connection, operation: Operation, card: str | None) -> _Asker:
    """Return the origin of a change. A new holder gets a salt and a name."""
    subject, partition = operation.subject, partition_of(operation.subject)
    if is_device_subject(subject):
        return _Asker(
            rows.read_end(db, partition), None, None, None, (partition, subject, operation.device, operation.id)
        )
    holder = rows.find_holder_name(db, subject) or rows.new_holder(db, subject, partition)
    end = rows.read_end(db, partition)
    key = (partition, holder.name, operation.device, operation.id)
    return _Asker(end, holder, card, None if card is None else holder.card(card), key)


def _kept_answer(db: sqlite3.Connection, key: _Key, request: bytes) -> Outcome | None:
    """Return the kept answer of an operation, or None. Raises OperationConflict if its id stood for another request."""
    found = rows.find_operation(db, *key)
    if found is None:
        return None
    if found[0] != request:
        raise OperationConflict("the operation's id was used for another request")
    return _read_answer(found[1])


def _read_answer(answer: bytes) -> Outcome:
    try:
        return answers.read(answer)
    except UNREADABLE as error:
        raise sqlite3.DatabaseError("a kept answer is damaged") from error


def _without_holder(change: CheckIn) -> Verdict:
    """Return the refusal without a verified holder: nothing can be counted or granted."""
    if not change.findings or change.claim or change.charges or change.choice or change.draft.card:
        raise LedgerError("without a verified holder there is a finding and nothing else to judge")
    return Verdict(reason=first_of(change.findings, change.order), figures=(), visit=None, taken=None)


def _standing(workspace: SqliteWorkspace, change: CheckIn) -> Standing:
    """Return the standing state from the tables, by which a change is judged."""
    choice, draft = change.choice, change.draft
    booking = None if change.booking is None else find_booking(workspace, change.booking)
    visit = workspace.visit(draft.service, draft.point) if change.visit else None
    return Standing(
        visit=None if visit is None else visit.state(workspace.end.partition),
        used={
            (charge.limit, charge.period): workspace.used(charge.limit, charge.period)
            for charge in (change.charges if booking is None else booking.charges)
        },
        booking=booking,
        taken=None if choice is None else taken_member(workspace, choice.group, choice.period),
        proof_used=workspace.rival is not None,
    )


def _fields_of(change: CheckIn, asker: _Asker, verdict: Verdict, window: Window | None) -> dict[str, Any]:
    """Return the fields of a check-in's or booking's entry in addition to its draft."""
    told: dict[str, Any] = {"outcome": "granted" if verdict.granted else "denied"}
    if change.booking is not None:
        told["booking"] = change.booking
    if verdict.reason is not None:
        told["reason"] = verdict.reason
    if asker.holder is not None:
        told["holder"] = asker.holder.name
        if change.draft.card is not None:
            told["card"] = asker.card
    if not verdict.granted:
        return told
    if window is not None:
        told["window"] = window_line(window)
    if change.visit is not None and verdict.visit is not None:
        told["visit"] = _visit_line(verdict.visit, verdict.left_before)
    if not verdict.re_entry:
        told |= {"charges": charge_lines(change.charges), "choice": choice_line(change.choice)}
    return told


def _visit_line(visit: VisitState, left_before: datetime | None) -> leaf.VisitLine:
    line = leaf.VisitLine(started_at=to_millis(visit.started_at), ends_at=to_millis(visit.ends_at))
    if left_before is None:
        return line
    return msgspec.structs.replace(line, entry=visit.entry, re_entry=visit.re_entries, left_at=to_millis(left_before))


def _keep_beside(workspace: SqliteWorkspace, entry: leaf.Leaf) -> None:
    """Change the visit and the booking as a granted entry says. Its units are already counted."""
    if entry.visit is not None:
        workspace.write_visit(visit_after(workspace.holder, entry, entry.visit))
        stays.add(workspace, entry)
    if entry.kind == "booking":
        keep_booking(workspace, entry)
    elif entry.booking is not None:
        use_booking(workspace, entry)


def _target_of(db: sqlite3.Connection, change: FollowUp) -> leaf.Leaf:
    """Return the entry that a change names. Raises TargetState if there is no such entry or if it is another
    holder's.
    """
    booking = change if isinstance(change, BookingChange | BookingEnd) else None
    try:
        target = rows.read_leaf(db, rows.row_named(_named_by(change)))
    except leaf.LeafError:
        raise TargetState("not-found") from None
    if target is None:
        raise TargetState("not-found")
    if target.holder is None:
        raise TargetState("not-granted")
    if booking is not None and not _is_whose(db, booking.subject, target):
        raise TargetState("not-found")
    return target


def _named_by(change: FollowUp) -> str:
    """Return the id of the entry that a change names."""
    return change.booking if isinstance(change, BookingChange | BookingEnd) else change.target


def _is_whose(db: sqlite3.Connection, subject: str | None, made: leaf.Leaf) -> bool:
    """Return whether an entry belongs to the named holder, or True if no holder is named."""
    if subject is None:
        return True
    holder = None if is_device_subject(subject) else rows.find_holder_name(db, subject)
    return holder is not None and holder.name == made.holder
