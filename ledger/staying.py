"""Which uses open a visit and which lie in one, as a partition's leaves tell it. Pure.

This is written separately from `timeline` and from the stores' own steps, so that each checks the other.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

from ledger.leaf import Leaf, MoveLine, stays_from

StayKey = tuple[str, str, str]
"""Holder, service, point."""


@dataclass(order=True, slots=True)
class Used:
    """A use that stands, sorted by its instant and then by its place in the log. Times are in milliseconds."""

    at: int
    seq: int
    leaf: Leaf = field(compare=False)
    ends_at: int = field(compare=False)
    opens: bool = field(compare=False)


@dataclass(slots=True)
class LineChange:
    """The effect of an added or removed use: uses that now open a visit, uses that no longer do, and the last visit.

    `settled`: the same use still opens the last visit. Otherwise `last` is the use that opens it, or None if no use
    does.
    """

    freed: list[Used] = field(default_factory=list)
    joined: list[Used] = field(default_factory=list)
    moved: list[MoveLine] = field(default_factory=list)
    last: Used | None = None
    settled: bool = True


@dataclass(slots=True)
class Lines:
    """All visit lines of a partition."""

    uses: dict[StayKey, list[Used]] = field(default_factory=dict)

    def add(self, leaf: Leaf) -> LineChange:
        """Add a granted use to its visit line."""
        at = stays_from(leaf)
        if at is None or leaf.visit is None:
            return LineChange()
        line = self.uses.setdefault(stay_key(leaf), [])
        used = Used(at, leaf.seq, leaf, leaf.visit.ends_at, opens=True)
        insort(line, used)
        place = line.index(used)
        if leaf.kind == "check-in":
            return LineChange(last=used, settled=False)
        opener = next((use for use in reversed(line[:place]) if use.opens), None)
        used.opens = opener is None or used.at >= opener.ends_at
        return _anew(used, line[place + 1 :]) if used.opens else LineChange()

    def remove(self, leaf: Leaf) -> tuple[Used | None, LineChange]:
        """Remove a use from its visit line. Return the removed use, or None if it was in no line."""
        line = self.uses.get(stay_key(leaf), [])
        place = next((place for place, use in enumerate(line) if use.seq == leaf.seq), None)
        if place is None:
            return None, LineChange()
        used = line.pop(place)
        return used, _anew(None, line[place:]) if used.opens else LineChange()

    def opener_of(self, leaf: Leaf) -> str | None:
        """Return the entry that opened the visit in which a use lies, or None if the use opens its own visit."""
        inside = None
        for use in self.uses.get(stay_key(leaf), []):
            inside = use.leaf.id if use.opens else inside
            if use.seq == leaf.seq:
                return None if use.opens else inside
        return None


def stay_key(leaf: Leaf) -> StayKey:
    """Return the key of the visit line to which a leaf's use belongs."""
    return leaf.holder or "", leaf.service, leaf.point


def _anew(opener: Used | None, later: list[Used]) -> LineChange:
    change = LineChange(last=opener, settled=False)
    for use in later:
        inside = change.last is not None and use.at < change.last.ends_at
        if not inside and use.opens:
            return LineChange(change.freed, change.joined, change.moved)
        if inside and use.opens:
            change.joined.append(use)
            change.moved.append(MoveLine(entry=use.leaf.id, into=change.last.leaf.id if change.last else None))
        elif not inside:
            change.freed.append(use)
            change.moved.append(MoveLine(entry=use.leaf.id))
        use.opens = not inside
        change.last = change.last if inside else use
    return change
