"""Step 10 as a pure function (docs/design.md §5): it takes the standing state and the request, and returns a verdict.
No store and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ledger.bookings import Booking, BookingState
from ledger.values import Charge, CheckIn, Choice, Figure, Taken, VisitState

PROOF_USED, ALREADY_IN, QUOTA_SPENT, EXCLUDED = "proof-used", "already-in", "quota-spent", "excluded"
BOOKING_NEEDED, BOOKING_USED = "booking-needed", "booking-used"
BOOKING_TOO_EARLY, BOOKING_MISSED = "booking-too-early", "booking-missed"

STANDS = frozenset({PROOF_USED, BOOKING_NEEDED, BOOKING_USED, BOOKING_MISSED})
"""The reason that no supervisor can waive. A booking that holds no unit must first be reopened, and reopening takes a
unit.
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The store's state before the change. `visit` is the last visit at this service and point, whether or not it is
    over.

    `booking`: the booking that the change names, if it belongs to this holder.
    """

    proof_used: bool
    visit: VisitState | None
    used: Mapping[tuple[str, str], int]
    taken: Taken | None
    booking: Booking | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict to record. `visit` is the visit that runs now, whichever use opened it.

    A new visit has the new entry's id.

    For a re-entry, `left_before` is the departure before it.
    """

    reason: str | None
    figures: tuple[Figure, ...]
    visit: VisitState | None
    taken: Taken | None
    re_entry: bool = False
    left_before: datetime | None = None
    granted: bool = field(init=False)
    """Whether there is no reason against the use."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "granted", self.reason is None)


def judge(change: CheckIn, at: datetime, entry: str, standing: Standing) -> Verdict:
    """Return the verdict on a change at `at`, which is recorded as `entry`. If there are several reasons, the verdict
    gives the first in `order`.
    """
    inside = _inside(standing.visit, at) if change.visit else None
    re_entry = inside is not None and inside.left_at is not None and inside.re_entries < _cap(change)
    totals = _totals(change.charges)
    taken = other_member(change.choice, standing.taken)
    against = [] if change.booking is None else booking_reasons(standing.booking, change.draft.service, at)
    reasons = [*change.findings, *against]
    if not re_entry:
        reasons += _reasons(inside, _over(change.charges, totals, standing.used), taken)
    reasons = [reason for reason in reasons if reason in STANDS or reason not in change.waived]
    reason = PROOF_USED if standing.proof_used else first_of(reasons, change.order)
    re_entry = re_entry and reason is None
    counted = totals if reason is None and not re_entry else {}
    return Verdict(
        reason=reason,
        figures=_figures(_shown_charges(change, standing.booking), standing.used, counted),
        visit=_visit(change, at, entry, inside, entered=reason is None),
        taken=taken,
        re_entry=re_entry,
        left_before=inside.left_at if inside is not None and re_entry else None,
    )


def _reasons(inside: VisitState | None, over: bool, taken: Taken | None) -> list[str]:  # noqa: FBT001 - three findings in a row
    found = ((inside is not None, ALREADY_IN), (over, QUOTA_SPENT), (taken is not None, EXCLUDED))
    return [reason for holds, reason in found if holds]


def _inside(visit: VisitState | None, at: datetime) -> VisitState | None:
    """Return the visit if it still runs at `at`, or None. A visit is over at exactly its end."""
    return visit if visit is not None and at < visit.ends_at else None


def _cap(change: CheckIn) -> int:
    return change.visit.re_entries if change.visit else 0


def _totals(charges: Iterable[Charge]) -> dict[tuple[str, str], int]:
    """Units by (limit, period): two charges on the same counter are judged together."""
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


def other_member(choice: Choice | None, taken: Taken | None) -> Taken | None:
    """Return the member that the group is fixed to, or None if the choice asks for this same member."""
    if choice is None or taken is None or taken.member == choice.member:
        return None
    return taken


def booking_reasons(booking: Booking | None, service: str, at: datetime) -> list[str]:
    """Return the reasons against the booking that a use of `service` names."""
    if booking is None or booking.service != service or booking.state is BookingState.CANCELLED:
        return [BOOKING_NEEDED]
    if booking.state is BookingState.USED:
        return [BOOKING_USED]
    if booking.state is BookingState.MISSED or at > booking.window.closes_at:
        return [BOOKING_MISSED]
    return [BOOKING_TOO_EARLY] if at < booking.window.opens_at else []


def _shown_charges(change: CheckIn, booking: Booking | None) -> tuple[Charge, ...]:
    """Return the charges whose figures the answer shows: the change's own charges, or those of its booking."""
    return change.charges if booking is None else booking.charges


@dataclass(frozen=True, slots=True)
class MoveVerdict:
    """The verdict on a change of a booking: refused with `reason`, or granted with the units that the booking holds
    from now on.
    """

    reason: str | None
    figures: tuple[Figure, ...]
    taken: Taken | None


def judge_move(
    findings: Iterable[str],
    order: tuple[str, ...],
    wanted: tuple[tuple[Charge, ...], Choice | None],
    held: tuple[tuple[Charge, ...], Choice | None],
    standing: Standing,
) -> MoveVerdict:
    """Judge one step that gives `held` back and takes `wanted`. Units that the booking holds never count against the
    step.

    `standing.taken`: the member to which the wanted group stays fixed after the held use is taken off.
    """
    (charges, choice), (given_back, _) = wanted, held
    back = _totals(given_back)
    free = {key: used - back.get(key, 0) for key, used in standing.used.items()}
    totals, taken = _totals(charges), other_member(choice, standing.taken)
    reason = first_of([*findings, *_reasons(None, _over(charges, totals, free), taken)], order)
    figures = _figures(charges, free if reason is None else standing.used, totals if reason is None else {})
    return MoveVerdict(reason, figures, taken)


def first_of(reasons: Iterable[str], order: tuple[str, ...]) -> str | None:
    """Return the reason that comes first in `order`, or None if there is no reason. A reason without a rank comes
    last.
    """
    reasons = list(reasons)
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
