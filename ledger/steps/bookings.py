"""Changes, uses and ends of bookings (docs/design.md §6, Booking)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger import leaf
from ledger.bookings import Booking, BookingChange, BookingEnd, BookingState, ChangeKind
from ledger.judgement import MoveVerdict, Standing, judge_move
from ledger.millis import from_millis
from ledger.state import BookingRow, seq_in
from ledger.steps.counting import count, give_back, taken_member
from ledger.steps.follow_ups import conclude
from ledger.steps.workspace import Workspace
from ledger.values import Charge, Choice, Outcome, Taken, TargetState
from ledger.writing import charge_lines, charges_of, choice_line, choice_of, window_line

_Holding = tuple[tuple[Charge, ...], Choice | None]
_NOTHING: _Holding = ((), None)


def find_booking(workspace: Workspace, booking_id: str | None) -> Booking | None:
    """Return the booking that a use names, if it belongs to this holder, or None."""
    seq = seq_in(workspace.end.partition, booking_id or "")
    row = None if seq is None else workspace.booking(seq)
    if row is None or row.holder != workspace.holder:
        return None
    return row.booking(workspace.end.partition, workspace.entry(row.seq), workspace.entry(row.held_by))


def keep_booking(workspace: Workspace, entry: leaf.Leaf) -> None:
    """Keep the booking that an entry has made."""
    window = _window_of(entry)
    workspace.write_booking(
        BookingRow(
            seq=entry.seq,
            holder=workspace.holder,
            service=entry.service,
            point=entry.point,
            state=BookingState.HELD,
            holds=True,
            held_by=entry.seq,
            used_by=None,
            scheduled_at=window.scheduled_at,
            expected_at=window.expected_at,
            opens_at=window.opens_at,
            closes_at=window.closes_at,
        )
    )


def use_booking(workspace: Workspace, entry: leaf.Leaf) -> None:
    """Record that a granted use posts the booking that it names."""
    row = workspace.booking(leaf.split_id(entry.booking or "")[1])
    if row is not None:
        workspace.write_booking(replace(row, state=BookingState.USED, used_by=entry.seq))


def change_booking(workspace: Workspace, change: BookingChange, made: leaf.Leaf) -> Outcome:
    """Judge and record a change of a booking."""
    row = _row_of(workspace, made)
    reopens = change.kind is ChangeKind.REOPENED
    _require(row, {BookingState.HELD, BookingState.MISSED} if reopens else {BookingState.HELD})
    wanted, held = _exchange(workspace, change, row)
    verdict = judge_move(change.findings, change.order, wanted, held, _standing(workspace, wanted, held))
    entry = workspace.append(change.draft, "booking-change", change.id, **_fields_of(change, made, verdict, wanted))
    if verdict.reason is None:
        _apply(workspace, row, entry)
    return Outcome(
        entry=entry.id,
        at=from_millis(entry.at),
        granted=verdict.reason is None,
        reason=verdict.reason,
        leaf_hash=workspace.end.hash,
        figures=verdict.figures,
        taken=verdict.taken,
        booking=change.booking,
    )


def end_booking(workspace: Workspace, change: BookingEnd, made: leaf.Leaf) -> Outcome:
    """Record that a booking was cancelled or missed."""
    row = _row_of(workspace, made)
    _require(row, {BookingState.HELD})
    if change.missed and workspace.at <= row.closes_at:
        raise TargetState("booking-not-over")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    consumed = change.missed and change.consume
    reason = ("consumed" if consumed else "released") if change.missed else change.reason
    told = {"holder": made.holder, "target": made.id, "reason": reason}
    entry = workspace.append(change.draft, "booking-missed" if change.missed else "booking-cancel", change.id, **told)
    figures = () if consumed else give_back(workspace, workspace.entry(row.held_by))
    state = BookingState.MISSED if change.missed else BookingState.CANCELLED
    workspace.write_booking(replace(row, state=state, holds=consumed))
    return conclude(workspace, change, entry, figures=figures)


def _row_of(workspace: Workspace, made: leaf.Leaf) -> BookingRow:
    row = workspace.booking(made.seq)
    if row is None:
        raise TargetState("not-found")
    return row


def _require(row: BookingRow, states: set[BookingState]) -> None:
    if row.state not in states:
        raise TargetState(f"booking-was-{row.state.value}")


def _exchange(workspace: Workspace, change: BookingChange, row: BookingRow) -> tuple[_Holding, _Holding]:
    """Return what a change takes and what it gives back."""
    if change.kind is ChangeKind.DELAYED or (change.kind is ChangeKind.REOPENED and row.holds):
        return _NOTHING, _NOTHING
    counted = workspace.entry(row.held_by)
    held = charges_of(counted), choice_of(counted)
    if change.kind is ChangeKind.REOPENED:
        return held, _NOTHING
    return (change.charges, change.choice), held


def _standing(workspace: Workspace, wanted: _Holding, held: _Holding) -> Standing:
    counters = {(charge.limit, charge.period) for charge in wanted[0]}
    return Standing(
        proof_used=False,
        visit=None,
        used={key: workspace.used(*key) for key in counters},
        taken=_taken_by_others(workspace, wanted[1], held[1]),
    )


def _taken_by_others(workspace: Workspace, wanted: Choice | None, held: Choice | None) -> Taken | None:
    """Return the choice that other uses or bookings made in the wanted group, or None."""
    if wanted is None:
        return None
    own = held is not None and (held.group, held.period) == (wanted.group, wanted.period)
    return taken_member(workspace, wanted.group, wanted.period, least=2 if own else 1)


def _fields_of(change: BookingChange, made: leaf.Leaf, verdict: MoveVerdict, wanted: _Holding) -> dict[str, Any]:
    """Return the fields of a change's entry in addition to its draft."""
    told: dict[str, Any] = {"holder": made.holder, "target": made.id, "change": change.kind.value}
    if verdict.reason is not None:
        return told | {"outcome": "denied", "reason": verdict.reason}
    counted = {"charges": charge_lines(wanted[0]), "choice": choice_line(wanted[1])}
    return told | {"outcome": "granted", "window": window_line(change.window), **counted}


def _apply(workspace: Workspace, row: BookingRow, entry: leaf.Leaf) -> None:
    """Change the booking, the counters and the choice as the entry says."""
    window = _window_of(entry)
    changed = replace(
        row,
        state=BookingState.HELD,
        service=entry.service,
        point=entry.point,
        scheduled_at=window.scheduled_at,
        expected_at=window.expected_at,
        opens_at=window.opens_at,
        closes_at=window.closes_at,
    )
    rebooked = entry.change == ChangeKind.REBOOKED.value
    if rebooked:
        give_back(workspace, workspace.entry(row.held_by))
    if rebooked or not row.holds:
        count(workspace, entry)
        changed = replace(changed, holds=True, held_by=entry.seq)
    workspace.write_booking(changed)


def _window_of(entry: leaf.Leaf) -> leaf.WindowLine:
    if entry.window is None:
        raise leaf.LeafError("a booking has a window")
    return entry.window
