"""Tells which uses of a holder at one service and point open a visit, and which lie in a visit (docs/design.md §6).

A visit is opened by the first use at or after the end of the one before, whenever the ledger learned of it. So a use
that arrives late can take later uses into its visit, and a use that is taken back can set them free. Pure rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ledger.values import Charge


@dataclass(frozen=True, slots=True)
class Stay:
    """A granted use that stands: when it was, when a visit that it opens ends, whether it opens one, what that costs.

    Re-entries after a check-out are left out: they are free and open no visit.
    """

    entry: str
    at: datetime
    ends_at: datetime
    opens: bool
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A use whose part changed. `into`: the entry in whose visit the use lies now; None: the use opens a visit now."""

    stay: Stay
    into: str | None


@dataclass(frozen=True, slots=True)
class Walk:
    """What a change of the line of uses came to.

    `settled`: the walk met a use that opens a visit now and opened it before. Every use from there on keeps its part,
    and the last visit stays. Where the walk is not settled, `last` is the use that opens the last visit now, or None.
    """

    moved: tuple[Move, ...] = ()
    last: Stay | None = None
    settled: bool = True


STILL = Walk()
"""Nothing moved."""


def covers(opening: Stay | None, at: datetime) -> bool:
    """Whether the visit that a use opened still runs at `at`; at exactly its end it is over."""
    return opening is not None and opening.at <= at < opening.ends_at


def walk(opening: Stay | None, after: Iterable[Stay]) -> Walk:
    """Decide again which uses open a visit, from `opening` on; stop at the first use that opens one as before.

    `after`: the uses that stand after `opening` (or, with None, after a use that was taken back), by instant, then by
    the order of the log. Reads no more uses than needed.
    """
    last, moved = opening, list[Move]()
    for stay in after:
        if not covers(last, stay.at):
            if stay.opens:
                return Walk(tuple(moved))
            moved.append(Move(stay, None))
            last = stay
        elif stay.opens:
            moved.append(Move(stay, last.entry if last else None))
    return Walk(tuple(moved), last, settled=False)
