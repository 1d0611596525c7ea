"""`python -m accounts integrator`: other organisations' servers and their tokens."""

from __future__ import annotations

from datetime import timedelta

import click

from accounts.cli.desk import GRANT_HELP, AccountsCli, grants, shown
from accounts.integrators import Integrator, UnknownIntegrator
from accounts.rights import save_rights
from edge.cli import Refusal, emit, json_option
from edge.instants import rfc3339, rfc3339_or_none


@click.group("integrator")
def integrator() -> None:
    """Servers of hospitals, gyms and others, each with a bearer token."""


@integrator.command("add")
@click.argument("label")
@click.option("--grant", "granted", multiple=True, required=True, help=GRANT_HELP)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long the token lives.")
@json_option
@click.pass_obj
def add(desk: AccountsCli, label: str, granted: tuple[str, ...], days: int, as_json: bool) -> None:
    """Add the server with the name LABEL and show its token once."""
    at = desk.clock.now()
    with desk.store() as store:
        made, token = store.integrators.add(
            label, grants(granted, desk.places()), expires_at=at + timedelta(days=days), by=desk.by, at=at
        )
    told = f"token:  {token}   (not shown again)\nid:     {made.id}\nrights: {shown(made.rights)}"
    emit({**_row(made), "token": token}, as_json, f"{told}\nuntil:  {rfc3339(made.expires_at)}")


@integrator.command("list")
@json_option
@click.pass_obj
def list_integrators(desk: AccountsCli, as_json: bool) -> None:
    """List the servers, including revoked servers."""
    with desk.store() as store:
        found = store.integrators.list()
    emit([_row(one) for one in found], as_json, "\n".join(map(_line, found)) or "no integrator yet")


@integrator.command("revoke")
@click.argument("integrator_id", metavar="ID")
@json_option
@click.pass_obj
def revoke(desk: AccountsCli, integrator_id: str, as_json: bool) -> None:
    """End the token of the server ID. Every server process follows within five seconds."""
    try:
        with desk.store() as store:
            store.integrators.revoke(integrator_id, by=desk.by, at=desk.clock.now())
    except UnknownIntegrator:
        raise Refusal("no integrator in use has this id", "`integrator list` shows them") from None
    emit({"revoked": integrator_id}, as_json, f"{integrator_id} is revoked")


def _line(one: Integrator) -> str:
    state = "" if one.revoked_at is None else f"  revoked {rfc3339(one.revoked_at)}"
    return f"{one.id}  {one.label}  {shown(one.rights)}  until {rfc3339(one.expires_at)}{state}"


def _row(one: Integrator) -> dict[str, object]:
    return {
        "id": one.id,
        "label": one.label,
        "rights": save_rights(one.rights),
        "created_at": rfc3339(one.created_at),
        "expires_at": rfc3339(one.expires_at),
        "revoked_at": rfc3339_or_none(one.revoked_at),
    }
