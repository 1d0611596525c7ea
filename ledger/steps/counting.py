"""What an entry counts and what it gives back: units of limits, and the choice in an exclusion group."""

from __future__ import annotations

from dataclasses import replace

from ledger import leaf
from ledger.state import ChoiceRow
from ledger.steps.workspace import Workspace
from ledger.values import Figure, LedgerUnavailable, Taken


def count(workspace: Workspace, entry: leaf.Leaf) -> None:
    """Count an entry's charges and its choice."""
    for charge in entry.charges:
        workspace.add_used(charge.limit, charge.period, charge.units)
    choose(workspace, entry)


def choose(workspace: Workspace, entry: leaf.Leaf) -> None:
    """Count a use of the member that an entry chose. The first use fixes the group."""
    choice = entry.choice
    if choice is None:
        return
    fixed = workspace.choice(choice.group, choice.period)
    if fixed is None:
        place = entry.service, entry.at, entry.seq
        fixed = ChoiceRow(workspace.holder, choice.group, choice.period, choice.member, 0, *place)
    workspace.write_choice(replace(fixed, uses=fixed.uses + 1))


def give_back(workspace: Workspace, entry: leaf.Leaf, *, counted: bool = True) -> tuple[Figure, ...]:
    """Give an entry's units back to their periods, and undo its choice. Units that were not `counted` are not given
    back.

    Return the entry's limits as they stand afterwards.
    """
    _unchoose(workspace, entry)
    figures: dict[tuple[str, str], Figure] = {}
    for charge in entry.charges:
        key = (charge.limit, charge.period)
        if counted:
            workspace.add_used(*key, -charge.units)
        figures[key] = Figure(*key, workspace.used(*key), charge.maximum)
    return tuple(figures.values())


def taken_member(workspace: Workspace, group: str, period: str, *, least: int = 1) -> Taken | None:
    """Return the choice that fixes an exclusion group if at least `least` uses made it, or None."""
    row = workspace.choice(group, period)
    return None if row is None or row.uses < least else row.taken(workspace.end.partition)


def _unchoose(workspace: Workspace, entry: leaf.Leaf) -> None:
    if entry.choice is None:
        return
    row = workspace.choice(entry.choice.group, entry.choice.period)
    if row is None:
        raise LedgerUnavailable("the ledger is damaged: the choice of a use is not kept")
    workspace.write_choice(replace(row, uses=row.uses - 1))
