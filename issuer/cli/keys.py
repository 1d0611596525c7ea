"""`python -m issuer key …`: the same as `/office/keys`, for operators of the issuer's machine."""

from __future__ import annotations

from itertools import islice
from typing import Final

import click

from edge.cli import emit, json_option
from edge.instants import rfc3339
from issuer.cli.office import IssuerCli
from issuer.issuing import signing_keys
from issuer.issuing.signing_keys import KeyLine
from keys.keyset import Purpose

NOT_HERE: Final = "not on this machine"


@click.group()
def key() -> None:
    """Signing keys: list them, rotate a key with overlap, drop a compromised key, list the cards that a key signed."""


@key.command("list")
@json_option
@click.pass_obj
def list_keys(office: IssuerCli, /, *, as_json: bool) -> None:
    """List the keys: what each does, until when it signs, and until when it is trusted."""
    with office.issuer() as issuer:
        found = signing_keys.key_lines(issuer, office.now())
    shown = [one.key.to_json() | {"doing": one.doing, "due": one.due} for one in found]
    emit(shown, as_json, "\n".join(map(_line, found)))


@key.command("notes")
@json_option
@click.pass_obj
def list_notes(office: IssuerCli, /, *, as_json: bool) -> None:
    """List the keys that sign checkpoints of the two logs, as auditors pin them. They have no end."""
    with office.issuer() as issuer:
        found = signing_keys.note_lines(issuer)
    shown = [{"log": one.log, "vkey": one.key and one.key.vkey, "module": one.in_module} for one in found]
    emit(
        shown, as_json, "\n".join(f"{one.log:<8} {one.key.vkey if one.key else one.fault or NOT_HERE}" for one in found)
    )


@key.command()
@click.argument("purpose", type=click.Choice([one.value for one in Purpose]))
@json_option
@click.pass_obj
def rotate(office: IssuerCli, /, *, purpose: str, as_json: bool) -> None:
    """Make and publish the next key of a PURPOSE. It signs some days later; the old key stays trusted."""
    with office.issuer() as issuer:
        made = signing_keys.rotate(issuer, Purpose(purpose), by=office.actor, at=office.now())
    emit(made.to_json(), as_json, f"{purpose} key {made.kid} signs from {rfc3339(made.signs_from)}")


@key.command()
@click.argument("kid")
@click.option("--sure", is_flag=True, required=True, help="Everything this key signed is refused, for ever.")
@json_option
@click.pass_obj
def drop(office: IssuerCli, /, *, kid: str, sure: bool, as_json: bool) -> None:
    """Drop a compromised key. Its successor signs at once. `key cards KID` lists the cards to make again."""
    del sure
    with office.issuer() as issuer:
        done = signing_keys.drop(issuer, kid, by=office.actor, at=office.now())
    successor = None if done.successor is None else done.successor.kid
    shown = {"dropped": kid, "successor": successor, "cards": done.cards}
    emit(shown, as_json, f"{kid} is dropped; {done.cards} cards are to be made anew")


@key.command()
@click.argument("kid")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="How many to show at most."
)
@json_option
@click.pass_obj
def cards(office: IssuerCli, /, *, kid: str, limit: int, as_json: bool) -> None:
    """List the live cards whose token a key signed. Phones fetch new tokens by themselves."""
    with office.issuer() as issuer:
        found = list(islice(signing_keys.cards_of_key(issuer, kid), limit))
    rows = [{"number": one.number, "form": one.form.value, "holder": one.holder_id} for one in found]
    emit(rows, as_json, "\n".join(f"{row['number']}  {row['form']}  {row['holder']}" for row in rows) or "no live card")


def _line(one: KeyLine) -> str:
    due = "  a successor is due" if one.due else ""
    until = f"until {rfc3339(one.key.signs_until)}, trusted until {rfc3339(one.key.public.not_after)}"
    return f"{one.purpose:<8} {one.kid}  {one.doing:<11} {until}{due}"
