"""Decides which uses of a holder at one service and point open a visit, and which lie in a visit (docs/design.md §6).

The first use at or after the end of a visit opens the next visit, even if the ledger learned of it late. So a late use
can take later uses into its visit, and a void can set them free. Pure rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ledger.values import Charge


@dataclass(frozen=True, slots=True)
class Stay:
    """A granted use that stands: its instant, the end of a visit that it opens, whether it opens a visit, and the cost
    of a visit.

    Re-entries after a check-out are left out: they are free and open no visit.
    """

    entry: str
    at: datetime
    ends_at: datetime
    opens: bool
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A use whose part changed. `into`: the entry that opened the visit in which the use lies now. None: the use now
    opens a visit.
    """

    stay: Stay
    into: str | None


@dataclass(frozen=True, slots=True)
class Walk:
    """The result of a change in the line of uses.

    `settled`: the walk reached a use that opens a visit now and opened it before. Every later use keeps its part, and
    the last visit stays. If the walk is not settled, `last` is the use that opens the last visit now, or None.
    """

    moved: tuple[Move, ...] = ()
    last: Stay | None = None
    settled: bool = True


STILL = Walk()
"""No use moved."""


def covers(opening: Stay | None, at: datetime) -> bool:
    """Return whether the visit that a use opened still runs at `at`. A visit is over at exactly its end."""
    return opening is not None and opening.at <= at < opening.ends_at


def walk(opening: Stay | None, after: Iterable[Stay]) -> Walk:
    """Decide again which uses open a visit, starting at `opening`. Stop at the first use that opens a visit as before.

    `after`: the uses that stand after `opening`, by instant and then by the order of the log; with `opening` None, the
    uses after a voided use. Reads no more uses than needed.
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
