"""The changes a ledger makes, each run inside one savepoint by the writer (DESIGN §5 step 10, §6).

The same order in all: operation (replay or conflict) → clock → target's state or proof → visit → limits → choice →
append → keep the answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from edge.encoding import b64u
from ledger import answers, leaf
from ledger.bookings import BookingEnd, BookingState, Window
from ledger.judgement import PROOF_USED, Standing, Verdict, judge
from ledger.matters import MatterStep
from ledger.millis import from_millis, to_millis
from ledger.sqlite import bookings, rows, stays
from ledger.sqlite.schema import row_of
from ledger.timeline import STILL, Stay, Walk, walk
from ledger.values import (
    Charge,
    CheckIn,
    CheckOut,
    ClockSkew,
    Draft,
    Figure,
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

MAX_SKEW_MILLIS = 2000


@dataclass(frozen=True, slots=True)
class Instant:
    """When the application says it is, and when the store's own clock did as the change came in; milliseconds."""

    at: int
    own: int

    def after(self, last: int) -> int:
        """Return the instant to record: not before `last`, not more than 2 s from the store's own; else ClockSkew."""
        recorded = max(self.at, last)
        if abs(self.at - self.own) > MAX_SKEW_MILLIS or recorded - self.own > MAX_SKEW_MILLIS:
            raise ClockSkew("the instant lies more than 2 s from the ledger's own clock")
        return recorded


def look_up(db: sqlite3.Connection, operation: Operation) -> Outcome | None:
    """Return the kept answer of an operation; OperationConflict when its id stood for another request (step 0)."""
    partition = partition_of(operation.subject)
    if is_device_subject(operation.subject):
        return kept_answer(db, (partition, operation.subject, operation.device, operation.id), operation.request)
    holder = rows.find_holder(db, operation.subject)
    if holder is None:
        return None
    return kept_answer(db, (partition, holder.name, operation.device, operation.id), operation.request)


def check_in(db: sqlite3.Connection, change: CheckIn, instant: Instant, window: Window | None = None) -> Outcome:
    """Judge and record a check-in; with a window, a booking."""
    if change.booking is not None and (change.charges or change.choice or change.visit):
        raise LedgerError("the use of a booking counts nothing of its own")
    operation = change.operation
    partition = partition_of(operation.subject)
    holder = holder_of(db, operation.subject, partition)
    key = (partition, holder.name if holder else operation.subject, operation.device, operation.id)
    if kept := kept_answer(db, key, operation.request):
        return kept
    head = rows.read_head(db, partition)
    at = instant.after(head.last_at)
    entry = leaf.entry_id(partition, head.seq + 1)
    proof = proof_key(change, holder)
    if holder is None:
        verdict = _without_holder(change)
    else:
        verdict = judge(change, from_millis(at), entry, standing_of(db, change, holder, proof))
    told = _judged(change, holder, verdict, window)
    line = make_leaf(change.draft, head, at, change.kind if window is None else "booking", operation.id, **told)
    outcome = Outcome(
        entry=entry,
        at=from_millis(at),
        granted=verdict.granted,
        reason=verdict.reason,
        leaf_hash=rows.append(db, line),
        figures=verdict.figures,
        visit=verdict.visit,
        taken=verdict.taken,
        re_entry=verdict.re_entry,
        booking=entry if window is not None and verdict.granted else change.booking,
    )
    if holder is not None and verdict.granted:
        _count(db, holder, line)
    if change.claim is not None and proof is not None and verdict.reason != PROOF_USED:
        until = to_millis(change.claim.keep_until)
        rows.claim_proof(db, proof, operation.device, until, spent=verdict.granted)
    rows.keep_answer(db, key, operation.request, answers.write(outcome), to_millis(change.keep_until))
    return outcome


