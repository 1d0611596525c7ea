"""The first answer to an operation: written beside the log, and read again for a retry."""

from __future__ import annotations

import msgspec

from ledger.millis import from_millis, to_millis
from ledger.values import Figure, Outcome, Taken, VisitState


class _Kept(msgspec.Struct, array_like=True):
    """An Outcome as plain values in a fixed order. New fields are added at the end, with a default. Times are in
    milliseconds.
    """

    entry: str
    at: int
    granted: bool
    reason: str | None
    leaf_hash: bytes
    figures: list[tuple[str, str, int, int]]
    visit: tuple[str, int, int, int, int | None] | None
    taken: tuple[str, str, str, int, str] | None
    re_entry: bool
    booking: str | None = None
    marks: tuple[str, ...] = ()
    linked: str | None = None
    joined: str | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Kept)


def write(outcome: Outcome) -> bytes:
    """Return the bytes under which an outcome is kept; `replayed` is left out."""
    figures = [(figure.limit, figure.period, figure.used, figure.maximum) for figure in outcome.figures]
    visit = None if outcome.visit is None else _visit(outcome.visit)
    taken = None if outcome.taken is None else _taken(outcome.taken)
    return _ENCODER.encode(
        _Kept(
            outcome.entry,
            to_millis(outcome.at),
            outcome.granted,
            outcome.reason,
            outcome.leaf_hash,
            figures,
            visit,
            taken,
            outcome.re_entry,
            outcome.booking,
            outcome.marks,
            outcome.linked,
            outcome.joined,
        )
    )


def read(kept: bytes) -> Outcome:
    """Return the outcome that was kept, marked as replayed. Raises msgspec.MsgspecError if the bytes are damaged."""
    found = _DECODER.decode(kept)
    visit, taken = found.visit, found.taken
    return Outcome(
        entry=found.entry,
        at=from_millis(found.at),
        granted=found.granted,
        reason=found.reason,
        leaf_hash=found.leaf_hash,
        figures=tuple(Figure(*figure) for figure in found.figures),
        visit=None if visit is None else visit_state(*visit),
        taken=None if taken is None else Taken(*taken[:3], from_millis(taken[3]), taken[4]),
        re_entry=found.re_entry,
        booking=found.booking,
        marks=found.marks,
        linked=found.linked,
        joined=found.joined,
        replayed=True,
    )


def visit_state(entry: str, started_at: int, ends_at: int, re_entries: int, left_at: int | None) -> VisitState:
    """Return a visit from its values in milliseconds."""
    left = None if left_at is None else from_millis(left_at)
    return VisitState(entry, from_millis(started_at), from_millis(ends_at), re_entries, left)


def _visit(visit: VisitState) -> tuple[str, int, int, int, int | None]:
    left = None if visit.left_at is None else to_millis(visit.left_at)
    return visit.entry, to_millis(visit.started_at), to_millis(visit.ends_at), visit.re_entries, left


def _taken(taken: Taken) -> tuple[str, str, str, int, str]:
    return taken.group, taken.member, taken.service, to_millis(taken.at), taken.entry
