"""What every command works with: settings, a clock, the actor. Faults become `error:` and `hint:` lines."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

import click
from sqlalchemy.exc import OperationalError

from cards.programme.load import ProgrammeError
from edge.cli import Refusal
from edge.clock import Clock
from edge.database import UnusableDatabase
from edge.sealing import Unsealable
from edge.settings import load_settings
from edge.stores import REGISTER, refuse_absent_store
from issuer.register.errors import RefusedError
from issuer.register.identity import BadIdentity, Identity, IdType, check_identity
from issuer.register.issuer import Issuer, open_issuer
from keys.files import StoreError

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class IssuerCli:
    """The context of a command line. Tests pass a fixed clock."""

    clock: Clock

    @property
    def actor(self) -> str:
        """Return the actor, in the form of the office log."""
        try:
            return f"cli:{getpass.getuser()}"[:80]
        except (KeyError, OSError):  # A user id without a name, as in some containers
            return f"cli:uid-{os.getuid()}"

    def now(self) -> datetime:
        """Return the command's instant."""
        return self.clock.now()

    def verifies(self) -> bool:
        """Return whether this machine's processes also take check-ins."""
        return load_settings(os.environ, self.clock).serves("verifier")

    @contextmanager
    def issuer(self, *, roots: Path | None = None, publishes: bool = True, make: bool = False) -> Iterator[Issuer]:
        """Open the office that the settings describe, close it at the end, and turn its faults into refusals.

        A missing register is refused unless `make`, because a folder's name may be mistyped.
        """
        settings = load_settings(os.environ, self.clock)
        if not make:
            refuse_absent_store(REGISTER, settings.register_url)
        try:
            issuer = open_issuer(settings, roots=roots)
            try:
                yield issuer if publishes else issuer.quiet()
            finally:
                issuer.close()
        except (RefusedError, StoreError) as error:
            raise Refusal(str(error), error.hint) from None
        except BadIdentity as error:
            raise Refusal(str(error), "compare the number with the document") from None
        except ProgrammeError as error:
            raise Refusal(str(error), "python -m verifier programme show tells every fault") from None
        except Unsealable:
            raise Refusal(
                "a value of the register does not open", "restore register and secret file from one backup"
            ) from None
        except (UnusableDatabase, OperationalError) as error:
            raise Refusal(f"the register cannot be opened: {type(error).__name__}", "see YUNJU_REGISTER_URL") from None


def no_publish_option(command: Command) -> Command:
    """Add `--no-publish`; the command receives `publishes`."""
    return click.option(
        "--no-publish",
        "publishes",
        flag_value=False,
        default=True,
        help="Leave publishing to a later `publish`, for many changes at once.",
    )(command)


def identity_options(command: Command) -> Command:
    """Add the options of an identity: `--id-type`, `--country`, `--id-file`. The number itself is never an argument."""
    for option in (
        click.option("--id-file", type=click.File("r", encoding="utf-8"), help="A file with the number; - is stdin."),
        click.option("--country", help="Three letters, with a passport: DEU."),
        click.option(
            "--id-type",
            type=click.Choice([kind.value for kind in IdType]),
            default=IdType.RESIDENT_ID.value,
            show_default=True,
            help="The document.",
        ),
    ):
        command = option(command)
    return command


def read_identity(id_type: str, country: str | None, id_file: IO[str] | None, today: date) -> Identity:
    """Ask for a number, or read it, and check it. On the command line, every user of the machine could see it."""
    if id_file is None:
        number = click.prompt("Number of the ID (not shown)", hide_input=True, err=True)
    else:
        number = id_file.read(200)
    return check_identity(IdType(id_type), number, today=today, country=country)
