"""What follows a check-in: taking it back, leaving its visit (DESIGN §6). Functions of a desk, which write nothing."""

from __future__ import annotations

import msgspec

from ledger import leaf
from ledger.bookings import BookingEnd, BookingState
from ledger.matters import MatterStep
from ledger.millis import from_millis, to_millis
from ledger.redis.desk import Desk
from ledger.redis.state import VisitRow
from ledger.redis.stays import Line, move_lines
from ledger.timeline import STILL, Stay, Walk, walk
from ledger.values import CheckOut, Figure, LedgerUnavailable, Outcome, TargetState, VisitState, Void


def void(desk: Desk, change: Void, target: leaf.Leaf) -> Outcome:
    """Take a check-in back."""
    _require_granted(target)
    voided_by, left_by = desk.marks(target.seq)
    if voided_by is not None:
        raise TargetState("already-voided")
    if left_by is not None and not change.after_check_out:
        raise TargetState("checked-out")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    line = None if leaf.stays_from(target) is None else Line(desk, target.service, target.point)
    stay = None if line is None else line.find(target)
    walked = STILL if line is None or stay is None else _set_free(line, target, stay)
    told = {"holder": target.holder, "target": target.id, "reason": change.reason, "moved": move_lines(walked)}
    entry = desk.append(change.draft, "void", change.id, **told)
    figures = desk.give_back(target, counted=stay is None or stay.opens)
    if target.booking is not None:
        figures = _return_booking(desk, target.booking)
    if stay is None:
        _take_visit_back(desk, target)
    desk.mark("voided", target.seq, entry.seq)
    return conclude(desk, change, entry, figures=figures)


def check_out(desk: Desk, change: CheckOut, target: leaf.Leaf) -> Outcome:
    """Close the visit that the target opened or entered again."""
    if target.visit is None and change.draft.extra.get("delivered"):
        return _deliver(desk, change, target)
    visit = _visit_to_leave(desk, target)
    out_at = to_millis(change.out_at)
    if not visit.inside_at <= out_at <= desk.at:
        raise TargetState("out-of-range")
    closed = leaf.VisitLine(
        entry=leaf.entry_id(desk.partition, visit.entry),
        started_at=visit.started_at,
        ends_at=visit.ends_at,
        left_at=out_at,
    )
    told = {"holder": target.holder, "target": target.id, "visit": closed}
    entry = desk.append(change.draft, "check-out", change.id, **told)
    for seq in {visit.entry, visit.inside}:
        desk.mark("left", seq, entry.seq)
    visit = msgspec.structs.replace(visit, left_at=out_at)
    place = (target.service, target.point)
    current = desk.state.visits.get(place)
    if current is not None and current.entry == visit.entry:
        desk.state.visits[place] = visit
    return conclude(desk, change, entry, visit=visit.state(desk.partition))


def _deliver(desk: Desk, change: CheckOut, target: leaf.Leaf) -> Outcome:
    """Close a use that has no visit, once: it was delivered."""
    _require_granted(target)
    voided_by, left_by = desk.marks(target.seq)
    if voided_by is not None or left_by is not None:
        raise TargetState("checked-out" if voided_by is None else "already-voided")
    entry = desk.append(change.draft, "check-out", change.id, holder=target.holder, target=target.id)
    desk.mark("left", target.seq, entry.seq)
    return conclude(desk, change, entry)


def follow(desk: Desk, change: MatterStep, target: leaf.Leaf) -> Outcome:
    """Record that a matter reached a stage."""
    if target.matter is None or target.outcome != "granted":
        raise TargetState("no-matter")
    if desk.marks(target.seq)[0] is not None:
        raise TargetState("already-voided")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    deadline = None if change.deadline is None else to_millis(change.deadline)
    told = {"holder": target.holder, "target": target.id, "stage": change.stage}
    entry = desk.append(change.draft, "matter", change.id, **told, reason=change.reason, deadline=deadline)
    return conclude(desk, change, entry)


