"""The shared part of the commands: the store, the clock, the user, and the questions for rights, passwords and PINs."""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import IO, Final

import click

from accounts.credentials import WeakSecret
from accounts.rights import DEPARTMENT, EVERYWHERE, PEOPLE_ONLY, SCOPES, Grant, Right, Rights, Role, parse_rights
from accounts.store import AccountStore
from cards.programme.load import ProgrammeError, load_programme
from cards.programme.types import Programme
from edge.cli import Refusal
from edge.clock import Clock
from edge.database import UnusableDatabase, absent_file
from edge.settings import Settings, load_settings
from edge.stores import ACCOUNTS, refuse_absent_store

RIGHT: Final = click.Choice([right.value for right in Right if right not in PEOPLE_ONLY])
GRANT_HELP: Final = (
    "PLACE=RIGHT[,RIGHT…], such as gym=check-in,void; a place is a point, a department's dept-CODE, or `*` for all; "
    "PLACE/SERVICE for one service alone; without `=…` check-in alone. Repeatable."
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where rights can be given: `codes` of points and, as `dept-…`, of departments; and the codes of services."""

    codes: Collection[str]
    services: Collection[str]


@dataclass
class AccountsCli:
    """What every command works with."""

    clock: Clock
    settings: Settings = field(default_factory=lambda: load_settings(os.environ))

    @contextmanager
    def store(self, *, make: bool = False) -> Iterator[AccountStore]:
        """Open the store that YUNJU_ACCOUNTS_URL names. A missing store is refused unless `make`."""
        if not make:
            refuse_absent_store(ACCOUNTS, self.settings.accounts_url)
        elif (absent := absent_file(self.settings.accounts_url)) is not None:
            absent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            store = AccountStore.open(self.settings.accounts_url, self.settings.secret())
        except UnusableDatabase as error:
            raise Refusal(str(error), "set YUNJU_ACCOUNTS_URL") from None
        try:
            yield store
        finally:
            store.close()

    def places(self) -> Places:
        """Return the places and services of the programme, at which rights can be given."""
        programme = self.programme()
        departments = (f"{DEPARTMENT}{code}" for code in programme.departments)
        return Places(frozenset({*programme.points, *departments}), frozenset(programme.services))

    def programme(self) -> Programme:
        """Return the programme that YUNJU_PROGRAMME names. Refuse if it cannot be read."""
        try:
            return load_programme(self.settings.programme)
        except (ProgrammeError, OSError) as error:
            raise Refusal(f"the programme cannot be read: {error}", "YUNJU_PROGRAMME names its file") from None

    def granted(self, roles: Iterable[str]) -> list[Grant]:
        """Return the grants in `ROLE[:SCOPE]` texts. Refuse a scope that the programme does not know."""
        try:
            grants = [Grant.parse(text) for text in roles]
        except ValueError as error:
            raise click.UsageError(f"{error}; roles: {', '.join(Role)}") from None
        narrow = [grant for grant in grants if grant.scope != EVERYWHERE]
        for grant in narrow:
            programme = self.programme()
            known = programme.tiers.keys() if SCOPES[grant.role] == "tier" else programme.departments.keys()
            if grant.scope not in known:
                raise Refusal(
                    f"the programme has no {SCOPES[grant.role]} {grant.scope!r}", f"it has {', '.join(sorted(known))}"
                )
        return grants

    @property
    def by(self) -> str:
        """Return the user of the command, in the form of the account log: the machine's user."""
        try:
            return f"cli:{getpass.getuser()}"
        except (KeyError, OSError):  # A container's user may have a number and no name
            return f"cli:{os.getuid()}"


@contextmanager
def weak_refused() -> Iterator[None]:
    """Turn a weak password or PIN into a refusal."""
    try:
        yield
    except WeakSecret as error:
        raise Refusal(str(error), "choose another; it is never shown, nor passed as an argument") from None


def ask(what: str, file: IO[str] | None) -> str:
    """Return a secret from a file's first line, or ask for it twice. It is never an argument, which others can read."""
    if file is not None:
        return file.readline().rstrip("\r\n")
    typed: str = click.prompt(what, hide_input=True, confirmation_prompt=True, err=True)
    return typed


def right_place(text: str, known: Places) -> str:
    """Return the code of a point or of a department's place. Refuse an unknown code."""
    return _known(text, known.codes, "point or department place", "points and departments")


def right_service(text: str, known: Places) -> str:
    """Return a service's code. Refuse it if the programme has no such service."""
    return _known(text, known.services, "service", "services")


def _known(text: str, codes: Collection[str], what: str, many: str) -> str:
    if text in codes:
        return text
    near = get_close_matches(text, codes, 1)
    hint = f"did you mean {near[0]}?" if near else f"the programme's {many}: {', '.join(sorted(codes))}"
    raise Refusal(f"the programme has no {what} {text!r}", hint)


def grants(texts: Iterable[str], known: Places) -> Rights:
    """Return the rights in `PLACE=RIGHT,RIGHT` texts. An unknown right is a usage error."""
    found: dict[str, frozenset[Right]] = {}
    for text in texts:
        where, _, names = text.partition("=")
        place, narrow, service = where.partition("/")
        code = place if place == EVERYWHERE else right_place(place, known)
        code += f"/{right_service(service, known)}" if narrow else ""
        try:
            rights = parse_rights(name for name in names.split(",") if name)
        except ValueError as error:
            raise click.UsageError(
                f"{error}; rights: {', '.join(right for right in Right if right not in PEOPLE_ONLY)}"
            ) from None
        found[code] = found.get(code, frozenset()) | rights
    return found


def shown(rights: Rights) -> str:
    """Return rights in the form that `grants` reads."""
    return " ".join(f"{point}={','.join(sorted(rights[point]))}" for point in sorted(rights))
