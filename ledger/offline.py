"""A use that a device recorded offline: the values, and its judgement as a pure function (docs/design.md §6, Offline).

The ledger refuses nothing that happened. What it counts in the end follows from the uses that stand and their instants
alone, never from the order in which they were uploaded. A use that does not stand by itself is held: an entry that
counts nothing, until a supervisor's word adds the one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from ledger.bookings import Booking, BookingState
from ledger.judgement import EXCLUDED, booking_reasons, first_of, other_member
from ledger.timeline import STILL, Move, Stay, Walk, covers, walk
from ledger.values import Charge, Choice, Draft, Figure, Operation, Outcome, ProofClaim, Taken, VisitWindow

OVERDRAWN: Final = "overdrawn"
"""Mark: the quota was spent meanwhile; kept and counted all the same."""
REPLAYED: Final = "replayed"
"""Mark: the proof had been used, or belongs to another device; both devices stand in the entry."""
HELD: Final = "held"
"""Mark on a refusal: the device had granted, and its record waits for a supervisor; nothing is counted until then."""
DISMISSED: Final = "dismissed"
"""Mark on a refusal: a supervisor's word that a held record counts nothing."""
PROOF_USED: Final = "proof-used"
"""The reason to hold a record whose proof was used before."""
CLOCK_DOUBT: Final = "clock-doubt"
"""Mark: the device's time cannot be believed; the use belongs to the period in which its record was received."""
GRANTED_OFFLINE: Final = "granted-offline"
"""Mark on a refusal: the device had let the visitor in."""
GRANTED_ONLINE: Final = "granted-online"
"""Mark on a refusal by a device: the same operation had been granted and counted, and its answer was lost."""


@dataclass(frozen=True, slots=True)
class OfflineUse:
    """One record of a device, read and verified.

    `at`: when the server received the record. `used_at`: when the use was, not after `at`. `granted` and `reason`: what
    the device told. `findings`: the reasons for which the server would refuse the use (steps 2 to 9), ranked by
    `order`. `visit` is left out where the device's clock is in doubt: such a use lies in no visit. A record of a
    refusal brings neither claim nor cost. The operation is that of the request online, if the device tried one.
    `booking`: the booking that was used, without a visit; `choice` and `charges` are the cost of the use if the booking
    is no longer held.

    A grant may have to wait for a supervisor. `hold`: the reason to hold the grant. `hold_if_counted`: the reason to
    hold a grant that costs units; a use within another use's visit costs none. `hold_used_proof`: hold the grant if its
    proof had been used. With none of the three the grant counts, as it does once a supervisor releases it. `dismissed`:
    the record is a supervisor's refusal of a grant that was held.
    """

    operation: Operation
    at: datetime
    used_at: datetime
    keep_until: datetime
    draft: Draft
    granted: bool
    reason: str | None = None
    findings: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    claim: ProofClaim | None = None
    visit: VisitWindow | None = None
    choice: Choice | None = None
    charges: tuple[Charge, ...] = ()
    booking: str | None = None
    hold: str | None = None
    hold_if_counted: str | None = None
    hold_used_proof: bool = False
    dismissed: bool = False

    @property
    def may_be_held(self) -> bool:
        """Whether it still has to stand by itself."""
        return self.hold is not None or self.hold_if_counted is not None or self.hold_used_proof


class KeptNames(NamedTuple):
    """Under which names the answers to one operation lie: no operation's id holds a colon.

    `first`: of the request online, or of the record where nothing was asked online; `second`: of a record that
    contradicts it; `held`: while it waits, and after; `dismissed`: of the word that it counts nothing.
    """

    first: str
    second: str
    held: str
    dismissed: str


Name = Literal["first", "second", "held", "dismissed"]


def kept_names(operation: str) -> KeptNames:
    """Return the names of an operation's answers."""
    return KeptNames(operation, f"offline:{operation}", f"held:{operation}", f"dismissed:{operation}")


