"""`python -m accounts`: people, devices, integrators, operators, and the log of who changed them."""

from __future__ import annotations

import click

from accounts.cli.desk import AccountsCli
from accounts.cli.devices import device
from accounts.cli.integrators import integrator
from accounts.cli.operators import operator
from accounts.cli.people import person
from accounts.cli.security import security
from accounts.journal import JournalNote
from edge.cli import emit, json_option, main_group, run
from edge.clock import SystemClock
from edge.instants import rfc3339


@main_group("accounts")
@click.pass_context
def main(context: click.Context) -> None:
    """Accounts: who may do what at which point.

    Passwords and PINs are asked for or read from a file. Codes and tokens are shown once, when they are made.
    """
    if context.obj is None:
        context.obj = AccountsCli(SystemClock())


for _group in (person, device, integrator, operator, security):
    main.add_command(_group)


@main.command()
@json_option
@click.pass_obj
def init(desk: AccountsCli, as_json: bool) -> None:
    """Make the store of accounts on a new machine. Every other command refuses to work without a store."""
    with desk.store(make=True):
        pass
    emit({"store": "ready"}, as_json, "the store of accounts is ready; `python -m accounts person add` makes the first")


@main.command()
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many lines to show at most."
)
@json_option
@click.pass_obj
def log(desk: AccountsCli, limit: int, as_json: bool) -> None:
    """Show who changed what, newest first."""
    with desk.store() as store:
        notes = store.log(limit)
    lines = (f"{rfc3339(note.at)}  {note.actor}  {note.action}  {note.subject}" for note in notes)
    emit([_row(note) for note in notes], as_json, "\n".join(lines) or "nothing yet")


def _row(note: JournalNote) -> dict[str, object]:
    return {
        "at": rfc3339(note.at),
        "actor": note.actor,
        "action": note.action.value,
        "subject": note.subject,
        "detail": note.detail,
    }


if __name__ == "__main__":
    run(main)
