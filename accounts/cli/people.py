"""`python -m accounts person`: who signs in with a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import click

from accounts.cli.desk import AccountsCli, ask, weak_refused
from accounts.people import LastAdministrator, NameTaken, Person, UnknownPerson, saved_grants
from accounts.rights import SCOPES, Role
from edge.cli import Refusal, emit, json_option
from edge.instants import rfc3339, rfc3339_or_none

_PASSWORD_FILE = click.option(
    "--password-file",
    type=click.File(encoding="utf-8", lazy=True),
    help="Read the password from a file's first line, `-` for stdin.",
)

ROLE_HELP: Final = (
    f"One of {', '.join(Role)}; {', '.join(SCOPES)} may be narrowed to a department or tier, such as approver:TIER. "
    "Repeatable."
)


@click.group("person")
def person() -> None:
    """Officers, approvers, auditors and administrators."""


@person.command("add")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, metavar="ROLE[:SCOPE]", help=ROLE_HELP)
@_PASSWORD_FILE
@click.option("--single-sign-on", is_flag=True, help="No password: the person uses the organisation's sign-in.")
@json_option
@click.pass_obj
def add(  # noqa: PLR0917 - click passes options by name
    desk: AccountsCli,
    name: str,
    roles: tuple[str, ...],
    password_file: IO[str] | None,
    single_sign_on: bool,
    as_json: bool,
) -> None:
    """Add a person with the name NAME, which is typed to sign in."""
    granted = desk.granted(roles)
    password = None if single_sign_on else ask("Password", password_file)
    try:
        with weak_refused(), desk.store() as store:
            made = store.people.add(name, password, granted, by=desk.by, at=desk.clock.now())
    except NameTaken:
        raise Refusal("this name is taken", "`person list` shows the names in use") from None
    emit(_row(made), as_json, f"{made.id}  {made.name} can sign in")


@person.command("list")
@json_option
@click.pass_obj
def list_people(desk: AccountsCli, as_json: bool) -> None:
    """List everybody, including disabled people."""
    with desk.store() as store:
        people = store.people.list()
    lines = (f"{one.id}  {one.name}  {','.join(saved_grants(one.grants))}{_disabled(one)}" for one in people)
    emit([_row(one) for one in people], as_json, "\n".join(lines) or "nobody yet")


@person.command("disable")
@click.argument("name")
@json_option
@click.pass_obj
def disable(desk: AccountsCli, name: str, as_json: bool) -> None:
    """Take NAME out of use and end every session. The last administrator cannot be disabled."""
    try:
        with _last_refused(), desk.store() as store:
            store.people.disable(name, by=desk.by, at=desk.clock.now())
    except UnknownPerson:
        raise _unknown() from None
    emit({"disabled": name}, as_json, f"{name} can no longer sign in")


@person.command("enable")
@click.argument("name")
@json_option
@click.pass_obj
def enable(desk: AccountsCli, name: str, as_json: bool) -> None:
    """Allow NAME, who was disabled, to sign in again, with the earlier roles."""
    with desk.store() as store:
        gone = [one for one in store.people.list() if one.name == name and one.disabled_at is not None]
        if not gone:
            raise Refusal("nobody with this name is out of use", "`person list` shows the disabled people")
        store.people.enable(gone[0].id, by=desk.by, at=desk.clock.now())
    emit({"enabled": name}, as_json, f"{name} can sign in again")


@person.command("password")
@click.argument("name")
@_PASSWORD_FILE
@json_option
@click.pass_obj
def password(desk: AccountsCli, name: str, password_file: IO[str] | None, as_json: bool) -> None:
    """Give NAME another password and end every session."""
    chosen = ask("New password", password_file)
    try:
        with weak_refused(), desk.store() as store:
            store.people.change_password(name, chosen, by=desk.by, at=desk.clock.now())
    except UnknownPerson:
        raise _unknown() from None
    emit({"changed": name}, as_json, f"{name} has another password")


@person.command("roles")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, metavar="ROLE[:SCOPE]", help=ROLE_HELP)
@json_option
@click.pass_obj
def set_roles(desk: AccountsCli, name: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Give NAME these roles instead of the old roles, in force at the next request. The last administrator stays
    administrator.
    """
    granted = desk.granted(roles)
    try:
        with _last_refused(), desk.store() as store:
            store.people.set_roles(name, granted, by=desk.by, at=desk.clock.now())
    except UnknownPerson:
        raise _unknown() from None
    emit({"changed": name, "roles": saved_grants(granted)}, as_json, f"{name}: {','.join(saved_grants(granted))}")


@person.command("reset-second-step")
@click.argument("name")
@json_option
@click.pass_obj
def reset_second_step(desk: AccountsCli, name: str, as_json: bool) -> None:
    """Remove all second steps and recovery codes of NAME, and end every session.

    For a person who lost them and came in person. NAME sets up a second step again at the next sign-in.
    """
    try:
        with desk.store() as store:
            one, at = store.people.named(name), desk.clock.now()
            store.factors.reset(one.id, by=desk.by, at=at)
            store.sessions.end_all(one.id, by=desk.by, at=at)
    except UnknownPerson:
        raise _unknown() from None
    emit({"reset": name}, as_json, f"{name} signs in by password alone and sets a second step up anew")


@person.command("link")
@click.argument("name")
@click.option("--subject", required=True, help="What the provider calls the person (`sub`).")
@json_option
@click.pass_obj
def link(desk: AccountsCli, name: str, subject: str, as_json: bool) -> None:
    """Allow NAME to sign in also through the OpenID provider of YUNJU_SSO_ISSUER."""
    if desk.settings.sso_issuer is None:
        raise Refusal("no provider is set", "set YUNJU_SSO_ISSUER")
    try:
        with desk.store() as store:
            store.people.link(name, desk.settings.sso_issuer, subject, by=desk.by, at=desk.clock.now())
    except UnknownPerson:
        raise _unknown() from None
    except NameTaken:
        raise Refusal("somebody else comes as this subject", "one account there is one person here") from None
    emit({"linked": name}, as_json, f"{name} can sign in by single sign-on")


@contextmanager
def _last_refused() -> Iterator[None]:
    try:
        yield
    except LastAdministrator as error:
        raise Refusal(str(error), "`person roles NAME --role administrator` makes another administrator") from None


def _unknown() -> Refusal:
    return Refusal("nobody active has this name", "`person list` shows the names in use")


def _disabled(one: Person) -> str:
    return "" if one.disabled_at is None else f"  disabled {rfc3339(one.disabled_at)}"


def _row(one: Person) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "roles": saved_grants(one.grants),
        "created_at": rfc3339(one.created_at),
        "disabled_at": rfc3339_or_none(one.disabled_at),
    }
