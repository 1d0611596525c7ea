"""`python -m issuer`: set up an issuer; register holders; issue, print and end cards; publish; read the office log."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from edge.cli import Refusal, emit, json_option, main_group, run
from edge.clock import SystemClock
from edge.instants import rfc3339
from edge.repeating import Repeating
from issuer.cli.applications import application
from issuer.cli.cards import card
from issuer.cli.holders import holder
from issuer.cli.keys import key
from issuer.cli.notices import notice
from issuer.cli.office import IssuerCli
from issuer.cli.programme import programme
from issuer.issuing.views import line_view
from issuer.publishing.office_checkpoint import compare, signed_checkpoint
from issuer.publishing.publish import Publication
from issuer.publishing.publish import publish as publish_all
from issuer.publishing.publisher import publishing
from issuer.publishing.setup import ISSUING, set_up
from issuer.register.office_log import OfficeAction, OfficeEntry, check_chain, newest
from keys.keyset import Purpose

_WHERE_ROOTS = "The folder of the root key, where the key is kept apart."
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@main_group("issuer")
@click.pass_context
def main(context: click.Context) -> None:
    """The issuer's office: holders, cards, signed publications.

    The number of an ID is asked for or read from a file. It is never an argument, and it is shown masked.
    """
    if context.obj is None:
        context.obj = IssuerCli(SystemClock())


main.add_command(holder)
main.add_command(card)
main.add_command(programme)
main.add_command(application)
main.add_command(notice)
main.add_command(key)


@main.command()
@click.option("--root-keys", type=_NEW_FOLDER, help=_WHERE_ROOTS)
@json_option
@click.pass_obj
def init(office: IssuerCli, /, *, root_keys: Path | None, as_json: bool) -> None:
    """Make the missing keys, and publish for the first time.

    Without --root-keys, the root key lies beside the other keys, for development alone. If YUNJU_SURFACES leaves the
    verifier to other servers, those servers make the receipt and log keys: register them with `python -m keys admit`.
    """
    with office.issuer(roots=root_keys, make=True) as issuer:
        made, publication = set_up(issuer, office.now(), tuple(Purpose) if office.verifies() else ISSUING)
    keys = [{"purpose": key.purpose.value, "kid": key.kid} for key in made]
    lines = [f"made the {key['purpose']} key {key['kid']}" for key in keys] or ["all keys are there"]
    shown = {"keys": keys, "publication": _publication(publication)}
    emit(shown, as_json, "\n".join([*lines, f"published trust bundle {publication.bundle_version}"]))


@main.command()
@click.option("--root-keys", type=_FOLDER, help=_WHERE_ROOTS)
@click.option("--watch", is_flag=True, help="Keep running, and publish again when the status lists are due.")
@json_option
@click.pass_obj
def publish(office: IssuerCli, /, *, root_keys: Path | None, watch: bool, as_json: bool) -> None:
    """Publish trust bundle, status lists, holder marks and programme. Run this at least every five minutes.

    The trust bundle changes only after a change of keys, lists or programme, or after 60 days. It then needs the root
    key.
    """
    with office.issuer(roots=root_keys) as issuer:
        done = publish_all(issuer, office.now())
        shown = _publication(done)
        emit(shown, as_json, f"published {len(done.status_lists)} status lists, trust bundle {done.bundle_version}")
        if done.bundle_due is not None:
            raise Refusal(str(done.bundle_due), done.bundle_due.hint)
        if watch:
            Repeating(publishing(issuer, office.clock), office.clock).run()


@main.command()
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many lines to show at most."
)
@click.option("--holder", "holder_id", help="Only of this holder.")
@click.option(
    "--action",
    type=click.Choice([one.value for one in OfficeAction]),
    help="Only lines of this kind, such as broken-glass.",
)
@click.option("--check", is_flag=True, help="Check the whole chain first. Exits 1 if a line was changed.")
@click.option("--against", type=click.File("r", encoding="utf-8"), help="With --check: a checkpoint that you kept.")
@click.option("--checkpoint", is_flag=True, help="Print only the signed checkpoint of the log's end, to keep it.")
@json_option
@click.pass_obj
def log(
    office: IssuerCli,
    /,
    *,
    limit: int,
    holder_id: str | None,
    action: str | None,
    check: bool,
    against: IO[str] | None,
    checkpoint: bool,
    as_json: bool,
) -> None:
    """Show who did what, newest first. `--action broken-glass` lists cards that were issued without an application."""
    with office.issuer() as issuer, issuer.register.read() as connection:
        if checkpoint:
            click.echo(signed_checkpoint(issuer, connection), nl=False)
            return
        chain = check_chain(connection) if check else None
        if chain is not None and chain.broken_at is not None:
            raise Refusal(f"the office log does not fit its chain from line {chain.broken_at} on", "tell the auditors")
        if against is not None and not (found := compare(issuer, connection, against.read(65_536))).fits:
            raise Refusal(f"the office log does not fit the checkpoint of line {found.last}", "tell the auditors")
        if chain is not None:
            against_it = "" if against is None else ", and fits the checkpoint"
            click.echo(f"the office log holds its chain: {chain.lines} lines{against_it}", err=True)
        lines = newest(connection, limit, holder=holder_id, action=action)
    text = "\n".join(_log_line(line) for line in lines)
    emit([line_view(line) for line in lines], as_json, text or "nothing yet")


def _log_line(line: OfficeEntry) -> str:
    whom = " ".join(filter(None, (line.holder_id, line.card_id)))
    return f"{rfc3339(line.at)}  {line.actor}  {line.action}  {whom}"


def _publication(done: Publication) -> dict[str, object]:
    return {
        "serial": done.serial,
        "at": rfc3339(done.at),
        "bundle_version": done.bundle_version,
        "status_lists": list(done.status_lists),
        "bundle_due": None if done.bundle_due is None else str(done.bundle_due),
    }


if __name__ == "__main__":
    run(main)
