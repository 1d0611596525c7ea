"""What the log says was used: counters, choices, visits and states of one partition, from its leaves alone. Pure.

Every store's working tables must equal this; written apart from the stores' own steps, so that one checks the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from verifier.audit.leaf import Leaf


@dataclass(slots=True)
class Chosen:
    """The member an exclusion group is fixed to, its uses, and the entry that fixed it."""

    member: str
    uses: int
    service: str
    at: int
    entry: str


@dataclass(slots=True)
class Visited:
    """The last visit at a service and point, and the entry by which its holder last came in. Times in milliseconds."""

    entry: str
    started_at: int
    ends_at: int
    re_entries: int
    left_at: int | None
    inside: str
    inside_at: int


@dataclass(slots=True)
class Replay:
    """The working state of one partition. `find` reads an earlier leaf that a void or a check-out refers to."""

    find: Callable[[str], Leaf | None]
    counters: dict[tuple[str, str, str], int] = field(default_factory=dict)
    choices: dict[tuple[str, str, str], Chosen] = field(default_factory=dict)
    visits: dict[tuple[str, str, str], Visited] = field(default_factory=dict)
    voided: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def add(self, line: Leaf) -> str | None:
        """Apply the next leaf; return what is wrong with it in its place, None when it fits."""
        if line.kind == "check-in":
            if line.outcome == "granted":
                self._grant(line)
            return None
        target = self.find(line.target or "")
        fault = self._fault(line, target)
        if fault is not None or target is None:
            return fault
        if line.kind == "void":
            self._void(line, target)
        else:
            self._leave(line, target)
        return None

    def _fault(self, line: Leaf, target: Leaf | None) -> str | None:
        if target is None or target.partition != line.partition or target.seq >= line.seq:
            return "refers to no entry before it"
        if target.kind != "check-in" or target.outcome != "granted" or target.holder != line.holder:
            return "refers to an entry that is no granted check-in of the same holder"
        if target.id in self.voided:
            return "refers to an entry that was voided before"
        if line.kind == "check-out" and target.visit is None:
            return "closes a visit that was not opened"
        return None

    def _grant(self, line: Leaf) -> None:
        holder = line.holder or ""
        for charge in line.charges:
            self._charge(holder, charge.limit, charge.period, charge.units)
        if line.choice is not None:
            key = (holder, line.choice.group, line.choice.period)
            chosen = self.choices.setdefault(key, Chosen(line.choice.member, 0, line.service, line.at, line.id))
            chosen.uses += 1
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

    def _charge(self, holder: str, limit: str, period: str, units: int) -> None:
        key = (holder, limit, period)
        self.counters[key] = self.counters.get(key, 0) + units

    def _void(self, line: Leaf, target: Leaf) -> None:
        holder = target.holder or ""
        self.voided[target.id] = line.id
        for charge in target.charges:
            self._charge(holder, charge.limit, charge.period, -charge.units)
        if target.choice is not None:
            key = (holder, target.choice.group, target.choice.period)
            self.choices[key].uses -= 1
            if self.choices[key].uses == 0:
                del self.choices[key]
        self._void_visit((holder, target.service, target.point), target)

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
            return
        opener = target.visit.entry or target.id
        visit = self.visits.get((target.holder or "", target.service, target.point))
        current = visit is not None and visit.entry == opener
        self.left[opener] = line.id
        self.left[visit.inside if current and visit is not None else target.id] = line.id
        if current and visit is not None:
            visit.left_at = line.visit.left_at
