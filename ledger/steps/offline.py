"""Records what a device granted or refused while it was offline (docs/design.md §6, Offline)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger import leaf
from ledger.holders import HolderName
from ledger.millis import from_millis, to_millis
from ledger.offline import (
    GRANTED_OFFLINE,
    REPLAYED,
    OfflineStanding,
    OfflineUse,
    OfflineVerdict,
    judge_offline,
    offline_refusal,
    refused_early,
)
from ledger.steps import stays
from ledger.steps.bookings import find_booking, use_booking
from ledger.steps.counting import choose, count, taken_member
from ledger.steps.workspace import Workspace
from ledger.values import LedgerError, Outcome, VisitState
from ledger.writing import charge_lines, choice_line, move_lines

_LAST = 2**40 - 1  # After every `seq`: a use at the same instant that is already recorded comes before this one


def require_record(change: OfflineUse) -> None:
    """Refuse a record that no store can take: the use of a booking opens no visit."""
    if change.booking is not None and change.visit is not None:
        raise LedgerError("the use of a booking opens no visit")


def record_offline(
    workspace: Workspace, change: OfflineUse, holder: HolderName | None, first: Outcome | None, rival: str | None
) -> Outcome:
    """Judge and record a use. `first`: the kept answer that the record contradicts. `rival`: the device that has its
    proof.
    """
    if to_millis(change.used_at) > workspace.at:
        raise LedgerError("a use recorded offline lies in the future")
    if holder is None:
        return _refuse_early(workspace, change)
    standing = _standing(workspace, change, first, rival)
    told: dict[str, Any] = {"holder": holder.name}
    if change.draft.card is not None:
        told["card"] = holder.card(change.draft.card)
    linked = _linked(workspace, change, standing, told)
    verdict = judge_offline(change, workspace.end.next_id, standing)
    if linked is not None:
        told["linked"] = linked
    if REPLAYED in verdict.marks:
        told["rival"] = rival
    outcome, entry = _append(workspace, change, verdict, told)
    if verdict.granted:
        _count(workspace, entry, verdict)
    if change.claim is not None and rival is None and verdict.granted:
        workspace.spend(change.claim)
    return outcome


def _refuse_early(workspace: Workspace, change: OfflineUse) -> Outcome:
    if change.claim or change.charges or change.choice or change.draft.card:
        raise LedgerError("without a verified holder there is nothing to count")
    verdict = refused_early(change)
    if verdict.reason is None:
        raise LedgerError("without a verified holder there is a finding")
    return _append(workspace, change, verdict, {})[0]


def _linked(workspace: Workspace, change: OfflineUse, standing: OfflineStanding, named: dict[str, Any]) -> str | None:
    """Return the entry that the record contradicts: the entry of the first answer, or the refusal that is appended
    here.
    """
    refusal = offline_refusal(change, standing)
    if refusal is None:
        return None if standing.first is None else standing.first.entry
    refused = OfflineVerdict(granted=False, reason=refusal, marks=(GRANTED_OFFLINE,))
    return _append(workspace, change, refused, named)[0].entry


def _standing(workspace: Workspace, change: OfflineUse, first: Outcome | None, rival: str | None) -> OfflineStanding:
    used_at, choice = to_millis(change.used_at), change.choice
    line = change.draft.service, change.draft.point
    return OfflineStanding(
        first=first,
        rival=rival,
        taken=None if choice is None else taken_member(workspace, choice.group, choice.period),
        used=workspace.used,
        before=None if change.visit is None else stays.opened_before(workspace, *line, used_at),
        after=() if change.visit is None else stays.after(workspace, *line, (used_at, _LAST)),
        booking=find_booking(workspace, change.booking),
    )


def _append(
    workspace: Workspace, change: OfflineUse, verdict: OfflineVerdict, told: dict[str, Any]
) -> tuple[Outcome, leaf.Leaf]:
    """Append the entry for a verdict. Return its answer and the entry."""
    draft = replace(change.draft, marks=(*change.draft.marks, *verdict.marks))
    added = told | {"outcome": "granted" if verdict.granted else "denied", "used_at": to_millis(change.used_at)}
    if verdict.reason is not None:
        added["reason"] = verdict.reason
    if verdict.granted:
        added |= _counted(change, verdict)
    entry = workspace.append(draft, "offline", change.operation.id, **added)
    outcome = Outcome(
        entry=entry.id,
        at=from_millis(entry.at),
        granted=verdict.granted,
        reason=verdict.reason,
        leaf_hash=workspace.end.hash,
        figures=verdict.figures,
        visit=_visit(verdict),
        taken=verdict.taken,
        marks=draft.marks,
        booking=change.booking if verdict.posts else None,
        linked=told.get("linked"),
        joined=verdict.into,
    )
    return outcome, entry


def _counted(change: OfflineUse, verdict: OfflineVerdict) -> dict[str, Any]:
    """Return the fields of a grant's leaf: what it counts, what it moves and the visit that it opens."""
    counted: dict[str, Any] = {
        "charges": charge_lines(verdict.charges),
        "moved": move_lines(verdict.walk),
        "choice": choice_line(verdict.choice),
    }
    if verdict.posts:
        counted["booking"] = change.booking
    if verdict.own is not None:
        own = verdict.own
        bounds = {"started_at": to_millis(own.at), "ends_at": to_millis(own.ends_at)}
        counted["visit"] = leaf.VisitLine(**bounds, entry=verdict.into)
    return counted


def _count(workspace: Workspace, entry: leaf.Leaf, verdict: OfflineVerdict) -> None:
    """Change the counters, the choice, the line of uses and the last visit as the entry says."""
    if verdict.into is None:
        count(workspace, entry)
    else:
        choose(workspace, entry)
    if entry.visit is not None:
        stays.add(workspace, entry)
        stays.apply(workspace, entry.service, entry.point, verdict.walk)
    if entry.booking is not None:
        use_booking(workspace, entry)


def _visit(verdict: OfflineVerdict) -> VisitState | None:
    stay = verdict.own if verdict.joins is None else verdict.joins
    return None if stay is None else VisitState(stay.entry, stay.at, stay.ends_at)
