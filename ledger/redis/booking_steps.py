"""Changes and ends of bookings (DESIGN §6, Booking). Each a function of a desk; writes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ledger import leaf
from ledger.bookings import BookingChange, BookingEnd, BookingState, ChangeKind
from ledger.judgement import Moved, Standing, judge_move
from ledger.millis import from_millis
from ledger.redis import pieces
from ledger.redis.desk import Desk
from ledger.redis.follow_ups import conclude
from ledger.redis.state import BookingRow
from ledger.values import Charge, Choice, Outcome, Taken, TargetState

_Holding = tuple[tuple[Charge, ...], Choice | None]
_NOTHING: _Holding = ((), None)


def change_booking(desk: Desk, change: BookingChange, made: leaf.Leaf) -> Outcome:
    """Judge and record a change of a booking."""
    row = _row_of(desk, made)
    reopens = change.kind is ChangeKind.REOPENED
    _require(row, {BookingState.HELD, BookingState.MISSED} if reopens else {BookingState.HELD})
    wanted, held = _exchange(desk, change, row)
    moved = judge_move(change.findings, change.order, wanted, held, _standing(desk, wanted, held))
    entry = desk.append(change.draft, "booking-change", change.id, **_told(change, made, moved, wanted))
    if moved.reason is None:
        _apply(desk, made.seq, row, entry)
    return Outcome(
        entry=entry.id,
        at=from_millis(entry.at),
        granted=moved.reason is None,
        reason=moved.reason,
        leaf_hash=desk.hash,
        figures=moved.figures,
        taken=moved.taken,
        booking=change.booking,
    )


def end_booking(desk: Desk, change: BookingEnd, made: leaf.Leaf) -> Outcome:
    """Record that a booking was cancelled or missed."""
    row = _row_of(desk, made)
    _require(row, {BookingState.HELD})
    if change.missed and desk.at <= row.closes_at:
        raise TargetState("booking-not-over")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    consumed = change.missed and change.consume
    reason = ("consumed" if consumed else "released") if change.missed else change.reason
    told: dict[str, Any] = {"holder": made.holder, "target": made.id, "reason": reason}
    entry = desk.append(change.draft, "booking-missed" if change.missed else "booking-cancel", change.id, **told)
    figures = () if consumed else desk.give_back(desk.entry(row.held_by))
    state = BookingState.MISSED if change.missed else BookingState.CANCELLED
    desk.write_booking(made.seq, msgspec.structs.replace(row, state=state.value, holds=consumed))
    return conclude(desk, change, entry, figures=figures)


def _row_of(desk: Desk, made: leaf.Leaf) -> BookingRow:
    row = desk.booking(made.seq)
    if row is None:
        raise TargetState("not-found")
    return row


def _require(row: BookingRow, states: set[BookingState]) -> None:
    if BookingState(row.state) not in states:
        raise TargetState(f"booking-was-{row.state}")


def _exchange(desk: Desk, change: BookingChange, row: BookingRow) -> tuple[_Holding, _Holding]:
    """Return what a change takes and what it gives back."""
    if change.kind is ChangeKind.DELAYED or (change.kind is ChangeKind.REOPENED and row.holds):
        return _NOTHING, _NOTHING
    held = _holding(desk.entry(row.held_by))
    if change.kind is ChangeKind.REOPENED:
        return held, _NOTHING
    return (change.charges, change.choice), held


def _holding(line: leaf.Leaf) -> _Holding:
    """Return what the entry that counted last has counted."""
    charges = tuple(Charge(charge.limit, charge.period, charge.maximum, charge.units) for charge in line.charges)
    if line.choice is None:
        return charges, None
    return charges, Choice(line.choice.group, line.choice.period, line.choice.member)


def _standing(desk: Desk, wanted: _Holding, held: _Holding) -> Standing:
    counters = {(charge.limit, charge.period) for charge in wanted[0]}
    return Standing(
        proof_used=False,
        visit=None,
        used={key: desk.used(*key) for key in counters},
        taken=_taken(desk, wanted[1], held[1]),
    )


def _taken(desk: Desk, wanted: Choice | None, held: Choice | None) -> Taken | None:
    """Return what the wanted group is fixed to by others than the booking that is changed."""
    if wanted is None:
        return None
    own = held is not None and (held.group, held.period) == (wanted.group, wanted.period)
    return desk.taken(wanted.group, wanted.period, least=2 if own else 1)


def _told(change: BookingChange, made: leaf.Leaf, moved: Moved, wanted: _Holding) -> Mapping[str, Any]:
    """What the entry of a change says beside its draft."""
    told: dict[str, Any] = {"holder": made.holder, "target": made.id, "change": change.kind.value}
    if moved.reason is not None:
        return told | {"outcome": "denied", "reason": moved.reason}
    charges = tuple(pieces.charge_line(charge) for charge in wanted[0])
    counted = {"charges": charges, "choice": pieces.choice_line(wanted[1])}
    return told | {"outcome": "granted", "window": pieces.window_line(change.window), **counted}


def _apply(desk: Desk, seq: int, row: BookingRow, entry: leaf.Leaf) -> None:
    """Change the booking's row, counters and choice as the entry says."""
    after = msgspec.structs.replace(
        row,
        state=BookingState.HELD.value,
        service=entry.service,
        point=entry.point,
        **msgspec.structs.asdict(entry.window) if entry.window is not None else {},
    )
    rebooked = entry.change == ChangeKind.REBOOKED.value
    if rebooked:
        desk.give_back(desk.entry(row.held_by))
    if rebooked or not row.holds:
        desk.count(entry)
        after = msgspec.structs.replace(after, holds=True, held_by=entry.seq)
    desk.write_booking(seq, after)
