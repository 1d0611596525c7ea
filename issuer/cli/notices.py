"""`python -m issuer notice …`: notices to applicants that wait or could not be sent."""

from __future__ import annotations

import click

from edge.cli import emit, json_option
from edge.instants import rfc3339, rfc3339_or_none
from issuer.applications import notices
from issuer.applications.notices import ApplicantNotice
from issuer.cli.office import IssuerCli


@click.group()
def notice() -> None:
    """Notices to applicants: list them, send one again. The background work sends them."""


@notice.command("list")
@click.option("--all", "everything", is_flag=True, help="List notices that were sent too.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many to show at most."
)
@json_option
@click.pass_obj
def list_notices(office: IssuerCli, /, *, everything: bool, limit: int, as_json: bool) -> None:
    """List notices that wait or were given up, newest first."""
    with office.issuer() as issuer:
        found = notices.list_notices(issuer, limit=limit, unsent=not everything)
    emit([_view(one) for one in found], as_json, "\n".join(map(_line, found)) or "no notice waits")


@notice.command()
@click.argument("number", type=click.IntRange(1))
@json_option
@click.pass_obj
def again(office: IssuerCli, /, *, number: int, as_json: bool) -> None:
    """Send the given-up notice NUMBER again."""
    with office.issuer() as issuer:
        notices.again(issuer, number, by=office.actor, at=office.now())
    emit({"notice": number}, as_json, f"notice {number} is sent again")


def _state(one: ApplicantNotice) -> str:
    if one.sent_at is not None:
        return "sent"
    return "waits" if one.given_up_at is None else "given up"


def _view(one: ApplicantNotice) -> dict[str, object]:
    return {
        "id": one.id,
        "receipt": one.receipt,
        "holder": one.holder_id,
        "kind": one.kind,
        "way": one.transport,
        "state": _state(one),
        "tries": one.tries,
        "fault": one.fault,
        "created_at": rfc3339(one.created_at),
        "next_at": rfc3339_or_none(one.next_at),
    }


def _line(one: ApplicantNotice) -> str:
    why = f"  {one.fault}" if one.fault and one.sent_at is None else ""
    about = one.receipt or one.holder_id
    return f"{one.id}  {about}  {one.kind}  {one.transport}  {_state(one)}, {one.tries} tries{why}"