def void(db: sqlite3.Connection, change: Void, instant: Instant) -> Outcome:
    """Take a check-in back."""
    row, target, holder = target_of(db, change.target)
    key = (*holder, change.device, change.id)
    if kept := kept_answer(db, key, change.request):
        return kept
    head = rows.read_head(db, target.partition)
    at = instant.after(head.last_at)
    _require_granted(target)
    voided_by, left_by = rows.read_state(db, row)
    if voided_by is not None:
        raise TargetState("already-voided")
    if left_by is not None and not change.after_check_out:
        raise TargetState("checked-out")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    stay = stays.find(db, target)
    walked = _set_free(db, target, stay)
    told = {"holder": target.holder, "target": target.id, "reason": change.reason, "moved": stays.move_lines(walked)}
    line = make_leaf(change.draft, head, at, "void", change.id, **told)
    figures = give_back(db, holder, target, counted=stay is None or stay.opens)
    if target.booking is not None:
        figures = _return_booking(db, holder, target.booking, at)
    if stay is None:
        _take_visit_back(db, holder, target, row)
    rows.mark_voided(db, row, row_of(line.partition, line.seq))
    return conclude(db, change, key, line, figures=figures)


def check_out(db: sqlite3.Connection, change: CheckOut, instant: Instant) -> Outcome:
    """Close the visit that the target opened or entered again."""
    row, target, holder = target_of(db, change.target)
    key = (*holder, change.device, change.id)
    if kept := kept_answer(db, key, change.request):
        return kept
    head = rows.read_head(db, target.partition)
    at = instant.after(head.last_at)
    if target.visit is None and change.draft.extra.get("delivered"):
        line = make_leaf(change.draft, head, at, "check-out", change.id, holder=target.holder, target=target.id)
        return _deliver(db, change, key, target, line)
    visit = _visit_to_leave(db, holder, row, target)
    out_at = to_millis(change.out_at)
    if not visit.inside_at <= out_at <= at:
        raise TargetState("out-of-range")
    closed = leaf.VisitLine(
        entry=rows.name_of(visit.entry), started_at=visit.started_at, ends_at=visit.ends_at, left_at=out_at
    )
    line = make_leaf(
        change.draft, head, at, "check-out", change.id, holder=target.holder, target=target.id, visit=closed
    )
    by = row_of(line.partition, line.seq)
    rows.mark_left(db, visit.entry, by)
    if visit.inside != visit.entry:
        rows.mark_left(db, visit.inside, by)
    visit = replace(visit, left_at=out_at)
    if _is_current(db, holder, target, visit.entry):
        rows.write_visit(db, holder, target.service, target.point, visit)
    return conclude(db, change, key, line, visit=visit.state())


def _deliver(
    db: sqlite3.Connection,
    change: CheckOut,
    key: tuple[int, str, str, str],
    target: leaf.Leaf,
    line: leaf.Leaf,
) -> Outcome:
    """Close a use that has no visit, once: it was delivered."""
    _require_granted(target)
    row = row_of(target.partition, target.seq)
    voided_by, left_by = rows.read_state(db, row)
    if voided_by is not None or left_by is not None:
        raise TargetState("checked-out" if voided_by is None else "already-voided")
    rows.mark_left(db, row, row_of(line.partition, line.seq))
    return conclude(db, change, key, line)


def claim(db: sqlite3.Connection, subject: str, device: str, wanted: ProofClaim, instant: Instant) -> bool:
    """Claim a proof for a look."""
    partition = partition_of(subject)
    holder = holder_of(db, subject, partition)
    if holder is None:
        raise LedgerError("a proof is claimed for a holder")
    instant.after(rows.read_head(db, partition).last_at)
    key = (partition, holder.card(wanted.card), wanted.proof)
    if not rows.is_free(db, key, device):
        return False
    rows.claim_proof(db, key, device, to_millis(wanted.keep_until), spent=False)
    return True


def holder_of(db: sqlite3.Connection, subject: str, partition: int) -> rows.Holder | None:
    """Return the holder of a subject, made when first seen; None for a device's own subject."""
    if is_device_subject(subject):
        return None
    return rows.find_holder(db, subject) or rows.new_holder(db, subject, partition)


