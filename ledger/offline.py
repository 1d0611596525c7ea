"""A use that a device recorded offline: the values, and its judgement as a pure function (docs/design.md §6, Offline).

The ledger refuses nothing that happened. What the ledger counts in the end follows from the uses that stand and from
their instants alone, never from the order of the uploads. A use that does not stand by itself is held: its entry counts
nothing until a supervisor decides. The supervisor's word then adds the entry that counts.
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
"""Mark: the quota was used up meanwhile. The use is kept and counted all the same."""
REPLAYED: Final = "replayed"
"""Mark: the proof had been used, or belongs to another device. The entry names both devices."""
HELD: Final = "held"
"""Mark on a refusal: the device had granted the use, and the record waits for a supervisor. Nothing is counted until
then.
"""
DISMISSED: Final = "dismissed"
"""Mark on a refusal: a supervisor decided that a held record counts nothing."""
PROOF_USED: Final = "proof-used"
"""The reason to hold a record whose proof was used before."""
CLOCK_DOUBT: Final = "clock-doubt"
"""Mark: the device's time cannot be believed. The use belongs to the period in which the server received its record."""
GRANTED_OFFLINE: Final = "granted-offline"
"""Mark on a refusal: the device had let the visitor in."""
GRANTED_ONLINE: Final = "granted-online"
"""Mark on a refusal by a device: the same operation had been granted and counted online, and the answer was lost."""


@dataclass(frozen=True, slots=True)
class OfflineUse:
    """One record of a device, read and verified.

    `at`: when the server received the record. `used_at`: when the use was, not after `at`. `granted` and `reason`: what
    the device told the visitor. `findings`: the reasons for which the server would refuse the use (steps 2 to 9),
    ranked by `order`. `visit` is left out if the device's clock is in doubt: such a use lies in no visit. The record of
    a refusal has no claim and no cost. The operation is the operation of the online request, if the device tried one.
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
        """Whether the record must still stand by itself, so that it may be held."""
        return self.hold is not None or self.hold_if_counted is not None or self.hold_used_proof


class KeptNames(NamedTuple):
    """The names under which the answers to one operation are kept. A colon keeps them apart from ids, since no
    operation's id holds a colon.

    `first`: the answer to the online request, or to the record if nothing was asked online. `second`: the answer to a
    record that contradicts the first answer. `held`: the answer to a record that waits for a supervisor, also
    afterwards. `dismissed`: the answer to the supervisor's word that the record counts nothing.
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
    """The kept answers of one operation, by the same names."""

    first: Outcome | None
    second: Outcome | None
    held: Outcome | None
    dismissed: Outcome | None

    def to(self, change: OfflineUse, *, named: bool) -> tuple[Name, Outcome] | None:
        """Return the kept answer and its name if the same record was seen before, or None if the record is new.

        `named`: whether the record's card can be believed, so that the holder is known. A refusal without a known
        holder stays.
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
        """The earlier answer that a new answer contradicts: the answer to the held record, otherwise the online
        answer.
        """
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

    `first`: the kept answer to the same operation, if the device told something else. `rival`: the device that has the
    proof already. It is the recording device itself if this device spent the proof before, and None while the proof is
    free. `used` reads a counter by limit and period. `before`: the use that opened the last visit at or before this
    use. `after`: the uses that stand after it. `booking`: the booking that the change names, if it belongs to this
    holder.
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

    `posts`: whether the use posts the units that its booking holds; then the use itself counts nothing. `charges`: the
    cost of the use. `own`: the use in the line of uses. `joins`: the use that opened the visit in which this use lies;
    this use costs nothing as long as it lies there. `walk`: the uses that this use moved. `figures`: the limits of the
    use after the change.
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
    """Return the reason for which the server would have refused a use that a device granted, or None if the server
    would have granted it.

    Before the use is counted, the refusal is logged as an entry of its own. The result is also None if the server has
    already refused the same operation, because that entry stands, and if the grant is held.
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
    """Return whether the booking that the use names holds its unit. Such a booking is posted even outside its
    window.
    """
    booking = standing.booking
    return booking is not None and booking.state is BookingState.HELD and booking.service == change.draft.service


def _consumed(booking: Booking | None) -> bool:
    """Return whether the booking was missed and its units stayed counted, so that the use costs nothing more."""
    return booking is not None and booking.state is BookingState.MISSED and booking.holds


def refused_early(change: OfflineUse) -> OfflineVerdict:
    """Return the refusal of a record whose card claims cannot be believed. There is no holder to count the use for."""
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
    """Return how much the moved uses change each counter: a use that now opens a visit costs units, any other use costs
    none.
    """
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
    """Return whether the record takes a counter over its limit, by itself or through a use that it sets free."""
    touched = (*charges, *(charge for move in walked.moved for charge in move.stay.charges))
    return any(
        counted.get((charge.limit, charge.period), 0) > 0
        and standing.used(charge.limit, charge.period) + counted[charge.limit, charge.period] > charge.maximum
        for charge in touched
    )