class KeptAnswers(NamedTuple):
    """The answers that are there, by the same names."""

    first: Outcome | None
    second: Outcome | None
    held: Outcome | None
    dismissed: Outcome | None

    def to(self, change: OfflineUse, *, named: bool) -> tuple[Name, Outcome] | None:
        """Return the answer that stands where the same record comes again, and its name; None for a new one.

        `named`: whether the record's card can be believed, so that there is a holder; a refusal for want of one stands.
        """
        if change.dismissed:
            return None if self.dismissed is None else ("dismissed", self.dismissed)
        if self.second is not None and self.second.granted == change.granted:
            return "second", self.second
        if self.first is not None and (self.first.granted == change.granted or not named):
            return "first", self.first
        return ("held", self.held) if self.held is not None and change.may_be_held else None

    @property
    def contradicted(self) -> Outcome | None:
        """The earlier answer that a new answer contradicts: the held record's, else the online answer."""
        return self.held or self.second or self.first

    def place(self, change: OfflineUse, outcome: Outcome) -> Name:
        """Return the name under which a new answer is kept."""
        if change.dismissed:
            return "dismissed"
        if HELD in outcome.marks:
            return "held"
        return "first" if self.first is None else "second"


@dataclass(frozen=True, slots=True)
class OfflineStanding:
    """What the store holds before the change.

    `first`: the kept answer to the same operation, where the device told another. `rival`: the device that has the
    proof already, the recording device itself where it spent the proof before; None while the proof is free. `used`
    reads a counter by limit and period. `before`: the use that opened the last visit at or before this use; `after`:
    the uses that stand after it. `booking`: the booking that the change names, if it is this holder's.
    """

    first: Outcome | None
    rival: str | None
    taken: Taken | None
    used: Callable[[str, str], int]
    before: Stay | None = None
    after: Iterable[Stay] = ()
    booking: Booking | None = None


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """The verdict to record.

    `posts`: whether the use posts the units that its booking holds; then the use counts nothing of its own. `charges`:
    the cost of the use. `own`: the use in the line of uses. `joins`: the use that opened the visit in which this use
    lies, so that this use costs nothing as long as it lies there. `walk`: the uses that this use moved. `figures`: the
    limits of the use after the change.
    """

    granted: bool
    reason: str | None = None
    marks: tuple[str, ...] = ()
    posts: bool = False
    charges: tuple[Charge, ...] = ()
    own: Stay | None = None
    joins: Stay | None = None
    walk: Walk = STILL
    figures: tuple[Figure, ...] = ()
    choice: Choice | None = None
    taken: Taken | None = None

    @property
    def into(self) -> str | None:
        """The entry that opened the visit in which the use lies."""
        return None if self.joins is None else self.joins.entry


def offline_refusal(change: OfflineUse, standing: OfflineStanding) -> str | None:
    """Return the reason for which the server would have refused a use that a device granted, or None if it would not.

    The refusal is logged as an entry of its own before the use is counted. None also where the server has refused the
    same operation already, since that entry stands, and where the grant is held.
    """
    if not change.granted or standing.first is not None or hold_of(change, standing) is not None:
        return None
    against = [] if change.booking is None else booking_reasons(standing.booking, change.draft.service, change.used_at)
    if not _posts(change, standing) and other_member(change.choice, standing.taken):
        against.append(EXCLUDED)
    return first_of([*change.findings, *against], change.order)


def hold_of(change: OfflineUse, standing: OfflineStanding) -> str | None:
    """Return the reason to hold a device's grant for a supervisor, or None if the grant counts at once."""
    if not change.granted or change.hold is not None:
        return change.hold
    if change.hold_used_proof and standing.rival is not None:
        return PROOF_USED
    joins = change.visit is not None and covers(standing.before, change.used_at)
    return None if joins else change.hold_if_counted


def held_verdict(reason: str, standing: OfflineStanding) -> OfflineVerdict:
    """Return the verdict on a grant that waits for a supervisor: a refusal marked as held, which counts nothing."""
    marks = (GRANTED_OFFLINE, HELD, *((REPLAYED,) if standing.rival is not None else ()))
    return OfflineVerdict(granted=False, reason=reason, marks=marks)


