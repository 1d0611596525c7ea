"""The visit line: a holder's uses at a service and point, which of them open a visit, and which lie in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ledger import leaf
from ledger.millis import from_millis, to_millis
from ledger.offline import net_of
from ledger.state import StayRow, VisitRow
from ledger.steps.workspace import Workspace
from ledger.timeline import STILL, Stay, Walk, walk
from ledger.writing import charges_of


def find(workspace: Workspace, entry: leaf.Leaf) -> StayRow | None:
    """Return a use as it stands in its visit line, or None if it stands in no line."""
    at = leaf.stays_from(entry)
    return None if at is None else workspace.stay(entry.service, entry.point, (at, entry.seq))


def add(workspace: Workspace, entry: leaf.Leaf) -> None:
    """Add a granted use to its visit line, if it belongs to one."""
    at = leaf.stays_from(entry)
    if at is None or entry.visit is None:
        return
    opens = entry.visit.entry is None
    place = workspace.holder, entry.service, entry.point
    workspace.write_stay(StayRow(*place, at, entry.seq, entry.visit.ends_at, opens))


def opened_before(workspace: Workspace, service: str, point: str, at: int) -> Stay | None:
    """Return the use that opened the last visit at or before an instant."""
    found = workspace.opening_stay(service, point, at)
    return None if found is None else _stay(workspace, found)


def after(workspace: Workspace, service: str, point: str, place: tuple[int, int]) -> Iterator[Stay]:
    """Yield the uses after a place (instant, `seq`) of the line, with the cost of each."""
    return (_stay(workspace, row) for row in workspace.stays_after(service, point, place))


def set_free(workspace: Workspace, row: StayRow) -> Walk:
    """Remove a use from its visit line. The uses that lay in its visit find another visit or open one."""
    workspace.drop_stay(row)
    if not row.opens:
        return STILL
    walked = walk(None, after(workspace, row.service, row.point, row.place))
    apply(workspace, row.service, row.point, walked, gone=row.seq)
    return walked


def apply(workspace: Workspace, service: str, point: str, walked: Walk, *, gone: int | None = None) -> None:
    """Write the result of a walk: the uses' parts, the counters, and the last visit.

    `gone`: the `seq` of the voided use.
    """
    for move in walked.moved:
        place = to_millis(move.stay.at), leaf.split_id(move.stay.entry)[1]
        row = workspace.stay(service, point, place)
        if row is not None:
            workspace.write_stay(replace(row, opens=move.into is None))
    for (limit, period), units in net_of(walked.moved).items():
        workspace.add_used(limit, period, units)
    if walked.settled:
        return
    last = workspace.visit(service, point)
    if walked.last is not None:
        workspace.write_visit(_opened_by(workspace.holder, service, point, walked.last))
    elif last is not None and last.entry == gone:
        workspace.drop_visit(last)


def _opened_by(holder: str, service: str, point: str, stay: Stay) -> VisitRow:
    """Return the visit that a use opened, before anybody left or re-entered."""
    seq, at = leaf.split_id(stay.entry)[1], to_millis(stay.at)
    return VisitRow(
        holder, service, point, seq, at, to_millis(stay.ends_at), re_entries=0, left_at=None, inside=seq, inside_at=at
    )


def _stay(workspace: Workspace, row: StayRow) -> Stay:
    entry = workspace.entry(row.seq)
    return Stay(entry.id, from_millis(row.at), from_millis(row.ends_at), row.opens, charges_of(entry))