def conclude(
    desk: Desk,
    change: Void | CheckOut | BookingEnd | MatterStep,
    entry: leaf.Leaf,
    *,
    figures: tuple[Figure, ...] = (),
    visit: VisitState | None = None,
) -> Outcome:
    """Return the outcome of a void, a check-out, a booking's end or a step of a matter."""
    return Outcome(
        entry=entry.id,
        at=from_millis(entry.at),
        granted=True,
        reason=None,
        leaf_hash=desk.hash,
        figures=figures,
        visit=visit,
        booking=change.booking if isinstance(change, BookingEnd) else None,
    )


def _require_granted(target: leaf.Leaf) -> None:
    if target.kind not in leaf.GRANTING or target.outcome != "granted":
        raise TargetState("not-granted")


def _set_free(line: Line, target: leaf.Leaf, stay: Stay) -> Walk:
    """Take a use out of the line of uses; those that lay in its visit find another or open one."""
    line.remove(target)
    if not stay.opens:
        return STILL
    walked = walk(None, line.after(to_millis(stay.at), target.seq))
    line.apply(walked, gone=target.seq)
    return walked


def _return_booking(desk: Desk, booking: str) -> tuple[Figure, ...]:
    """Return a booking whose use was taken back: held until its grace ends; after that it is over and holds nothing."""
    seq = desk.seq_of(booking)
    kept = desk.booking(seq)
    if kept is None:
        raise LedgerUnavailable("the ledger is damaged: a use names a booking that is not kept")
    if desk.at <= kept.closes_at:
        desk.write_booking(seq, msgspec.structs.replace(kept, state=BookingState.HELD.value, used_by=False))
        return ()
    over = msgspec.structs.replace(kept, state=BookingState.CANCELLED.value, holds=False, used_by=False)
    desk.write_booking(seq, over)
    return desk.give_back(desk.entry(kept.held_by))


def _take_visit_back(desk: Desk, target: leaf.Leaf) -> None:
    """Close the visit that the target opened; of a re-entry undo only that, back to having left."""
    place = (target.service, target.point)
    visit = desk.state.visits.get(place)
    if target.visit is None or visit is None:
        return
    if visit.entry == target.seq:
        del desk.state.visits[place]
    elif target.visit.entry is not None and visit.entry == desk.seq_of(target.visit.entry):
        left_at = visit.left_at
        if visit.inside == target.seq and visit.left is None and target.visit.left_at is not None:
            left_at = target.visit.left_at
        desk.state.visits[place] = msgspec.structs.replace(visit, re_entries=visit.re_entries - 1, left_at=left_at)


def _visit_to_leave(desk: Desk, target: leaf.Leaf) -> VisitRow:
    """The visit that a check-out closes: the last one there, or one since followed by another and left late."""
    _require_granted(target)
    if target.visit is None:
        raise TargetState("no-visit")
    opener = target.seq if target.visit.entry is None else desk.seq_of(target.visit.entry)
    voided_by, left_by = desk.marks(target.seq)
    if voided_by is not None:
        raise TargetState("already-voided")
    if opener != target.seq and desk.marks(opener)[0] is not None:
        raise TargetState("no-visit")
    visit = desk.state.visits.get((target.service, target.point))
    if visit is None or visit.entry != opener:
        visit, left = _visit_told(opener, target, target.visit), left_by is not None
    else:
        left = visit.left is not None
    if left:
        raise TargetState("checked-out")
    return visit


def _visit_told(opener: int, target: leaf.Leaf, visit: leaf.VisitLine) -> VisitRow:
    """The visit as it stood once the target had opened it or entered it again."""
    inside_at = target.at if target.used_at is None else target.used_at
    nobody_left = False
    return VisitRow(opener, visit.started_at, visit.ends_at, visit.re_entry or 0, nobody_left, target.seq, inside_at)
