"""Changes and ends of bookings, each one step inside a savepoint of the writer (DESIGN §6, Booking).

The order is that of every step: operation (replay or conflict) → clock → the booking's state → limits → append → keep.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ledger import answers, leaf
from ledger.bookings import BookingChange, BookingEnd, BookingState, ChangeKind, Hold
from ledger.judgement import Moved, Standing, judge_move
from ledger.millis import from_millis, to_millis
from ledger.sqlite import bookings, rows, steps
from ledger.sqlite.schema import row_of
from ledger.values import Charge, Choice, LedgerError, Outcome, Taken, TargetState, is_device_subject

_HOLDING = tuple[tuple[Charge, ...], Choice | None]
_NOTHING: _HOLDING = ((), None)


def hold(db: sqlite3.Connection, change: Hold, instant: steps.Instant) -> Outcome:
    """Judge and record a booking."""
    if change.wish.visit is not None or change.wish.booking is not None:
        raise LedgerError("a booking opens no visit and uses no booking")
    return steps.check_in(db, change.wish, instant, change.window)


def change_booking(db: sqlite3.Connection, change: BookingChange, instant: steps.Instant) -> Outcome:
    """Judge and record a change of a booking."""
    row, made, holder = _booking_of(db, change)
    key = (*holder, change.device, change.id)
    if kept := steps.kept_answer(db, key, change.request):
        return kept
    head = rows.read_head(db, made.partition)
    at = instant.after(head.last_at)
    reopens = change.kind is ChangeKind.REOPENED
    _require(row, {BookingState.HELD, BookingState.MISSED} if reopens else {BookingState.HELD})
    wanted, held = _exchange(db, change, row)
    moved = judge_move(change.findings, change.order, wanted, held, _standing(db, holder, wanted, held))
    told = _told(change, made, moved, wanted)
    line = steps.make_leaf(change.draft, head, at, "booking-change", change.id, **told)
    outcome = Outcome(
        entry=line.id,
        at=from_millis(at),
        granted=moved.reason is None,
        reason=moved.reason,
        leaf_hash=rows.append(db, line),
        figures=moved.figures,
        taken=moved.taken,
        booking=change.booking,
    )
    if outcome.granted:
        _apply(db, holder, row, line)
    rows.keep_answer(db, key, change.request, answers.write(outcome), to_millis(change.keep_until))
    return outcome


def end_booking(db: sqlite3.Connection, change: BookingEnd, instant: steps.Instant) -> Outcome:
    """Record that a booking was cancelled or missed."""
    row, made, holder = _booking_of(db, change)
    key = (*holder, change.device, change.id)
    if kept := steps.kept_answer(db, key, change.request):
        return kept
    head = rows.read_head(db, made.partition)
    at = instant.after(head.last_at)
    _require(row, {BookingState.HELD})
    if change.missed and at <= row.closes_at:
        raise TargetState("booking-not-over")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    consumed = change.missed and change.consume
    reason = ("consumed" if consumed else "released") if change.missed else change.reason
    told: dict[str, Any] = {"holder": made.holder, "target": made.id, "reason": reason}
    kind = "booking-missed" if change.missed else "booking-cancel"
    line = steps.make_leaf(change.draft, head, at, kind, change.id, **told)
    figures = () if consumed else steps.give_back(db, holder, bookings.leaf_of(db, row.held_by))
    state = BookingState.MISSED if change.missed else BookingState.CANCELLED
    bookings.write(db, replace(row, state=state, holds=consumed))
    return steps.conclude(db, change, key, line, figures=figures)


def _booking_of(
    db: sqlite3.Connection, change: BookingChange | BookingEnd
) -> tuple[bookings.BookingRow, leaf.Leaf, tuple[int, str]]:
    """Return a booking's row, the entry that made it, and the place of its holder; not-found if it is another's."""
    n, made, holder = steps.target_of(db, change.booking)
    row = bookings.read(db, n)
    if row is None or (change.subject is not None and not _is_whose(db, change.subject, made)):
        raise TargetState("not-found")
    return row, made, holder


def _is_whose(db: sqlite3.Connection, subject: str, made: leaf.Leaf) -> bool:
    holder = None if is_device_subject(subject) else rows.find_holder(db, subject)
    return holder is not None and holder.name == made.holder


def _require(row: bookings.BookingRow, states: set[BookingState]) -> None:
    if row.state not in states:
        raise TargetState(f"booking-was-{row.state.value}")


def _exchange(db: sqlite3.Connection, change: BookingChange, row: bookings.BookingRow) -> tuple[_HOLDING, _HOLDING]:
    """Return what a change takes and what it gives back."""
    if change.kind is ChangeKind.DELAYED or (change.kind is ChangeKind.REOPENED and row.holds):
        return _NOTHING, _NOTHING
    kept = bookings.find(db, rows.name_of(row.n))
    held: _HOLDING = _NOTHING if kept is None else (kept.charges, kept.choice)
    if change.kind is ChangeKind.REOPENED:
        return held, _NOTHING
    return (change.charges, change.choice), held


def _standing(db: sqlite3.Connection, holder: tuple[int, str], wanted: _HOLDING, held: _HOLDING) -> Standing:
    keys = {(charge.limit, charge.period) for charge in wanted[0]}
    return Standing(
        proof_used=False,
        visit=None,
        used={key: rows.read_used(db, holder, *key) for key in keys},
        taken=_taken(db, holder, wanted[1], held[1]),
    )


def _taken(db: sqlite3.Connection, holder: tuple[int, str], wanted: Choice | None, held: Choice | None) -> Taken | None:
    """Return what the wanted group is fixed to by others than the booking that is changed."""
    if wanted is None:
        return None
    own = held is not None and (held.group, held.period) == (wanted.group, wanted.period)
    return rows.read_taken(db, holder, wanted.group, wanted.period, least=2 if own else 1)


def _told(change: BookingChange, made: leaf.Leaf, moved: Moved, wanted: _HOLDING) -> Mapping[str, Any]:
    """What the entry of a change says beside its draft."""
    told: dict[str, Any] = {"holder": made.holder, "target": made.id, "change": change.kind.value}
    if moved.reason is not None:
        return told | {"outcome": "denied", "reason": moved.reason}
    return told | {"outcome": "granted", "window": bookings.window_line(change.window), **_counted(wanted)}


def _counted(wanted: _HOLDING) -> Mapping[str, Any]:
    charges, choice = wanted
    lines = tuple(
        leaf.ChargeLine(limit=charge.limit, maximum=charge.maximum, period=charge.period, units=charge.units)
        for charge in charges
    )
    if choice is None:
        return {"charges": lines}
    return {
        "charges": lines,
        "choice": leaf.ChoiceLine(group=choice.group, member=choice.member, period=choice.period),
    }


def _apply(db: sqlite3.Connection, holder: tuple[int, str], row: bookings.BookingRow, line: leaf.Leaf) -> None:
    """Change the booking's row, counters and choice as the entry says."""
    after = bookings.moved(replace(row, state=BookingState.HELD), line)
    rebooked = line.change == ChangeKind.REBOOKED.value
    if rebooked:
        steps.give_back(db, holder, bookings.leaf_of(db, row.held_by))
    if rebooked or not row.holds:
        for charge in line.charges:
            rows.add_used(db, holder, charge.limit, charge.period, charge.units)
        rows.choose(db, line)
        after = replace(after, holds=True, held_by=row_of(line.partition, line.seq))
    bookings.write(db, after)
