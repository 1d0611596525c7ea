"""What was used, as the log says: counters, choices, visits and states of one partition, from its leaves alone. Pure.

Every store's working tables must equal this result. It is written separately from the stores' own steps, so that each
checks the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.leaf import GRANTING, Leaf
from ledger.staying import LineChange, Lines, stay_key


@dataclass(slots=True)
class Chosen:
    """The member to which an exclusion group is fixed, its uses, and the entry that fixed it."""

    member: str
    uses: int
    service: str
    at: int
    entry: str


@dataclass(slots=True)
class Visited:
    """The last visit at a service and point, and the entry by which its holder last came in. Times are in
    milliseconds.
    """

    entry: str
    started_at: int
    ends_at: int
    re_entries: int
    left_at: int | None
    inside: str
    inside_at: int


@dataclass(slots=True)
class Reserved:
    """A booking: what it is for, its state, the last entry that counted its units, and the check-in that used it."""

    holder: str
    service: str
    point: str
    state: str
    holds: bool
    held_by: str
    used_by: str | None
    window: tuple[int, int, int, int]


@dataclass(slots=True)
class Replay:
    """The working state of one partition. `find` reads an earlier leaf, to which a void or a check-out refers."""

    find: Callable[[str], Leaf | None]
    counters: dict[tuple[str, str, str], int] = field(default_factory=dict)
    choices: dict[tuple[str, str, str], Chosen] = field(default_factory=dict)
    visits: dict[tuple[str, str, str], Visited] = field(default_factory=dict)
    voided: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    bookings: dict[str, Reserved] = field(default_factory=dict)
    lines: Lines = field(default_factory=Lines)

    def add(self, line: Leaf) -> str | None:
        """Apply the next leaf. Return why the leaf cannot stand at this place, or None if it can."""
        if line.outcome == "denied":
            return None
        if line.kind in {"booking-change", "booking-cancel", "booking-missed"}:
            return self._rebook(line)
        if line.booking is not None:
            return self._use(line)
        if line.kind in {"booking", "check-in", "request"}:
            self._book(line) if line.kind == "booking" else self._grant(line)
            return None
        if line.kind == "offline":
            return self._offline(line)
        target = self.find(line.target or "")
        fault = self._fault(line, target)
        if fault is not None or target is None:
            return fault
        if line.kind == "void":
            return self._void(line, target)
        if line.kind == "check-out":
            self._leave(line, target)
        return None

    def _fault(self, line: Leaf, target: Leaf | None) -> str | None:
        if target is None or target.partition != line.partition or target.seq >= line.seq:
            return "refers to no entry before it"
        if target.kind not in GRANTING or target.outcome != "granted" or target.holder != line.holder:
            return "refers to an entry that is no granted check-in of the same holder"
        if target.id in self.voided:
            return "refers to an entry that was voided before"
        if line.kind == "matter" and target.matter is None:
            return "is a step of no matter"
        if line.kind == "check-out" and (target.visit is None) != (line.visit is None):
            return "closes a visit that was not opened"
        if line.kind == "check-out" and line.visit is None and target.id in self.left:
            return "tells twice what was delivered"
        return None

    def _grant(self, line: Leaf) -> None:
        self._count(line)
        self.lines.add(line)
        holder = line.holder or ""
        if line.visit is not None:
            visit = line.visit
            self.visits[holder, line.service, line.point] = Visited(
                entry=visit.entry or line.id,
                started_at=visit.started_at,
                ends_at=visit.ends_at,
                re_entries=visit.re_entry or 0,
                left_at=None,
                inside=line.id,
                inside_at=line.at,
            )

    def _offline(self, line: Leaf) -> str | None:
        change = self.lines.add(line)
        opener = self.lines.opener_of(line)
        self._count(line, units=opener is None)
        self._shift(line, change)
        if line.visit is not None and line.visit.entry != opener:
            return "lies in another visit than it says"
        return self._moves_fault(line, change)

    def _moves_fault(self, line: Leaf, change: LineChange) -> str | None:
        return None if line.moved == tuple(change.moved) else "moves other uses than those that it changes"

    def _shift(self, line: Leaf, change: LineChange) -> None:
        """Count the uses that were freed, give back those that joined another visit, and keep who opens the last
        visit.
        """
        key = stay_key(line)
        for uses, sign in ((change.freed, 1), (change.joined, -1)):
            for use in uses:
                for charge in use.leaf.charges:
                    self._charge(key[0], charge.limit, charge.period, sign * charge.units)
        last = change.last
        if last is not None and not change.settled:
            self.visits[key] = Visited(last.leaf.id, last.at, last.ends_at, 0, None, last.leaf.id, last.at)
        elif not change.settled and key in self.visits and self.visits[key].entry == line.id:
            del self.visits[key]

    def _count(self, line: Leaf, *, units: bool = True) -> None:
        holder = line.holder or ""
        for charge in line.charges if units else ():
            self._charge(holder, charge.limit, charge.period, charge.units)
        if line.choice is not None:
            key = (holder, line.choice.group, line.choice.period)
            chosen = self.choices.setdefault(key, Chosen(line.choice.member, 0, line.service, line.at, line.id))
            chosen.uses += 1

    def _give_back(self, counted: Leaf, *, units: bool = True) -> None:
        holder = counted.holder or ""
        for charge in counted.charges if units else ():
            self._charge(holder, charge.limit, charge.period, -charge.units)
        if counted.choice is not None:
            key = (holder, counted.choice.group, counted.choice.period)
            self.choices[key].uses -= 1
            if self.choices[key].uses == 0:
                del self.choices[key]

    def _charge(self, holder: str, limit: str, period: str, units: int) -> None:
        key = (holder, limit, period)
        self.counters[key] = self.counters.get(key, 0) + units

    def _void(self, line: Leaf, target: Leaf) -> str | None:
        self.voided[target.id] = line.id
        used, change = self.lines.remove(target)
        self._give_back(target, units=used is None or used.opens)
        self._shift(target, change)
        if target.booking is not None:
            self._return(line, self.bookings[target.booking])
        if used is None:
            self._void_visit(stay_key(target), target)
        return self._moves_fault(line, change)

    def _void_visit(self, key: tuple[str, str, str], target: Leaf) -> None:
        visit = self.visits.get(key)
        if target.visit is None or visit is None or visit.entry != (target.visit.entry or target.id):
            return
        if target.visit.entry is None:
            del self.visits[key]
            return
        visit.re_entries -= 1
        if visit.inside == target.id and visit.left_at is None:
            visit.left_at = target.visit.left_at

    def _leave(self, line: Leaf, target: Leaf) -> None:
        if line.visit is None or target.visit is None:
            self.left[target.id] = line.id
            return
        opener = target.visit.entry or target.id
        visit = self.visits.get((target.holder or "", target.service, target.point))
        current = visit is not None and visit.entry == opener
        self.left[opener] = line.id
        self.left[visit.inside if current and visit is not None else target.id] = line.id
        if current and visit is not None:
            visit.left_at = line.visit.left_at

    def _book(self, line: Leaf) -> None:
        self._count(line)
        self.bookings[line.id] = Reserved(
            holder=line.holder or "",
            service=line.service,
            point=line.point,
            state="held",
            holds=True,
            held_by=line.id,
            used_by=None,
            window=_window(line),
        )

    def _use(self, line: Leaf) -> str | None:
        booking = self.bookings.get(line.booking or "")
        if booking is None or booking.holder != line.holder or booking.state != "held":
            return "uses a booking that this holder does not hold"
        if booking.service != line.service:
            return "uses a booking of another service"
        booking.state, booking.used_by = "used", line.id
        return None

    def _return(self, line: Leaf, booking: Reserved) -> None:
        """Return a booking after its use was voided: held again, or over if its window has ended."""
        booking.used_by = None
        if line.at <= booking.window[3]:
            booking.state = "held"
            return
        booking.state = "cancelled"
        self._let_go(booking)

    def _rebook(self, line: Leaf) -> str | None:
        """Apply a granted change of a booking, or its end."""
        booking = self.bookings.get(line.target or "")
        if booking is None or booking.holder != line.holder:
            return "refers to no booking of this holder before it"
        if booking.state != "held" and not (booking.state == "missed" and line.change == "reopened"):
            return f"refers to a booking that was {booking.state}"
        if line.kind == "booking-change":
            self._move(line, booking)
            return None
        return self._end(line, booking)

    def _move(self, line: Leaf, booking: Reserved) -> None:
        if line.change == "rebooked":
            self._let_go(booking)
        if not booking.holds:
            self._count(line)
            booking.holds, booking.held_by = True, line.id
        booking.service, booking.point, booking.state = line.service, line.point, "held"
        booking.window = _window(line)

    def _end(self, line: Leaf, booking: Reserved) -> str | None:
        if line.kind == "booking-missed" and line.at <= booking.window[3]:
            return "says missed before the booking's window closed"
        booking.state = "cancelled" if line.kind == "booking-cancel" else "missed"
        if line.reason != "consumed" or line.kind == "booking-cancel":
            self._let_go(booking)
        return None

    def _let_go(self, booking: Reserved) -> None:
        counted = self.find(booking.held_by)
        if counted is not None:
            self._give_back(counted)
        booking.holds = False


def _window(line: Leaf) -> tuple[int, int, int, int]:
    """Return scheduled, expected, opens and closes, or zeros for a leaf without a window."""
    window = line.window
    if window is None:
        return 0, 0, 0, 0
    return window.scheduled_at, window.expected_at, window.opens_at, window.closes_at
