"""Signing in at a command, for decisions that a person takes under their own name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import click

from accounts.attempts import TooSoon
from accounts.authenticator import Authenticator
from accounts.factors import FactorRefused
from accounts.people import Person, WrongCredentials
from accounts.rights import Caller
from accounts.sessions import Arrival
from accounts.store import AccountStore
from cards.programme.types import Programme
from edge.cli import Refusal
from edge.settings import Settings
from edge.stores import ACCOUNTS, refuse_absent_store
from verifier.cli.opening import CLOCK

PLACE: Final = "command-line"
"""The origin of these sign-ins, for back-off and for the security log."""


@dataclass(frozen=True, slots=True)
class CommandSession:
    """The person who answers for a command, and the store of devices and people."""

    accounts: AccountStore
    caller: Caller


@contextmanager
def signed_in(settings: Settings, programme: Programme, name: str) -> Iterator[CommandSession]:
    """Ask for the password, and for the second step if the person has one. The session ends with the command. Raises
    Refusal.
    """
    refuse_absent_store(ACCOUNTS, settings.accounts_url)
    accounts, at = AccountStore.open(settings.accounts_url, settings.secret()), CLOCK.now()
    try:
        person, factor = _checked(accounts, name, at)
        opened = accounts.sessions.open(person, Arrival(PLACE), factor=factor, at=at)
        authenticate = Authenticator(accounts, CLOCK, departments=programme.points_of_departments())
        try:
            yield CommandSession(accounts, authenticate.caller_of(opened.session))
        finally:
            accounts.sessions.sign_out(opened.token, at=CLOCK.now())
    finally:
        accounts.close()


def _checked(accounts: AccountStore, name: str, at: datetime) -> tuple[Person, bool]:
    """Return the person, and whether a second step was taken."""
    try:
        person = accounts.people.check(name, _asked("Password"), source=PLACE, at=at)
        if not accounts.has_second_step(person):
            return person, False
        accounts.take_second_step(person, _asked("One-time code, or recovery code"), source=PLACE, at=at)
    except TooSoon as error:
        raise Refusal(f"too many tries: wait {error.seconds} seconds", "then try again") from None
    except (WrongCredentials, FactorRefused):
        raise Refusal("name, password or code is wrong", "type them again; each code serves once") from None
    return person, True


def _asked(what: str) -> str:
    typed: str = click.prompt(what, hide_input=True, err=True)
    return typed
