"""`python -m accounts operator`: staff who sign in at a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click

from accounts.cli.desk import GRANT_HELP, AccountsCli, ask, grants, shown, weak_refused
from accounts.operators import OperatorRecord, UnknownOperator
from accounts.people import NameTaken
from accounts.rights import save_rights
from edge.cli import Refusal, emit, json_option
from edge.instants import rfc3339, rfc3339_or_none

PIN_FILE = click.option(
    "--pin-file",
    type=click.File(encoding="utf-8", lazy=True),
    help="Read the PIN from a file's first line, `-` for stdin.",
)
NO_PIN = click.option("--no-pin", is_flag=True, help="No PIN: whoever stands at the device can sign in with the code.")


@click.group("operator")
def operator() -> None:
    """Staff and supervisors at counters."""


@operator.command("add")
@click.argument("code")
@click.argument("name")
@click.option("--grant", "granted", multiple=True, required=True, help=GRANT_HELP)
@PIN_FILE
@NO_PIN
@json_option
@click.pass_obj
def add(  # noqa: PLR0917 - click passes them by name
    desk: AccountsCli,
    code: str,
    name: str,
    granted: tuple[str, ...],
    pin_file: IO[str] | None,
    no_pin: bool,
    as_json: bool,
) -> None:
    """Add NAME, who enters CODE and a PIN at the counter."""
    rights = grants(granted, desk.places())
    pin = None if no_pin else ask("PIN", pin_file)
    try:
        with weak_refused(), desk.store() as store:
            made = store.operators.add(code, name, rights, by=desk.by, at=desk.clock.now(), pin=pin)
    except NameTaken:
        raise Refusal("this code is taken", "`operator list` shows the codes in use") from None
    emit(_row(made), as_json, f"{made.id}  {made.code} can sign in: {shown(made.rights)}")


@operator.command("list")
@json_option
@click.pass_obj
def list_operators(desk: AccountsCli, as_json: bool) -> None:
    """List the operators, including disabled operators."""
    with desk.store() as store:
        found = store.operators.list()
    emit([_row(one) for one in found], as_json, "\n".join(map(_line, found)) or "no operator yet")


@operator.command("disable")
@click.argument("code")
@json_option
@click.pass_obj
def disable(desk: AccountsCli, code: str, as_json: bool) -> None:
    """Take the operator with CODE out of use. The sessions end within five seconds."""
    with _unknown_refused(), desk.store() as store:
        store.operators.disable(code, by=desk.by, at=desk.clock.now())
    emit({"disabled": code}, as_json, f"{code} can no longer sign in")


@operator.command("pin")
@click.argument("code")
@PIN_FILE
@NO_PIN
@json_option
@click.pass_obj
def change_pin(desk: AccountsCli, code: str, pin_file: IO[str] | None, no_pin: bool, as_json: bool) -> None:
    """Give the operator with CODE another PIN. Sessions from the old PIN end within five seconds."""
    pin = None if no_pin else ask("PIN", pin_file)
    with _unknown_refused(), weak_refused(), desk.store() as store:
        store.operators.set_pin(code, pin, by=desk.by, at=desk.clock.now())
    emit({"changed": code, "pin": pin is not None}, as_json, f"{code} has {'a new' if pin else 'no'} PIN")


@operator.command("grant")
@click.argument("code")
@click.option("--grant", "granted", multiple=True, required=True, help=GRANT_HELP)
@json_option
@click.pass_obj
def change_rights(desk: AccountsCli, code: str, granted: tuple[str, ...], as_json: bool) -> None:
    """Give the operator with CODE these rights instead of the old rights. They are in force within five seconds."""
    rights = grants(granted, desk.places())
    with _unknown_refused(), weak_refused(), desk.store() as store:
        store.operators.set_rights(code, rights, by=desk.by, at=desk.clock.now())
    emit({"changed": code, "rights": save_rights(rights)}, as_json, f"{code} may now: {shown(rights)}")


@contextmanager
def _unknown_refused() -> Iterator[None]:
    try:
        yield
    except UnknownOperator:
        raise Refusal("no active operator has this code", "`operator list` shows them") from None


def _line(one: OperatorRecord) -> str:
    pin = "PIN" if one.has_pin else "no PIN"
    state = "" if one.disabled_at is None else f"  disabled {rfc3339(one.disabled_at)}"
    return f"{one.id}  {one.code}  {one.name}  {pin}  {shown(one.rights)}{state}"


def _row(one: OperatorRecord) -> dict[str, object]:
    return {
        "id": one.id,
        "code": one.code,
        "name": one.name,
        "pin": one.has_pin,
        "rights": save_rights(one.rights),
        "created_at": rfc3339(one.created_at),
        "disabled_at": rfc3339_or_none(one.disabled_at),
    }
