"""Step 10 as a pure function (DESIGN §5): what stands and what is asked in, a verdict out. No store and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from verifier.ledger.interface import Charge, CheckIn, Figure, Taken, VisitState

PROOF_USED, ALREADY_IN, QUOTA_SPENT, EXCLUDED = "proof-used", "already-in", "quota-spent", "excluded"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store holds before the change; `visit` is the last one at this service and point, over or not."""

    proof_used: bool
    visit: VisitState | None
    used: Mapping[tuple[str, str], int]
    taken: Taken | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be recorded. `visit` is the visit now running, whoever opened it; a new one bears the new entry's id.

    Of a re-entry, `left_before` is the departure that it follows.
    """

    reason: str | None
    figures: tuple[Figure, ...]
    visit: VisitState | None
    taken: Taken | None
    re_entry: bool = False
    left_before: datetime | None = None

    @property
    def granted(self) -> bool:
        """Whether nothing stands against the use."""
        return self.reason is None


def judge(change: CheckIn, at: datetime, entry: str, standing: Standing) -> Verdict:
    """Return the verdict on a change at `at`, to be recorded as `entry`: of several reasons the first in `order`."""
    inside = _inside(standing.visit, at) if change.visit else None
    re_entry = inside is not None and inside.left_at is not None and inside.re_entries < _cap(change)
    totals = _totals(change.charges)
    taken = _other(change, standing.taken)
    reasons = list(change.findings)
    if not re_entry:
        reasons += _reasons(inside, _over(change.charges, totals, standing.used), taken)
    reason = PROOF_USED if standing.proof_used else _first(reasons, change.order)
    re_entry = re_entry and reason is None
    counted = totals if reason is None and not re_entry else {}
    return Verdict(
        reason=reason,
        figures=_figures(change.charges, standing.used, counted),
        visit=_visit(change, at, entry, inside, entered=reason is None),
        taken=taken,
        re_entry=re_entry,
        left_before=inside.left_at if inside is not None and re_entry else None,
    )


def _reasons(inside: VisitState | None, over: bool, taken: Taken | None) -> list[str]:  # noqa: FBT001 - three findings in a row
    found = ((inside is not None, ALREADY_IN), (over, QUOTA_SPENT), (taken is not None, EXCLUDED))
    return [reason for holds, reason in found if holds]


def _inside(visit: VisitState | None, at: datetime) -> VisitState | None:
    """The visit, if its time still runs at `at`; at exactly its end it is over."""
    return visit if visit is not None and at < visit.ends_at else None


def _cap(change: CheckIn) -> int:
    return change.visit.re_entries if change.visit else 0


def _totals(charges: Iterable[Charge]) -> dict[tuple[str, str], int]:
    """Units by (limit, period): two charges on one counter are judged together."""
    totals: dict[tuple[str, str], int] = {}
    for charge in charges:
        key = (charge.limit, charge.period)
        totals[key] = totals.get(key, 0) + charge.units
    return totals


def _over(
    charges: Iterable[Charge], totals: Mapping[tuple[str, str], int], used: Mapping[tuple[str, str], int]
) -> bool:
    return any(
        used.get((charge.limit, charge.period), 0) + totals[charge.limit, charge.period] > charge.maximum
        for charge in charges
    )


def _other(change: CheckIn, taken: Taken | None) -> Taken | None:
    """What the group is fixed to, when that is another member than the one asked for."""
    if change.choice is None or taken is None or taken.member == change.choice.member:
        return None
    return taken


def _first(reasons: list[str], order: tuple[str, ...]) -> str | None:
    if not reasons:
        return None
    rank = {reason: place for place, reason in enumerate(order)}
    return min(reasons, key=lambda reason: rank.get(reason, len(order)))


def _figures(
    charges: Iterable[Charge], used: Mapping[tuple[str, str], int], counted: Mapping[tuple[str, str], int]
) -> tuple[Figure, ...]:
    figures: dict[tuple[str, str], Figure] = {}
    for charge in charges:
        key = (charge.limit, charge.period)
        figures[key] = Figure(*key, used.get(key, 0) + counted.get(key, 0), charge.maximum)
    return tuple(figures.values())


def _visit(change: CheckIn, at: datetime, entry: str, inside: VisitState | None, *, entered: bool) -> VisitState | None:
    if not entered or change.visit is None:
        return inside
    if inside is None:
        return VisitState(entry, at, at + change.visit.length)
    return replace(inside, re_entries=inside.re_entries + 1, left_at=None)
