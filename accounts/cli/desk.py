"""What the commands share: the store, the clock, whoever types, and how rights, passwords and PINs are asked for."""

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
from accounts.rights import EVERYWHERE, Right, Rights, parse_rights
from accounts.store import AccountStore
from cards.programme.load import ProgrammeError, load_programme
from edge.cli import Refusal
from edge.clock import Clock
from edge.database import UnusableDatabase
from edge.settings import Settings, load_settings

RIGHT: Final = click.Choice([right.value for right in Right])
GRANT_HELP: Final = (
    "POINT=RIGHT[,RIGHT…], such as gym=check-in,void; `*` for every point; without `=…` check-in alone. Repeatable."
)


@dataclass
class AccountsCli:
    """What every command works with."""

    clock: Clock
    settings: Settings = field(default_factory=lambda: load_settings(os.environ))

    @contextmanager
    def store(self) -> Iterator[AccountStore]:
        """Open the store that YUNJU_ACCOUNTS_URL names."""
        try:
            store = AccountStore.open(self.settings.accounts_url)
        except UnusableDatabase as error:
            raise Refusal(str(error), "set YUNJU_ACCOUNTS_URL") from None
        try:
            yield store
        finally:
            store.close()

    def points(self) -> Collection[str]:
        """Return the codes of the programme's points."""
        try:
            return load_programme(self.settings.programme).points.keys()
        except (ProgrammeError, OSError) as error:
            raise Refusal(f"the programme cannot be read: {error}", "YUNJU_PROGRAMME names its file") from None

    @property
    def by(self) -> str:
        """Who types, as the account log tells it: the machine's user."""
        try:
            return f"cli:{getpass.getuser()}"
        except (KeyError, OSError):  # a container's user may have a number and no name
            return f"cli:{os.getuid()}"


@contextmanager
def weak_refused() -> Iterator[None]:
    """Turn a weak password or PIN into a refusal."""
    try:
        yield
    except WeakSecret as error:
        raise Refusal(str(error), "choose another; it is never shown, nor passed as an argument") from None


def ask(what: str, file: IO[str] | None) -> str:
    """Return a secret from a file's first line, or ask twice for it. Never an argument: others can read those."""
    if file is not None:
        return file.readline().rstrip("\r\n")
    typed: str = click.prompt(what, hide_input=True, confirmation_prompt=True, err=True)
    return typed


def point_of(text: str, known: Collection[str]) -> str:
    """Return a point's code; a refusal if the programme has no such point: its device could do nothing anywhere."""
    if text in known:
        return text
    near = get_close_matches(text, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"the programme's points: {', '.join(sorted(known))}"
    raise Refusal(f"the programme has no point {text!r}", hint)


def grants(texts: Iterable[str], known: Collection[str]) -> Rights:
    """Return the rights that `POINT=RIGHT,RIGHT` texts name; a usage error for a right that is none."""
    found: dict[str, frozenset[Right]] = {}
    for text in texts:
        point, _, names = text.partition("=")
        code = point if point == EVERYWHERE else point_of(point, known)
        try:
            rights = parse_rights(name for name in names.split(",") if name)
        except ValueError as error:
            raise click.UsageError(f"{error}; rights: {', '.join(Right)}") from None
        found[code] = found.get(code, frozenset()) | rights
    return found


def shown(rights: Rights) -> str:
    """Return rights as `grants` reads them."""
    return " ".join(f"{point}={','.join(sorted(rights[point]))}" for point in sorted(rights))
