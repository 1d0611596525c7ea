"""`python -m accounts security`: failed attempts, locks, refused rights; newest first, page by page."""

from __future__ import annotations

import click

from accounts.cli.desk import AccountsCli
from accounts.security import SecurityEvent, SecurityKind
from edge.cli import emit, json_option
from edge.instants import rfc3339


@click.command("security")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many lines to show at most."
)
@click.option(
    "--skip", type=click.IntRange(0), default=0, show_default=True, help="How many of the newest events to leave out."
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in SecurityKind]))
@click.option("--person", help="Only events at the name of this person.")
@json_option
@click.pass_obj
def security(  # noqa: PLR0917 - click passes options by name
    desk: AccountsCli, limit: int, skip: int, kinds: tuple[str, ...], person: str | None, as_json: bool
) -> None:
    """Show failed sign-ins, PINs and codes, locks and refused rights. Names and addresses are shown as hashes."""
    with desk.store() as store:
        subject = None if person is None else store.security.subject("person", person)
        events = store.security.page(limit, skip, kinds=map(SecurityKind, kinds), subject=subject)
    emit([_row(event) for event in events], as_json, "\n".join(map(_line, events)) or "nothing yet")


def _line(event: SecurityEvent) -> str:
    detail = " ".join(str(value) for value in event.detail.values())
    more = "  and more of the same" if event.more else ""
    return f"{rfc3339(event.at)}  {event.kind}  {event.subject or '-'}  {event.place or '-'}  {detail}{more}".rstrip()


def _row(event: SecurityEvent) -> dict[str, object]:
    return {
        "at": rfc3339(event.at),
        "kind": event.kind.value,
        "subject": event.subject,
        "place": event.place,
        "detail": event.detail,
        "more": event.more,
    }
