"""Turns the words of callers and rules into a leaf and its lines, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edge.encoding import b64u
from ledger import leaf
from ledger.bookings import Window
from ledger.millis import to_millis
from ledger.timeline import Walk
from ledger.values import Charge, Choice, Draft, LedgerError


@dataclass(frozen=True)
class LogEnd:
    """The end of a partition's log: `seq`, hash and instant (milliseconds) of the last entry, or zero if there is no
    entry.
    """

    partition: int
    seq: int = 0
    hash: bytes = leaf.FIRST_PREV
    at: int = 0

    @cached_property
    def next_id(self) -> str:
        """The id of the next entry."""
        return leaf.entry_id(self.partition, self.seq + 1)


def of_draft(draft: Draft, end: LogEnd, at: int, kind: str, operation: str, **told: Any) -> leaf.Leaf:  # noqa: ANN401 - each a field of the leaf, checked as it is written
    """Return the leaf that a draft makes after `end`. `told` are the fields that the step adds by name.

    Raises LedgerError if the draft has extra fields that no leaf has.
    """
    if not leaf.EXTRA_FIELDS.issuperset(draft.extra):
        raise LedgerError("the draft's extra fields are none that a leaf has")
    extra = {name: tuple(value) if isinstance(value, list) else value for name, value in draft.extra.items()}
    return leaf.Leaf(
        **{**extra, **told},
        v=1,
        kind=kind,  # type: ignore[arg-type] # one of the leaf's own
        id=end.next_id,
        partition=end.partition,
        seq=end.seq + 1,
        prev=b64u(end.hash),
        at=at,
        operation=operation,
        assurance=draft.assurance,
        beneficiary=draft.beneficiary,
        bundle=draft.bundle,
        caller=draft.caller,
        client_time=draft.client_time,
        department=draft.department,
        device=draft.device,
        form=draft.form,
        marks=draft.marks,
        operator=draft.operator,
        point=draft.point,
        programme=draft.programme,
        reference=draft.reference,
        service=draft.service,
        tier=draft.tier,
        token=None if draft.token is None else b64u(draft.token),
    )


def charge_lines(charges: Iterable[Charge]) -> tuple[leaf.ChargeLine, ...]:
    """Return charges as a leaf tells them."""
    return tuple(
        leaf.ChargeLine(limit=charge.limit, maximum=charge.maximum, period=charge.period, units=charge.units)
        for charge in charges
    )


def choice_line(choice: Choice | None) -> leaf.ChoiceLine | None:
    """Return a choice as a leaf tells it."""
    if choice is None:
        return None
    return leaf.ChoiceLine(group=choice.group, member=choice.member, period=choice.period)


def window_line(window: Window | None) -> leaf.WindowLine | None:
    """Return a booking's window as a leaf tells it."""
    if window is None:
        return None
    return leaf.WindowLine(
        scheduled_at=to_millis(window.scheduled_at),
        expected_at=to_millis(window.expected_at),
        opens_at=to_millis(window.opens_at),
        closes_at=to_millis(window.closes_at),
    )


def move_lines(walked: Walk) -> tuple[leaf.MoveLine, ...]:
    """Return the uses that a walk moved, as a leaf tells them."""
    return tuple(leaf.MoveLine(entry=move.stay.entry, into=move.into) for move in walked.moved)


def charges_of(line: leaf.Leaf) -> tuple[Charge, ...]:
    """Return the charges that a leaf tells."""
    return tuple(Charge(charge.limit, charge.period, charge.maximum, charge.units) for charge in line.charges)


def choice_of(line: leaf.Leaf) -> Choice | None:
    """Return the choice that a leaf tells."""
    return None if line.choice is None else Choice(line.choice.group, line.choice.period, line.choice.member)
