"""`python -m verifier ledger export`, `import` and `migrate`: move the ledger, and compare it entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edge.cli import Refusal, emit, json_option, progress
from edge.settings import Settings
from ledger import moving, moving_file
from ledger.contents import Damaged
from ledger.interface import Ledger
from ledger.values import LedgerError
from verifier.cli.opening import CLOCK, VerifierCli


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def export_command(settings: Settings, file: Path, as_json: bool) -> None:
    """Write the whole ledger to a new FILE. Stop the verifiers first.

    Keep FILE secret: it holds every holder's `sub` and salt, and so shows who stands behind the log's pseudonyms. Only
    its owner may read it (mode 0600). Destroy FILE after the move, because it still holds people who are erased later.
    """
    with _refusals(), _opened(settings, settings.ledger_url) as ledger, _bar(ledger, 1, "entries") as bar:
        moved = moving.export_to(ledger, file, bar.update)
    _emit(moved, as_json, f"written to {file}; it holds salts: keep it secret")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def import_command(settings: Settings, file: Path, as_json: bool) -> None:
    """Import what `ledger export` wrote to FILE. The ledger must be empty, and no verifier may run.

    FILE is checked as a whole before anything is written. An altered, missing or moved line is named, and the ledger
    stays empty. Afterwards everything is read again and compared. FILE holds salts: destroy it when all is well.
    """
    with _refusals(), _opened(settings, settings.ledger_url, make=True) as ledger, file.open("rb") as opened:
        entries = moving_file.read_header(opened).entries
        with progress(3 * entries, "entries read, written, compared") as bar:
            moved = moving.import_from(opened, ledger, CLOCK, bar.update)
    _emit(moved, as_json, "taken in and compared")


@click.command("migrate")
@click.argument("url")
@json_option
@click.pass_obj
def migrate_command(settings: Settings, url: str, as_json: bool) -> None:
    """Move the ledger to the empty ledger at URL (`sqlite:///…`, `redis://…`). Stop the verifiers first.

    The old ledger is only read. After the comparison, set YUNJU_LEDGER_URL to URL and start the verifiers again.
    """
    if url == settings.ledger_url:
        raise Refusal("the ledger is at this address already", "name another one")
    with (
        _refusals(),
        _opened(settings, settings.ledger_url) as source,
        _opened(settings, url, make=True) as target,
        _bar(source, 2, "entries written, compared") as bar,
    ):
        moved = moving.migrate(source, target, CLOCK, bar.update)
    _emit(moved, as_json, "moved and compared: set YUNJU_LEDGER_URL to the new address")


def _bar(ledger: Ledger, times: int, label: str) -> AbstractContextManager[Any]:
    """Return a progress bar for reading a ledger's entries `times` times."""
    return progress(times * sum(ledger.heads().values()), label)


def _emit(moved: moving.MoveResult, as_json: bool, end: str) -> None:
    counts = f"{moved.entries} entries, {moved.holders} holders, {moved.answers} kept answers, {moved.proofs} proofs"
    emit(asdict(moved), as_json, f"{counts} {end}")


def _opened(settings: Settings, url: str, *, make: bool = False) -> AbstractContextManager[Ledger]:
    # Without the file of acknowledged entries: an empty Redis before its first filling has lost nothing.
    return VerifierCli(settings).ledger(url, remembering=False, make=make)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        raise Refusal(
            f"what was to be moved is damaged: {error}",
            "run `python -m verifier ledger check` where it came from, or take another export",
        ) from None
    except moving.MoveFailed as error:
        raise Refusal(str(error), "empty the target, stop whoever writes, and begin again") from None
    except LedgerError as error:
        raise Refusal(
            f"the ledger was not moved: {error}", "an unfinished target is emptied before another try"
        ) from None
    except OSError as error:
        raise Refusal(f"the file cannot be used: {error.strerror}", "name a new file where there is room") from None
