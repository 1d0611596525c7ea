"""`python -m issuer card …`: issue, show, print, suspend, resume, revoke, reissue, enrol phones."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import click

from cards.claims import Form
from edge.cli import Refusal, emit, json_option
from edge.fonts import FONTS
from edge.instants import rfc3339
from edge.strictjson import JsonError, loads
from issuer.applications.glass import note_broken_glass
from issuer.cli.office import IssuerCli, no_publish_option
from issuer.enrolment.enrolling import make_code
from issuer.issuing import lifecycle
from issuer.issuing.issuing import IssuedCard, cards_of, find_card, list_cards
from issuer.issuing.issuing import issue as issue_card
from issuer.issuing.issuing import reissue as reissue_card
from issuer.issuing.views import as_text, card_view
from issuer.printing.printing import note_taken, printed_card
from issuer.printing.qr import Modules, card_text, modules_of, png, svg, terminal
from issuer.register.holders import masked_names
from issuer.register.issuer import Issuer

_BECAUSE = click.Choice(["lost", "stolen", "damaged", "correction", "tier-change", "renewal", "not-entitled", "other"])
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def card() -> None:
    """Cards, named by their number or their id."""


@card.command()
@click.argument("holder_id")
@click.option(
    "--form",
    type=click.Choice(["print", "tag", "chip"]),
    default="print",
    show_default=True,
    help="The form of the card.",
)
@click.option("--key", type=click.File("rb"), help="The chip's public key, a JWK.")
@no_publish_option
@json_option
@click.pass_obj
def issue(
    office: IssuerCli, /, *, holder_id: str, form: str, key: IO[bytes] | None, publishes: bool, as_json: bool
) -> None:
    """Issue a card of the highest tier that the holder's grounds give.

    For a holder without an approved application, this breaks the glass: the office log has a line for auditors.
    """
    jwk = None if key is None else _jwk(key.read())
    with office.issuer(publishes=publishes) as issuer:
        note_broken_glass(issuer, holder_id, by=office.actor, at=office.now())
        made = issue_card(issuer, holder_id, Form(form), key=jwk, by=office.actor, at=office.now())
        _show(issuer, made, as_json)


@card.command()
@click.argument("name")
@click.option("--token", is_flag=True, help="Print the card's token alone, for a file; with --json beside the rest.")
@json_option
@click.pass_obj
def show(office: IssuerCli, /, *, name: str, token: bool, as_json: bool) -> None:
    """Show a card."""
    with office.issuer() as issuer:
        found = find_card(issuer, name)
        if token:
            note_taken(issuer, found, "token", by=office.actor, at=office.now())
        shown = card_view(issuer, found, token=token)
    emit(shown, as_json, found.token if token else as_text(shown))


@card.command("list")
@click.option("--holder", "holder_id", help="Only of this holder.")
@click.option("--after", default="", help="Begin after this id: for the next part of a long list.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many to show at most."
)
@json_option
@click.pass_obj
def list_(office: IssuerCli, /, *, holder_id: str | None, after: str, limit: int, as_json: bool) -> None:
    """List cards with their holders' masked names."""
    with office.issuer() as issuer:
        found = cards_of(issuer, holder_id) if holder_id else list_cards(issuer, after=after, limit=limit)
        names = masked_names(issuer, {one.holder_id for one in found})
        rows = [card_view(issuer, one) | {"name": names[one.holder_id]} for one in found]
    lines = (
        f"{one.number}  {one.form:<5}  {one.tier:<8}  {one.state:<9}  {one.holder_id}  {names[one.holder_id]}"
        for one in found
    )
    emit(rows, as_json, "\n".join(lines) or "no cards yet")


@card.command()
@click.argument("name")
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "png", "svg", "text"]),
    default="terminal",
    help="The form of the output.",
)
@click.option("--output", "-o", type=_FILE, help="The file to write. A png needs a file.")
@click.option("--plain", is_flag=True, help="The JWT itself instead of the compact form.")
@click.option("--digits", is_flag=True, help="The compact form in digits, for keyboard-wedge scanners.")
@click.option("--scale", type=click.IntRange(1, 40), default=8, show_default=True, help="Pixels a module, in a png.")
@click.option("--light", is_flag=True, help="The terminal's background is light.")
@click.pass_obj
def qr(
    office: IssuerCli,
    /,
    *,
    name: str,
    form: str,
    output: Path | None,
    plain: bool,
    digits: bool,
    scale: int,
    light: bool,
) -> None:
    """Draw a card's QR code. A phone draws its own code, with a fresh proof."""
    if plain and digits:
        raise click.UsageError("--plain and --digits exclude one another")
    with office.issuer() as issuer:
        found = find_card(issuer, name)
        text = card_text(found.token, issuer.programme, plain=plain, digits=digits)
        note_taken(issuer, found, form, by=office.actor, at=office.now())
    drawn = text.encode() + b"\n" if form == "text" else _drawn(modules_of(text), form, scale=scale, light=light)
    _write(drawn, output, binary=form == "png")


