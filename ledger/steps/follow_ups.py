"""What follows a use: a void, a departure, and the stages of its matter (docs/design.md §6)."""

from __future__ import annotations

from dataclasses import replace

from ledger import leaf
from ledger.bookings import BookingEnd, BookingState
from ledger.matters import MatterStep
from ledger.millis import from_millis, to_millis
from ledger.state import VisitRow
from ledger.steps import stays
from ledger.steps.counting import give_back
from ledger.steps.workspace import Workspace
from ledger.timeline import STILL
from ledger.values import CheckOut, Figure, LedgerUnavailable, Outcome, TargetState, VisitState, Void
from ledger.writing import move_lines


def void(workspace: Workspace, change: Void, target: leaf.Leaf) -> Outcome:
    """Void a use."""
    _require_granted(target)
    marks = workspace.marks(target.seq)
    if marks.voided_by is not None:
        raise TargetState("already-voided")
    if marks.left_by is not None and not change.after_check_out:
        raise TargetState("checked-out")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    stay = stays.find(workspace, target)
    walked = STILL if stay is None else stays.set_free(workspace, stay)
    told = {"holder": target.holder, "target": target.id, "reason": change.reason, "moved": move_lines(walked)}
    entry = workspace.append(change.draft, "void", change.id, **told)
    figures = give_back(workspace, target, counted=stay is None or stay.opens)
    if target.booking is not None:
        figures = _return_booking(workspace, target.booking)
    if stay is None:
        _take_visit_back(workspace, target)
    workspace.mark_voided(target.seq, entry.seq)
    return conclude(workspace, change, entry, figures=figures)


def check_out(workspace: Workspace, change: CheckOut, target: leaf.Leaf) -> Outcome:
    """Close the visit that the target opened or re-entered."""
    if target.visit is None and change.draft.extra.get("delivered"):
        return _deliver(workspace, change, target)
    visit = _visit_to_leave(workspace, target)
    out_at = to_millis(change.out_at)
    if not visit.inside_at <= out_at <= workspace.at:
        raise TargetState("out-of-range")
    opener = leaf.entry_id(workspace.end.partition, visit.entry)
    bounds = {"started_at": visit.started_at, "ends_at": visit.ends_at, "left_at": out_at}
    told = {"holder": target.holder, "target": target.id, "visit": leaf.VisitLine(entry=opener, **bounds)}
    entry = workspace.append(change.draft, "check-out", change.id, **told)
    for seq in sorted({visit.entry, visit.inside}):
        workspace.mark_left(seq, entry.seq)
    visit = replace(visit, left_at=out_at)
    current = workspace.visit(target.service, target.point)
    if current is not None and current.entry == visit.entry:
        workspace.write_visit(visit)
    return conclude(workspace, change, entry, visit=visit.state(workspace.end.partition))


def _deliver(workspace: Workspace, change: CheckOut, target: leaf.Leaf) -> Outcome:
    """Close once a use without a visit: it was delivered."""
    _require_granted(target)
    marks = workspace.marks(target.seq)
    if marks.voided_by is not None or marks.left_by is not None:
        raise TargetState("checked-out" if marks.voided_by is None else "already-voided")
    entry = workspace.append(change.draft, "check-out", change.id, holder=target.holder, target=target.id)
    workspace.mark_left(target.seq, entry.seq)
    return conclude(workspace, change, entry)


def follow(workspace: Workspace, change: MatterStep, target: leaf.Leaf) -> Outcome:
    """Record that a matter reached a stage."""
    if target.matter is None or target.outcome != "granted":
        raise TargetState("no-matter")
    if workspace.marks(target.seq).voided_by is not None:
        raise TargetState("already-voided")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    deadline = None if change.deadline is None else to_millis(change.deadline)
    told = {"holder": target.holder, "target": target.id, "stage": change.stage}
    entry = workspace.append(change.draft, "matter", change.id, **told, reason=change.reason, deadline=deadline)
    return conclude(workspace, change, entry)


def conclude(
    workspace: Workspace,
    change: Void | CheckOut | BookingEnd | MatterStep,
    entry: leaf.Leaf,
    *,
    figures: tuple[Figure, ...] = (),
    visit: VisitState | None = None,
) -> Outcome:
    """Return the outcome of a void, a check-out, the end of a booking, or a step of a matter."""
    return Outcome(
        entry=entry.id,
        at=from_millis(entry.at),
        granted=True,
        reason=None,
        leaf_hash=workspace.end.hash,
        figures=figures,
        visit=visit,
        booking=change.booking if isinstance(change, BookingEnd) else None,
    )


def visit_after(holder: str, entry: leaf.Leaf, visit: leaf.VisitLine) -> VisitRow:
    """Return a visit as it stands after an entry opened it or re-entered it."""
    return VisitRow(
        holder=holder,
        service=entry.service,
        point=entry.point,
        entry=entry.seq if visit.entry is None else leaf.split_id(visit.entry)[1],
        started_at=visit.started_at,
        ends_at=visit.ends_at,
        re_entries=visit.re_entry or 0,
        left_at=None,
        inside=entry.seq,
        inside_at=entry.at if entry.used_at is None else entry.used_at,
    )


def _require_granted(target: leaf.Leaf) -> None:
    if target.kind not in leaf.GRANTING or target.outcome != "granted":
        raise TargetState("not-granted")


def _return_booking(workspace: Workspace, booking: str) -> tuple[Figure, ...]:
    """Return a booking after its use was voided: held until its grace period ends, otherwise over and without units."""
    kept = workspace.booking(leaf.split_id(booking)[1])
    if kept is None:
        raise LedgerUnavailable("the ledger is damaged: a use names a booking that is not kept")
    if workspace.at <= kept.closes_at:
        workspace.write_booking(replace(kept, state=BookingState.HELD, used_by=None))
        return ()
    workspace.write_booking(replace(kept, state=BookingState.CANCELLED, holds=False, used_by=None))
    return give_back(workspace, workspace.entry(kept.held_by))


def _take_visit_back(workspace: Workspace, target: leaf.Leaf) -> None:
    """Close the visit that the target opened. For a re-entry, undo only the re-entry, so that the holder has left
    again.
    """
    visit = workspace.visit(target.service, target.point)
    if target.visit is None or visit is None:
        return
    if visit.entry == target.seq:
        workspace.drop_visit(visit)
    elif target.visit.entry is not None and visit.entry == leaf.split_id(target.visit.entry)[1]:
        left_at = target.visit.left_at if visit.inside == target.seq and visit.left_at is None else visit.left_at
        workspace.write_visit(replace(visit, re_entries=visit.re_entries - 1, left_at=left_at))


def _visit_to_leave(workspace: Workspace, target: leaf.Leaf) -> VisitRow:
    """Return the visit that a check-out closes: the last visit there, or an earlier visit whose departure is reported
    late.
    """
    _require_granted(target)
    if target.visit is None:
        raise TargetState("no-visit")
    told = visit_after(workspace.holder, target, target.visit)
    marks = workspace.marks(target.seq)
    if marks.voided_by is not None:
        raise TargetState("already-voided")
    if told.entry != target.seq and workspace.marks(told.entry).voided_by is not None:
        raise TargetState("no-visit")
    last = workspace.visit(target.service, target.point)
    if last is None or last.entry != told.entry:
        visit, left = told, marks.left_by is not None
    else:
        visit, left = last, last.left_at is not None
    if left:
        raise TargetState("checked-out")
    return visit