def judge_offline(change: OfflineUse, entry: str, standing: OfflineStanding) -> OfflineVerdict:
    """Return the verdict on a record, logged as `entry`: a grant that is not held counts, a refusal never does."""
    if not change.granted:
        return _refused(change, standing)
    held = hold_of(change, standing)
    if held is not None:
        return held_verdict(held, standing)
    posts = _posts(change, standing)
    choice = None if posts else change.choice
    taken = other_member(choice, standing.taken)
    charges = () if posts or _consumed(standing.booking) else change.charges
    own = own_stay(change, entry)
    joins = standing.before if own is not None and covers(standing.before, own.at) else None
    walked = STILL if own is None or joins is not None else walk(own, standing.after)
    counted = _counted(charges if joins is None else (), walked.moved)
    marks = ((REPLAYED, standing.rival is not None), (OVERDRAWN, _overdrawn(charges, walked, counted, standing)))
    return OfflineVerdict(
        granted=True,
        marks=tuple(mark for mark, holds in marks if holds),
        posts=posts,
        charges=charges,
        own=own,
        joins=joins,
        walk=walked,
        figures=_figures(charges, counted, standing.used),
        choice=None if taken else choice,
        taken=taken,
    )


def _posts(change: OfflineUse, standing: OfflineStanding) -> bool:
    """Whether the booking that the use names holds its unit: such a booking is posted even outside its window."""
    booking = standing.booking
    return booking is not None and booking.state is BookingState.HELD and booking.service == change.draft.service


def _consumed(booking: Booking | None) -> bool:
    """Whether the booking was missed and its units stayed counted, so that the use costs nothing further."""
    return booking is not None and booking.state is BookingState.MISSED and booking.holds


def refused_early(change: OfflineUse) -> OfflineVerdict:
    """Return the refusal of a record whose card's claims cannot be believed: there is nobody to count it for."""
    reason = change.reason or first_of(change.findings, change.order)
    marks = (GRANTED_OFFLINE,) if change.granted else ()
    return OfflineVerdict(granted=False, reason=reason, marks=marks)


def own_stay(change: OfflineUse, entry: str) -> Stay | None:
    """Return the use as it stands in the line of uses, or None if the service has no visits."""
    if change.visit is None:
        return None
    return Stay(entry, change.used_at, change.used_at + change.visit.length, opens=True, charges=change.charges)


def _refused(change: OfflineUse, standing: OfflineStanding) -> OfflineVerdict:
    marks = (GRANTED_ONLINE,) if standing.first is not None and standing.first.granted else ()
    return OfflineVerdict(granted=False, reason=change.reason, marks=marks)


def net_of(moved: Iterable[Move]) -> dict[tuple[str, str], int]:
    """Return by how much moved uses change each counter: uses that now open a visit cost, other uses do not."""
    net: dict[tuple[str, str], int] = {}
    for move in moved:
        for charge in move.stay.charges:
            key = (charge.limit, charge.period)
            net[key] = net.get(key, 0) + (charge.units if move.into is None else -charge.units)
    return net


def _counted(charges: Iterable[Charge], moved: Iterable[Move]) -> dict[tuple[str, str], int]:
    counted = net_of(moved)
    for charge in charges:
        key = (charge.limit, charge.period)
        counted[key] = counted.get(key, 0) + charge.units
    return counted


def _figures(
    charges: Iterable[Charge], counted: dict[tuple[str, str], int], used: Callable[[str, str], int]
) -> tuple[Figure, ...]:
    figures: dict[tuple[str, str], Figure] = {}
    for charge in charges:
        key = (charge.limit, charge.period)
        figures[key] = Figure(*key, used(*key) + counted.get(key, 0), charge.maximum)
    return tuple(figures.values())


def _overdrawn(
    charges: tuple[Charge, ...], walked: Walk, counted: dict[tuple[str, str], int], standing: OfflineStanding
) -> bool:
    """Whether the record takes a counter over its limit, by itself or through a use that it sets free."""
    touched = (*charges, *(charge for move in walked.moved for charge in move.stay.charges))
    return any(
        counted.get((charge.limit, charge.period), 0) > 0
        and standing.used(charge.limit, charge.period) + counted[charge.limit, charge.period] > charge.maximum
        for charge in touched
    )
