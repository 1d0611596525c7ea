"""`python -m verifier init`: the stores of a new machine."""

from __future__ import annotations

import click

from edge.cli import emit, json_option
from edge.settings import Settings
from verifier.cli.opening import CLOCK, refusals
from verifier.service import make_stores


@click.command()
@json_option
@click.pass_obj
def init(settings: Settings, as_json: bool) -> None:
    """Make the ledger and the verifier's store on a new machine. Existing stores stay as they are.

    The web service, the background work and every other command refuse to work without these stores. A lost ledger is
    not made again: restore a backup.
    """
    with refusals():
        make_stores(settings, CLOCK)
    emit(
        {"ledger": "ready", "store": "ready"},
        as_json,
        "the ledger and the verifier's store are ready; `python -m verifier ledger check` reads the ledger",
    )