def kept_answer(db: sqlite3.Connection, key: tuple[int, str, str, str], request: bytes) -> Outcome | None:
    """Return the kept answer of an operation; OperationConflict when its id stood for another request."""
    found = rows.find_operation(db, *key)
    if found is None:
        return None
    if found[0] != request:
        raise OperationConflict("the operation's id was used for another request")
    try:
        return answers.read(found[1])
    except msgspec.MsgspecError as error:
        raise sqlite3.DatabaseError("a kept answer is damaged") from error


def _without_holder(change: CheckIn) -> Verdict:
    """A refusal before any holder was verified: nothing to count, so nothing to grant."""
    if not change.findings or change.claim or change.charges or change.choice or change.draft.card:
        raise LedgerError("without a verified holder there is a finding and nothing else to judge")
    first = min(change.findings, key=lambda reason: (*change.order, reason).index(reason))
    return Verdict(reason=first, figures=(), visit=None, taken=None)


def proof_key(change: CheckIn, holder: rows.Holder | None) -> tuple[int, str, str] | None:
    """Return the proof that a change uses, as the ledger names it."""
    if holder is None or change.claim is None:
        return None
    return holder.partition, holder.card(change.claim.card), change.claim.proof


def standing_of(
    db: sqlite3.Connection, change: CheckIn, holder: rows.Holder, proof: tuple[int, str, str] | None
) -> Standing:
    """Return what the tables hold that a change is judged by."""
    draft, place = change.draft, (holder.partition, holder.name)
    booking = None if change.booking is None else bookings.find(db, change.booking, holder.name)
    visit = rows.read_visit(db, place, draft.service, draft.point) if change.visit else None
    return Standing(
        proof_used=proof is not None and not rows.is_free(db, proof, change.operation.device),
        visit=None if visit is None else visit.state(),
        used={
            (charge.limit, charge.period): rows.read_used(db, place, charge.limit, charge.period)
            for charge in (change.charges if booking is None else booking.charges)
        },
        booking=booking,
        taken=rows.read_taken(db, place, change.choice.group, change.choice.period) if change.choice else None,
    )


def _judged(change: CheckIn, holder: rows.Holder | None, verdict: Verdict, window: Window | None) -> Mapping[str, Any]:
    """What the entry of a check-in or a booking says beside its draft."""
    added: dict[str, Any] = {"outcome": "granted" if verdict.granted else "denied"}
    if change.booking is not None:
        added["booking"] = change.booking
    if window is not None and verdict.granted:
        added["window"] = bookings.window_line(window)
    if verdict.reason is not None:
        added["reason"] = verdict.reason
    if holder is not None:
        added["holder"] = holder.name
        if change.draft.card is not None:
            added["card"] = holder.card(change.draft.card)
    if verdict.granted:
        added |= _counted(change, verdict)
    return added


def _counted(change: CheckIn, verdict: Verdict) -> Mapping[str, Any]:
    """What a grant counts and opens, as its leaf says it."""
    counted: dict[str, Any] = {}
    if change.visit is not None and verdict.visit is not None:
        counted["visit"] = _visit_line(verdict.visit, verdict.left_before)
    if verdict.re_entry:
        return counted
    counted["charges"] = charge_lines(change.charges)
    if change.choice is not None:
        choice = change.choice
        counted["choice"] = leaf.ChoiceLine(group=choice.group, member=choice.member, period=choice.period)
    return counted


def charge_lines(charges: Iterable[Charge]) -> tuple[leaf.ChargeLine, ...]:
    """Return charges as a leaf writes them."""
    return tuple(
        leaf.ChargeLine(limit=charge.limit, maximum=charge.maximum, period=charge.period, units=charge.units)
        for charge in charges
    )


