"""The filters of commands that read the log: one option for each field that a search knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

Command = Callable[..., Any]

FILTERS: Final = {
    "point": "At this point.",
    "service": "Of this service.",
    "department": "Of this department's points.",
    "kind": "check-in, void, check-out, booking, offline, …",
    "outcome": "Granted or denied.",
    "reason": "Refused, or voided, for this reason.",
    "tier": "With a card of this tier.",
    "assurance": "Proved by the phone or chip, counted by a tag, or copyable.",
    "beneficiary": "Used for the holder, spouse, child, …",
    "mark": "With this mark: id-checked, overdrawn, replayed, clock-doubt, …",
    "holder": "Of this holder's pseudonym.",
    "device": "By this device or integrator.",
    "operator": "By this operator.",
}
_CHOICES: Final = {
    "outcome": click.Choice(["granted", "denied"]),
    "assurance": click.Choice(["proved", "counted", "copyable"]),
}


def filter_options(command: Command) -> Command:
    """Add an option for each filter, and `--since` and `--until`."""
    for name, told in reversed(FILTERS.items()):
        command = click.option(f"--{name}", type=_CHOICES.get(name), help=told)(command)
    command = click.option("--until", help="Before this instant (RFC 3339).")(command)
    return click.option("--since", help="From this instant on (RFC 3339).")(command)
