"""`python -m issuer holder …`: register people, their photos and grounds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import IO

import click

from edge.cli import Refusal, emit, json_option
from issuer.applications.erasing import erase, note_death
from issuer.cli.office import IssuerCli, identity_options, read_identity
from issuer.issuing.issuing import cards_of
from issuer.issuing.settling import withdraw as withdraw_ground
from issuer.issuing.views import as_text, card_view, ground_view, holder_view
from issuer.register import office_log
from issuer.register.holders import (
    NewGround,
    NewHolder,
    add_ground,
    add_holder,
    correct_holder,
    find_by_identity,
    find_holder,
    grounds_of,
    list_holders,
    set_photo,
)
from issuer.register.marks import rule, set_benefit
from issuer.register.office_log import OfficeAction

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def holder() -> None:
    """Holders (持卡人): people, their photos, and their approved grounds."""


@holder.command()
@click.option("--name", prompt="Full name as on the ID", help="The full name. Asked for if it is not given.")
@identity_options
@click.option("--phone", help="A number for call-backs.")
@json_option
@click.pass_obj
def add(
    office: IssuerCli,
    /,
    *,
    name: str,
    id_type: str,
    country: str | None,
    id_file: IO[str] | None,
    phone: str | None,
    as_json: bool,
) -> None:
    """Register a person. The ID's number is asked for, or read from --id-file. It is never an argument."""
    at = office.now()
    with office.issuer() as issuer:
        today = at.astimezone(issuer.programme.zone).date()
        new = NewHolder(name, read_identity(id_type, country, id_file, today), phone)
        made = add_holder(issuer, new, by=office.actor, at=at)
    emit(holder_view(made, full=False), as_json, f"holder {made.id}: {made.masked_name}")


@holder.command()
@click.argument("holder_id")
@click.option("--name", help="The full name as on the ID.")
@click.option("--phone", help="A number for call-backs; empty for none.")
@json_option
@click.pass_obj
def correct(office: IssuerCli, /, *, holder_id: str, name: str | None, phone: str | None, as_json: bool) -> None:
    """Correct a name or a telephone number. A card shows the new name after `card reissue --because correction`."""
    with office.issuer() as issuer:
        found = correct_holder(issuer, holder_id, name=name, phone=phone, by=office.actor, at=office.now())
    emit(holder_view(found, full=False), as_json, f"holder {found.id}: {found.masked_name}")


@holder.command()
@identity_options
@json_option
@click.pass_obj
def find(office: IssuerCli, /, *, id_type: str, country: str | None, id_file: IO[str] | None, as_json: bool) -> None:
    """Find a holder by the number of the ID."""
    at = office.now()
    with office.issuer() as issuer:
        today = at.astimezone(issuer.programme.zone).date()
        found = find_by_identity(issuer, read_identity(id_type, country, id_file, today))
    if found is None:
        raise Refusal("nobody is registered with this ID", "python -m issuer holder add")
    emit(holder_view(found, full=False), as_json, f"holder {found.id}: {found.masked_name}")


@holder.command("list")
@click.option("--after", default="", help="Begin after this id: for the next part of a long list.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many to show at most."
)
@json_option
@click.pass_obj
def list_(office: IssuerCli, /, *, after: str, limit: int, as_json: bool) -> None:
    """List holders with masked names."""
    with office.issuer() as issuer:
        found = list_holders(issuer, after=after, limit=limit)
    text = "\n".join(f"{one.id}  {one.masked_name}" for one in found)
    emit([holder_view(one, full=False) for one in found], as_json, text or "nobody yet")


@holder.command()
@click.argument("holder_id")
@json_option
@click.pass_obj
def show(office: IssuerCli, /, *, holder_id: str, as_json: bool) -> None:
    """Show a holder with the full name, grounds and cards. The office log records the reading."""
    with office.issuer() as issuer:
        found = find_holder(issuer, holder_id)
        with issuer.register.change() as connection:
            office_log.append(connection, OfficeAction.HOLDER_SHOWN, by=office.actor, at=office.now(), holder=holder_id)
        grounds = [ground_view(ground) for ground in grounds_of(issuer, holder_id)]
        cards = [card_view(issuer, card) for card in cards_of(issuer, holder_id)]
    shown = holder_view(found, full=True)
    parts = [as_text(shown), *map(as_text, grounds), *map(as_text, cards)]
    emit(shown | {"grounds": grounds, "cards": cards}, as_json, "\n\n".join(parts))


