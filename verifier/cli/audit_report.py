"""`python -m verifier audit report`: a department's month as a PDF to print or file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import click

from audit.evidence.apart import Broken
from audit.figures.odds import Searcher
from audit.figures.report import MonthlyReport, ReportSources, make_report, span_of
from audit.figures.report_pdf import Language, NoFont, report_pdf
from audit.figures.reviews import ReviewStore
from audit.figures.thresholds import read_thresholds
from audit.figures.usage import UsageFigures
from audit.tree.place import PlaceError
from audit.tree.proofs import LogReader
from audit.tree.sequencing import log_reader, log_signers, open_home
from audit.tree.tiles import TileError
from cards.programme.types import Programme
from edge.cli import Refusal, emit, json_option, progress
from edge.private import make_private
from edge.settings import Settings
from keys.files import StoreError
from keys.notes import NoteError, open_checkpoint
from ledger.interface import Ledger
from ledger.leaf import Leaf
from ledger.values import LedgerError
from verifier.cli.opening import CLOCK, VerifierCli
from verifier.trust.published import Untrusted, read_programme

_PATH: Final = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--month", required=True, help="The month, such as 2026-11.")
@click.option("--department", help="The code of one department; all without it.")
@click.option("--out", "-o", type=_PATH, required=True, help="The PDF to write.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@json_option
@click.pass_obj
def report(settings: Settings, /, month: str, department: str | None, out: Path, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Write the monthly report of use: by service and point, refusals, take-up, anomalies, integrity."""
    with _refusals():
        programme = read_programme(settings.programme)
        if department is not None and department not in programme.departments:
            raise Refusal(f"no department {department}", f"one of {', '.join(sorted(programme.departments))}")
        made = _made(settings, programme, month, department)
        make_private(out).write_bytes(report_pdf(made, programme, cast("Language", options["lang"])))
    said = {"file": str(out), "month": month, "department": department, "entries": made.size}
    emit(said, options["as_json"], f"{out}: {month}, from a log of {made.size} entries")


def _made(settings: Settings, programme: Programme, month: str, department: str | None) -> MonthlyReport:
    try:
        span_of(month)
    except ValueError:
        raise Refusal(f"{month} is no month", "write the month as 2026-11") from None
    home, at = open_home(settings, programme.issuer), CLOCK.now()
    state = home.place.read()
    if state is None:
        raise Refusal("no checkpoint has been published yet", "`python -m verifier audit sequence --once` makes one")
    opened = open_checkpoint(state.checkpoint, [signer.key for signer in log_signers(settings, home.origin, at)])
    with _sources(settings, programme, log_reader(settings, programme.issuer)) as sources:
        _count(sources.usage)
        return make_report(sources, month, department, state=state, opened=opened, at=at, by="")


@contextmanager
def _sources(settings: Settings, programme: Programme, log: LogReader) -> Iterator[ReportSources]:
    stores = VerifierCli(settings)
    with stores.ledger() as ledger, stores.figures() as database:
        usage = UsageFigures(database, log, programme.zone, lambda entry: _leaf(ledger, entry))
        reviews = ReviewStore(database, settings.secret())
        folders = [settings.log, *([settings.log_archive] if settings.log_archive else [])]
        odds = Searcher(log, folders, programme.zone, read_thresholds(settings.audit_rules, programme))
        yield ReportSources(programme, log, usage, odds.days, reviews.of)


def _leaf(ledger: Ledger, entry_id: str) -> Leaf | None:
    entry = ledger.entry(entry_id)
    return None if entry is None else entry.leaf


def _count(usage: UsageFigures) -> None:
    counted, size = usage.count()
    with progress(size, "entries") as bar:
        bar.update(counted)
        while counted < size:
            before = counted
            counted, size = usage.count()
            bar.update(counted - before)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NoFont as error:
        raise Refusal(str(error), error.hint) from None
    except NoteError as error:
        raise Refusal(
            f"the checkpoint cannot be trusted: {error}", "`python -m verifier audit keys` prints the keys"
        ) from None
    except (PlaceError, TileError, Broken) as error:
        raise Refusal(str(error), "`python -m verifier audit verify` names every fault") from None
    except (StoreError, LedgerError, Untrusted, OSError) as error:
        raise Refusal(str(error), getattr(error, "hint", None)) from None
