"""The rules of every command line: `error:` and `hint:` lines on stderr, exit 1 for a refusal, 2 for misuse."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any, NoReturn, TypeVar, overload

import click
import msgspec
from click.exceptions import NoArgsIsHelpError

from edge.settings import SettingsError

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")


class Refusal(click.ClickException):
    """The command was understood but is refused. `message` says why, `hint` names the remedy. Exit 1."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the two lines on stderr."""
        _say(self.message, self.hint, file)


class Group(click.Group):
    """A click group with these rules. Its sub-groups need not be of this class."""

    def main(  # type: ignore[override]  # click's overloads differ in standalone_mode alone
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **rest: Any,  # noqa: ANN401 - click's signature
    ) -> object:
        """Run the command line and exit. With `standalone_mode=False`, raise instead, as click does."""
        if not rest.pop("standalone_mode", True):
            return super().main(args, prog_name, standalone_mode=False, **rest)
        sys.exit(self._outcome(args, prog_name, rest))

    def _outcome(self, args: Sequence[str] | None, prog_name: str | None, rest: dict[str, Any]) -> int:
        try:
            code = super().main(args, prog_name, standalone_mode=False, **rest)
        except NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            return 2
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else self.name
            _say(error.format_message(), f"`{path} --help` tells the usage")
            return 2
        except click.ClickException as error:
            error.show() if isinstance(error, Refusal) else _say(error.format_message())
            return 1
        except SettingsError as error:
            _say("the settings cannot be used", "correct these and try again", faults=error.faults)
            return 1
        except click.Abort:
            _say("stopped")
            return 1
        return code if isinstance(code, int) else 0


def main_group(room: str) -> Callable[[Callable[..., Any]], Group]:
    """Make the decorated function the top group of `python -m <room>`. Its docstring is the help."""
    return click.group(
        name=f"python -m {room}",
        cls=Group,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def run(group: click.Group) -> NoReturn:
    """Run a room's group on the process's arguments and exit."""
    group.main(prog_name=group.name)
    sys.exit(0)


def json_option(command: Command) -> Command:
    """Add `--json`; the command receives `as_json`."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
    return option(command)


def emit(value: object, as_json: bool, text: str) -> None:
    """Print `value` as JSON, or `text` for a person, on stdout."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
    else:
        click.echo(text)


@overload
def progress(work: int, label: str) -> AbstractContextManager[Any]: ...
@overload
def progress(work: Iterable[T], label: str) -> AbstractContextManager[Iterable[T]]: ...
def progress(work: int | Iterable[T], label: str) -> AbstractContextManager[Any]:
    """Return a bar on stderr for long work. Iterate over it, or give a length and call its `update(n)`.

    If stderr is no terminal, nothing is drawn.
    """
    hidden = not sys.stderr.isatty()
    if isinstance(work, int):
        return click.progressbar(length=work, label=label, file=sys.stderr, hidden=hidden)
    return click.progressbar(work, label=label, file=sys.stderr, hidden=hidden)


def _say(message: str, hint: str | None = None, file: IO[Any] | None = None, *, faults: Sequence[str] = ()) -> None:
    click.echo(f"error: {message}", file=file, err=True)
    for fault in faults:
        click.echo(f"error: {fault}", file=file, err=True)
    if hint:
        click.echo(f"hint: {hint}", file=file, err=True)