@card.command()
@click.argument("name")
@click.option("--output", "-o", type=_FILE, required=True, help="The PDF file.")
@click.option(
    "--fonts", type=click.Path(file_okay=False, path_type=Path), default=FONTS, help="The folder of the font."
)
@click.pass_obj
def pdf(office: IssuerCli, /, *, name: str, output: Path, fonts: Path) -> None:
    """Write the card for the printer: an ID-1 PDF, front and back, with full name and photo."""
    with office.issuer() as issuer:
        data = printed_card(issuer, find_card(issuer, name), by=office.actor, at=office.now(), fonts=fonts)
    _write(data, output, binary=True)


@card.command()
@click.argument("name")
@click.option("--because", type=_BECAUSE, default="other", show_default=True, help="The reason.")
@no_publish_option
@json_option
@click.pass_obj
def suspend(office: IssuerCli, /, *, name: str, because: str, publishes: bool, as_json: bool) -> None:
    """Suspend a card for some time."""
    _change(office, name, partial(lifecycle.suspend, because=because), publishes=publishes, as_json=as_json)


@card.command()
@click.argument("name")
@no_publish_option
@json_option
@click.pass_obj
def resume(office: IssuerCli, /, *, name: str, publishes: bool, as_json: bool) -> None:
    """Make a suspended card valid again."""
    _change(office, name, lifecycle.resume, publishes=publishes, as_json=as_json)


@card.command()
@click.argument("name")
@click.option("--because", type=_BECAUSE, default="other", show_default=True, help="The reason.")
@no_publish_option
@json_option
@click.pass_obj
def revoke(office: IssuerCli, /, *, name: str, because: str, publishes: bool, as_json: bool) -> None:
    """Revoke a card for good."""
    _change(office, name, partial(lifecycle.revoke, because=because), publishes=publishes, as_json=as_json)


@card.command()
@click.argument("name")
@click.option("--because", type=_BECAUSE, default="other", show_default=True, help="The reason.")
@no_publish_option
@json_option
@click.pass_obj
def reissue(office: IssuerCli, /, *, name: str, because: str, publishes: bool, as_json: bool) -> None:
    """Replace a card by a new card with a new number, on today's grounds. The old card is revoked."""
    _change(office, name, partial(reissue_card, because=because), publishes=publishes, as_json=as_json)


@card.command()
@click.argument("holder_id")
@json_option
@click.pass_obj
def enrol(office: IssuerCli, /, *, holder_id: str, as_json: bool) -> None:
    """Make a one-time code for a phone card. It is shown once. The holder types it with the ID's last four
    characters.
    """
    with office.issuer() as issuer:
        made = make_code(issuer, holder_id, by=office.actor, at=office.now())
    shown: dict[str, object] = {"code": made.code, "link": made.link, "expires_at": rfc3339(made.expires_at)}
    emit(shown, as_json, as_text(shown))


def _change(office: IssuerCli, name: str, act: Callable[..., IssuedCard], *, publishes: bool, as_json: bool) -> None:
    """Change the card with this number or id, and show its state afterwards."""
    with office.issuer(publishes=publishes) as issuer:
        found = find_card(issuer, name)
        _show(issuer, act(issuer, found.id, by=office.actor, at=office.now()), as_json)


def _drawn(modules: Modules, form: str, *, scale: int, light: bool) -> bytes:
    if form == "png":
        return png(modules, scale=scale)
    drawn = svg(modules) if form == "svg" else terminal(modules, light_background=light)
    return drawn.encode() + b"\n"


def _show(issuer: Issuer, card: IssuedCard, as_json: bool) -> None:
    shown = card_view(issuer, card)
    emit(shown, as_json, as_text(shown))


def _jwk(data: bytes) -> dict[str, str]:
    try:
        value = loads(data)
    except JsonError as error:
        raise Refusal(f"the key file is not JSON: {error}", "give the public key as a JWK on P-256") from None
    if not isinstance(value, dict):
        raise Refusal("the key file holds no JWK", "give the public key as a JWK on P-256")
    return {str(name): str(part) for name, part in value.items()}


def _write(data: bytes, output: Path | None, *, binary: bool) -> None:
    if output is None:
        if binary and sys.stdout.isatty():
            raise Refusal("a picture is not shown in a terminal", "name a file with --output")
        sys.stdout.buffer.write(data)
        return
    try:
        # Only for its owner from the start: it is a copyable card, perhaps with a full name and a photo.
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        raise Refusal(f"{output} cannot be written: {error.strerror}", "name another file with --output") from None
    click.echo(f"written to {output}", err=True)
