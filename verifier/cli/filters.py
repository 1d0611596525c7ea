"""The filters of commands that read the log: one option for each field of a search (`EntryFilter`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec

from ledger.filtering import NAMES, EntryFilter

Command = Callable[..., Any]


def filter_options(command: Command) -> Command:
    """Add an option for each filter, and `--since` and `--until`."""
    for name in reversed(NAMES):
        field = _schema_of(name)
        choices = click.Choice(field["enum"]) if "enum" in field else None
        command = click.option(f"--{name}", type=choices, help=field["description"])(command)
    command = click.option("--until", help="Before this instant (RFC 3339).")(command)
    return click.option("--since", help="From this instant on (RFC 3339).")(command)


def _schema_of(name: str) -> dict[str, Any]:
    """Return the schema of a filter's field that may be absent."""
    _, parts = msgspec.json.schema_components([EntryFilter])
    present: dict[str, Any] = parts["EntryFilter"]["properties"][name]["anyOf"][0]
    return present