def _visit_line(visit: VisitState, left_before: datetime | None) -> leaf.VisitLine:
    line = leaf.VisitLine(started_at=to_millis(visit.started_at), ends_at=to_millis(visit.ends_at))
    if left_before is None:
        return line
    return msgspec.structs.replace(line, entry=visit.entry, re_entry=visit.re_entries, left_at=to_millis(left_before))


def make_leaf(draft: Draft, head: rows.Head, at: int, kind: Any, operation: str, **added: Any) -> leaf.Leaf:  # noqa: ANN401 - the leaf's own checks refuse what is not of its types
    """Join the draft and what the store adds to a leaf at the end of its partition."""
    if not leaf.EXTRA_FIELDS.issuperset(draft.extra):
        raise LedgerError("the draft's extra fields are none that a leaf has")
    extra = {name: tuple(value) if isinstance(value, list) else value for name, value in draft.extra.items()}
    return leaf.Leaf(
        **{**extra, **added},
        v=1,
        kind=kind,
        id=leaf.entry_id(head.partition, head.seq + 1),
        partition=head.partition,
        seq=head.seq + 1,
        prev=rows.prev_text(head),
        at=at,
        operation=operation,
        assurance=draft.assurance,
        beneficiary=draft.beneficiary,
        bundle=draft.bundle,
        caller=draft.caller,
        client_time=draft.client_time,
        department=draft.department,
        device=draft.device,
        form=draft.form,
        marks=draft.marks,
        operator=draft.operator,
        point=draft.point,
        programme=draft.programme,
        reference=draft.reference,
        service=draft.service,
        tier=draft.tier,
        token=None if draft.token is None else b64u(draft.token),
    )


def _count(db: sqlite3.Connection, holder: rows.Holder, line: leaf.Leaf) -> None:
    """Change counters, choice and visit as the entry says."""
    place = (holder.partition, holder.name)
    for charge in line.charges:
        rows.add_used(db, place, charge.limit, charge.period, charge.units)
    rows.choose(db, line)
    if line.visit is not None:
        rows.write_visit(db, place, line.service, line.point, visit_row(line, line.visit))
        stays.add(db, line)
    if line.kind == "booking":
        bookings.add(db, line)
    elif line.booking is not None:
        bookings.mark_used(db, rows.row_named(line.booking), row_of(line.partition, line.seq))


def visit_row(line: leaf.Leaf, visit: leaf.VisitLine) -> rows.VisitRow:
    """Return the visit as it stands once a check-in has opened it or entered it again."""
    own = row_of(line.partition, line.seq)
    opener = own if visit.entry is None else rows.row_named(visit.entry)
    inside_at = line.at if line.used_at is None else line.used_at
    return rows.VisitRow(opener, visit.started_at, visit.ends_at, visit.re_entry or 0, None, own, inside_at)


def target_of(db: sqlite3.Connection, entry: str) -> tuple[int, leaf.Leaf, tuple[int, str]]:
    """Return the entry a change refers to: its row, its leaf, and the place of its holder."""
    try:
        row = rows.row_named(entry)
    except leaf.LeafError:
        raise TargetState("not-found") from None
    target = rows.read_leaf(db, row)
    if target is None:
        raise TargetState("not-found")
    if target.holder is None:
        raise TargetState("not-granted")
    return row, target, (target.partition, target.holder)


def _require_granted(target: leaf.Leaf) -> None:
    if target.kind not in leaf.GRANTING or target.outcome != "granted":
        raise TargetState("not-granted")


def give_back(
    db: sqlite3.Connection, holder: tuple[int, str], target: leaf.Leaf, *, counted: bool = True
) -> tuple[Figure, ...]:
    """Return a check-in's units to their periods and its choice; no units where they were not `counted`."""
    rows.unchoose(db, target)
    figures: dict[tuple[str, str], Figure] = {}
    for charge in target.charges:
        if counted:
            rows.add_used(db, holder, charge.limit, charge.period, -charge.units)
        used = rows.read_used(db, holder, charge.limit, charge.period)
        figures[charge.limit, charge.period] = Figure(charge.limit, charge.period, used, charge.maximum)
    return tuple(figures.values())