@holder.command()
@click.argument("holder_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def photo(office: IssuerCli, /, *, holder_id: str, file: Path, as_json: bool) -> None:
    """Keep a photo: a JPEG of the size in the programme. It is stored without metadata."""
    with office.issuer() as issuer:
        set_photo(issuer, holder_id, file.read_bytes(), by=office.actor, at=office.now())
    emit({"holder": holder_id, "photo": True}, as_json, "photo kept")


@holder.command()
@click.argument("holder_id")
@click.argument("code")
@click.option("--limb", help="The alternative of the ground.")
@click.option("--tier", help="The tier that the decision names. Only for `special`.")
@click.option("--reference", help="The decision's reference.")
@click.option("--body", help="The body that decided.")
@click.option("--note", help="The papers that proved the ground.")
@click.option("--contract-ends", type=_DAY, help="Last day of the contract, YYYY-MM-DD.")
@click.option("--permit-ends", type=_DAY, help="Last day of the permit.")
@click.option("--basis-ends", type=_DAY, help="Last day of the ground itself.")
@json_option
@click.pass_obj
def ground(
    office: IssuerCli,
    /,
    *,
    holder_id: str,
    code: str,
    as_json: bool,
    contract_ends: datetime | None,
    permit_ends: datetime | None,
    basis_ends: datetime | None,
    **told: str | None,
) -> None:
    """Record an approved ground (申领条件), such as `gold-6`. The ground decides the tier."""
    new = NewGround(
        code,
        contract_ends=contract_ends and contract_ends.date(),
        permit_ends=permit_ends and permit_ends.date(),
        basis_ends=basis_ends and basis_ends.date(),
        **told,
    )
    with office.issuer() as issuer:
        held = add_ground(issuer, holder_id, new, by=office.actor, at=office.now())
    emit(ground_view(held), as_json, f"ground {held.id}: {held.code}, tier {held.tier}")


@holder.command()
@click.argument("holder_id")
@click.argument("ground_id", type=int)
@json_option
@click.pass_obj
def withdraw(office: IssuerCli, /, *, holder_id: str, ground_id: int, as_json: bool) -> None:
    """Withdraw a ground. Every card of the holder ends, or is replaced by a card of the remaining tier."""
    with office.issuer() as issuer:
        left = withdraw_ground(issuer, holder_id, ground_id, by=office.actor, at=office.now())
    shown = {"holder": holder_id, "ground": ground_id, "withdrawn": True, "live_cards": [card.number for card in left]}
    emit(shown, as_json, f"ground withdrawn; {len(left)} cards are live")


@holder.command()
@click.argument("holder_id")
@click.option("--sure", is_flag=True, required=True, help="This cannot be undone.")
@json_option
@click.pass_obj
def died(office: IssuerCli, /, *, holder_id: str, sure: bool, as_json: bool) -> None:
    """End every ground and card of a holder who died, and release the bookings. The data stay until `erase`."""
    del sure
    with office.issuer() as issuer:
        ended = note_death(issuer, holder_id, by=office.actor, at=office.now())
    emit({"holder": holder_id, "cards_ended": ended}, as_json, f"{ended} cards ended")


@holder.command("erase")
@click.argument("holder_id")
@click.option("--sure", is_flag=True, required=True, help="This cannot be undone.")
@json_option
@click.pass_obj
def erase_holder(office: IssuerCli, /, *, holder_id: str, sure: bool, as_json: bool) -> None:
    """Erase a holder: cards end, personal data (name, ID, telephone, photo, papers) go, and verifiers must erase
    too.
    """
    del sure
    with office.issuer() as issuer:
        done = erase(issuer, holder_id, by=office.actor, at=office.now())
    shown = {"holder": holder_id, "cards_ended": done.cards, "applications": done.applications, "files": done.files}
    told = f"erased; {done.cards} cards ended, {done.files} files removed; a new card from {done.again_from}"
    emit(shown | {"again_from": done.again_from.isoformat()}, as_json, told)


@holder.command()
@click.argument("holder_id")
@click.argument("benefit")
@click.option(
    "--ruling", type=click.Choice(["granted", "refused"]), help="The ruling of the department, if there is a ruling."
)
@json_option
@click.pass_obj
def benefit(office: IssuerCli, /, *, holder_id: str, benefit: str, ruling: str | None, as_json: bool) -> None:
    """Record a benefit granted elsewhere, or the ruling on it. Verifiers learn of it with the next `publish`."""
    with office.issuer() as issuer:
        find_holder(issuer, holder_id)
        if ruling is None:
            set_benefit(issuer, holder_id, benefit, by=office.actor, at=office.now())
        else:
            rule(issuer, holder_id, benefit, granted=ruling == "granted", by=office.actor, at=office.now())
    emit({"holder": holder_id, "benefit": benefit, "ruling": ruling}, as_json, "recorded")
