"""`python -m issuer application …`: the worklist, and files from platforms and departments. Nothing is decided here."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from edge.cli import Refusal, emit, json_option, progress
from issuer.applications import importing, records
from issuer.applications.columns import NoColumns
from issuer.applications.importing import FileSummary, ImportOptions
from issuer.applications.records import Filter, ListedApplication
from issuer.applications.sheets import BadSheet
from issuer.applications.states import State
from issuer.cli.office import IssuerCli
from issuer.register.issuer import Issuer

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def application() -> None:
    """Applications: list them, import files. Persons review and decide on the office's pages."""


@application.command("list")
@click.option("--state", type=click.Choice([one.value for one in State]), help="Only applications in this state.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many to show at most."
)
@json_option
@click.pass_obj
def list_applications(office: IssuerCli, /, *, state: str | None, limit: int, as_json: bool) -> None:
    """List applications, earliest due day first."""
    asked = Filter(states=None if state is None else frozenset({State(state)}))
    with office.issuer() as issuer:
        found = records.listed(issuer, asked, limit=limit)
    emit([_view(one) for one in found], as_json, "\n".join(map(_line, found)) or "no application")


@application.command("import")
@click.argument("file", type=_FILE)
@click.option("--channel", default="", help="The channel of rows that name none: province, district.")
@click.option("--ground", default="", help="The ground of all rows, if the file has no column for it.")
@click.option("--skip-faulty", is_flag=True, help="Import the good rows of a file with faults.")
@click.option("--dry-run", is_flag=True, help="Show what the file holds, and change nothing.")
@json_option
@click.pass_obj
def import_platform(
    office: IssuerCli, /, *, file: Path, channel: str, ground: str, skip_faulty: bool, dry_run: bool, as_json: bool
) -> None:
    """Import a platform's file (CSV or XLSX): channel, receipt, person, ground. A second import changes nothing."""
    _run(office, file, ImportOptions("platform", channel, ground=ground, skip_faulty=skip_faulty), dry_run, as_json)


@application.command("import-list")
@click.argument("file", type=_FILE)
@click.option("--department", required=True, help="The department whose list this is: development.")
@click.option("--ground", required=True, help="The ground that the list is for: gold-12.")
@click.option("--limb", default="", help="The alternative of the ground, if the file has no column for it.")
@click.option("--reference", required=True, help="The number of the letter that the list came with.")
@click.option("--skip-faulty", is_flag=True, help="Import the good rows of a file with faults.")
@click.option("--dry-run", is_flag=True, help="Show what the file holds, and change nothing.")
@json_option
@click.pass_obj
def import_list(
    office: IssuerCli,
    /,
    *,
    file: Path,
    department: str,
    ground: str,
    limb: str,
    reference: str,
    skip_faulty: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a department's list (CSV or XLSX): each row becomes an application that two persons decide."""
    options = ImportOptions("list", "", department, ground, limb, reference, skip_faulty)
    _run(office, file, options, dry_run, as_json)


def _run(office: IssuerCli, file: Path, options: ImportOptions, dry_run: bool, as_json: bool) -> None:
    with office.issuer() as issuer, file.open("rb") as opened:
        try:
            found = _found(office, issuer, opened, options, dry_run=dry_run)
        except BadSheet as error:
            raise Refusal(f"the file is not read ({error.code})", str(error)) from None
        except NoColumns as error:
            names = "、".join(error.names) or "姓名、证件号码 …"
            raise Refusal(f"the file's columns are not right ({error.code})", f"head the columns: {names}") from None
    emit(_found_view(found), as_json, _told(found, dry_run=dry_run))
    if found.faulty and not options.skip_faulty:
        raise Refusal(f"{found.faulty} rows have faults, and nothing was imported", "mend them, or give --skip-faulty")


def _found(office: IssuerCli, issuer: Issuer, file: BinaryIO, options: ImportOptions, *, dry_run: bool) -> FileSummary:
    """Check the file first. If a fault stops the import, report only the faults."""
    found = importing.look(issuer, file, options, at=office.now())
    if dry_run or (found.faulty and not options.skip_faulty):
        return found
    by, at, before = office.actor, office.now(), 0
    with progress(found.rows, "importing") as bar:

        def step(rows: int) -> None:
            nonlocal before
            bar.update(rows - before)
            before = rows

        return importing.bring_in(issuer, file, options, by=by, at=at, progress=step)


def _told(found: FileSummary, *, dry_run: bool) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in found.told().items() if count)
    faults = [f"row {one.row}, {one.heading}: {one.message}" for one in found.faults]
    ignored = [f"not imported: {', '.join(found.columns.ignored)}"] if found.columns.ignored else []
    return "\n".join([f"{found.form}: {counts}{' (nothing changed)' if dry_run else ''}", *ignored, *faults])


def _found_view(found: FileSummary) -> dict[str, object]:
    faults = [{"row": one.row, "column": one.heading, "code": one.code, "remedy": one.message} for one in found.faults]
    return {"form": found.form, **found.told(), "ignored": list(found.columns.ignored), "faults": faults}


def _view(one: ListedApplication) -> dict[str, object]:
    return {
        "id": one.id,
        "receipt": one.receipt,
        "channel": one.channel,
        "channel_receipt": one.channel_receipt,
        "state": one.state.value,
        "ground": one.ground,
        "tier": one.tier,
        "name": one.masked_name,
        "due_on": None if one.due_on is None else one.due_on.isoformat(),
    }


def _line(one: ListedApplication) -> str:
    return f"{one.receipt}  {one.state:<11}  {one.ground or '':<11}  {one.masked_name}  due {one.due_on or '-'}"
