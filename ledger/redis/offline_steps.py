"""What a device did offline (DESIGN §6, Offline), as a function of a desk; writes nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ledger import leaf
from ledger.bookings import Booking
from ledger.millis import from_millis, to_millis
from ledger.offline import (
    GRANTED_OFFLINE,
    REPLAYED,
    OfflineStanding,
    OfflineUse,
    OfflineVerdict,
    judge_offline,
    refusal_of,
    refused_early,
)
from ledger.redis import pieces
from ledger.redis.bookings import booking_of
from ledger.redis.desk import Desk
from ledger.redis.holders import Holder
from ledger.redis.stays import Line, move_lines
from ledger.values import LedgerError, Outcome, VisitState


@dataclass(slots=True)
class OfflineStep:
    """A record on its way. `first`: another answer kept to its operation; `rival`: the device whose its proof is.

    `spends`: whether the proof was free and is spent by it.
    """

    change: OfflineUse
    holder: Holder | None
    first: Outcome | None
    rival: str | None
    spends: bool = False

    def __call__(self, desk: Desk) -> Outcome:
        """Judge and record."""
        if to_millis(self.change.used_at) > desk.at:
            raise LedgerError("a use recorded offline lies in the future")
        return self._refuse_early(desk) if self.holder is None else self._record(desk, self.holder)

    def _refuse_early(self, desk: Desk) -> Outcome:
        change = self.change
        if change.claim or change.charges or change.choice or change.draft.card:
            raise LedgerError("without a verified holder there is nothing to count")
        verdict = refused_early(change)
        if verdict.reason is None:
            raise LedgerError("without a verified holder there is a finding")
        return self._append(desk, verdict, {})[0]

    def _record(self, desk: Desk, holder: Holder) -> Outcome:
        change = self.change
        line = None if change.visit is None else Line(desk, change.draft.service, change.draft.point)
        standing = self._standing(desk, line)
        named = {"holder": holder.name}
        if change.draft.card is not None:
            named["card"] = holder.card(change.draft.card)
        linked = None if self.first is None else self.first.entry
        refusal = refusal_of(change, standing)
        if refusal is not None:
            refused = OfflineVerdict(granted=False, reason=refusal, marks=(GRANTED_OFFLINE,))
            linked = self._append(desk, refused, named)[0].entry
        verdict = judge_offline(change, desk.next_id, standing)
        told: dict[str, Any] = named if linked is None else named | {"linked": linked}
        if REPLAYED in verdict.marks:
            told["rival"] = self.rival
        outcome, entry = self._append(desk, verdict, told)
        if verdict.granted:
            _count(desk, line, entry, verdict)
        self.spends = change.claim is not None and self.rival is None and verdict.granted
        return outcome

    def _standing(self, desk: Desk, line: Line | None) -> OfflineStanding:
        change, used_at = self.change, to_millis(self.change.used_at)
        return OfflineStanding(
            first=self.first,
            rival=self.rival,
            taken=None if change.choice is None else desk.taken(change.choice.group, change.choice.period),
            used=desk.used,
            before=None if line is None else line.opened_before(used_at),
            # Whatever stands at this very instant was recorded before and comes before.
            after=() if line is None else line.after(used_at, None),
            booking=_booking(desk, change.booking),
        )

    def _append(self, desk: Desk, verdict: OfflineVerdict, told: dict[str, Any]) -> tuple[Outcome, leaf.Leaf]:
        """Append the entry that a verdict makes; return its answer with it."""
        change = self.change
        draft = replace(change.draft, marks=(*change.draft.marks, *verdict.marks))
        added = told | {"outcome": "granted" if verdict.granted else "denied", "used_at": to_millis(change.used_at)}
        if verdict.reason is not None:
            added["reason"] = verdict.reason
        if verdict.granted:
            added |= _counted(change, verdict)
        entry = desk.append(draft, "offline", change.operation.id, **added)
        outcome = Outcome(
            entry=entry.id,
            at=from_millis(entry.at),
            granted=verdict.granted,
            reason=verdict.reason,
            leaf_hash=desk.hash,
            figures=verdict.figures,
            visit=_visit(verdict),
            taken=verdict.taken,
            marks=draft.marks,
            booking=change.booking if verdict.posts else None,
            linked=told.get("linked"),
            joined=verdict.into,
        )
        return outcome, entry


def _booking(desk: Desk, booking_id: str | None) -> Booking | None:
    """The booking that a use names, if it is this holder's."""
    try:
        partition, seq = leaf.split_id(booking_id or "")
    except leaf.LeafError:
        return None
    row = desk.booking(seq) if partition == desk.partition else None
    if row is None or row.holder != desk.name:
        return None
    return booking_of(partition, seq, row, desk.entry(seq).at, desk.entry(row.held_by))


def _counted(change: OfflineUse, verdict: OfflineVerdict) -> dict[str, Any]:
    charges = tuple(pieces.charge_line(charge) for charge in verdict.charges)
    counted: dict[str, Any] = {"charges": charges, "moved": move_lines(verdict.walk)}
    if verdict.posts:
        counted["booking"] = change.booking
    if verdict.choice is not None:
        counted["choice"] = pieces.choice_line(verdict.choice)
    if verdict.own is not None:
        own = verdict.own
        counted["visit"] = leaf.VisitLine(
            started_at=to_millis(own.at), ends_at=to_millis(own.ends_at), entry=verdict.into
        )
    return counted


def _count(desk: Desk, line: Line | None, entry: leaf.Leaf, verdict: OfflineVerdict) -> None:
    """Change counters, choice, line of uses and last visit as the entry says."""
    if verdict.into is None:
        desk.count(entry)
    else:
        desk.choose(entry)
    if line is not None:
        line.add(entry)
        line.apply(verdict.walk)
    if entry.booking is not None:
        seq = desk.seq_of(entry.booking)
        row = desk.booking(seq)
        if row is not None:
            desk.write_booking(seq, msgspec.structs.replace(row, state="used", used_by=entry.seq))


def _visit(verdict: OfflineVerdict) -> VisitState | None:
    stay = verdict.own if verdict.joins is None else verdict.joins
    return None if stay is None else VisitState(stay.entry, stay.at, stay.ends_at)