def _set_free(db: sqlite3.Connection, target: leaf.Leaf, stay: Stay | None) -> Walk:
    """Take a use out of the line of uses; those that lay in its visit find another or open one."""
    if stay is None:
        return STILL
    line = stays.Line.of(target)
    stays.remove(db, target)
    if not stay.opens:
        return STILL
    walked = walk(None, stays.after(db, line, to_millis(stay.at), rows.row_named(stay.entry)))
    stays.apply(db, line, walked, gone=rows.row_named(stay.entry))
    return walked


def _return_booking(db: sqlite3.Connection, holder: tuple[int, str], booking: str, at: int) -> tuple[Figure, ...]:
    """Return a booking whose use was taken back: held until its grace ends; after that it is over and holds nothing."""
    kept = bookings.read(db, rows.row_named(booking))
    if kept is None:
        raise sqlite3.DatabaseError("a use names a booking that is not kept")
    if at <= kept.closes_at:
        bookings.write(db, replace(kept, state=BookingState.HELD, used_by=None))
        return ()
    bookings.write(db, replace(kept, state=BookingState.CANCELLED, holds=False, used_by=None))
    return give_back(db, holder, bookings.leaf_of(db, kept.held_by))


def _take_visit_back(db: sqlite3.Connection, holder: tuple[int, str], target: leaf.Leaf, row: int) -> None:
    """Close the visit that the target opened; of a re-entry undo only that, back to having left."""
    visit = rows.read_visit(db, holder, target.service, target.point)
    if target.visit is None or visit is None:
        return
    if visit.entry == row:
        rows.delete_visit(db, holder, target.service, target.point)
    elif target.visit.entry is not None and visit.entry == rows.row_named(target.visit.entry):
        left_at = target.visit.left_at if visit.inside == row and visit.left_at is None else visit.left_at
        visit = replace(visit, re_entries=visit.re_entries - 1, left_at=left_at)
        rows.write_visit(db, holder, target.service, target.point, visit)


def _visit_to_leave(db: sqlite3.Connection, holder: tuple[int, str], row: int, target: leaf.Leaf) -> rows.VisitRow:
    """The visit that a check-out closes: the last one there, or one since followed by another and left late."""
    _require_granted(target)
    if target.visit is None:
        raise TargetState("no-visit")
    opener = row if target.visit.entry is None else rows.row_named(target.visit.entry)
    voided_by, left_by = rows.read_state(db, row)
    if voided_by is not None:
        raise TargetState("already-voided")
    if opener != row and rows.read_state(db, opener)[0] is not None:
        raise TargetState("no-visit")
    visit = rows.read_visit(db, holder, target.service, target.point)
    if visit is None or visit.entry != opener:
        visit = visit_row(target, target.visit)
        left = left_by is not None
    else:
        left = visit.left_at is not None
    if left:
        raise TargetState("checked-out")
    return visit


def _is_current(db: sqlite3.Connection, holder: tuple[int, str], target: leaf.Leaf, opener: int) -> bool:
    visit = rows.read_visit(db, holder, target.service, target.point)
    return visit is not None and visit.entry == opener


def conclude(
    db: sqlite3.Connection,
    change: Void | CheckOut | BookingEnd | MatterStep,
    key: tuple[int, str, str, str],
    line: leaf.Leaf,
    *,
    figures: tuple[Figure, ...] = (),
    visit: VisitState | None = None,
) -> Outcome:
    """Append the entry of a void, a check-out, a booking's end or a matter's step and keep its answer."""
    outcome = Outcome(
        entry=line.id,
        at=from_millis(line.at),
        granted=True,
        reason=None,
        leaf_hash=rows.append(db, line),
        figures=figures,
        visit=visit,
        booking=change.booking if isinstance(change, BookingEnd) else None,
    )
    rows.keep_answer(db, key, change.request, answers.write(outcome), to_millis(change.keep_until))
    return outcome
