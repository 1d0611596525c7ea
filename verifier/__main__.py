"""`python -m verifier`: points, the programme, dry runs, the public check, the log, and the check of the ledger."""

import os
import sys
from dataclasses import asdict
from itertools import islice
from typing import IO, Any

import click

from cards.periods import PeriodUnit, last_day
from cards.programme.export import programme_json
from cards.programme.types import Point, Programme, Quota, Service
from cards.working_days import unannounced_year
from edge.cli import Refusal, emit, json_option, main_group, progress, run
from edge.instants import parse_rfc3339, rfc3339, rfc3339_or_none
from edge.settings import Settings, load_settings
from edge.strictjson import JsonError, loads
from ledger.leaf import fields_of
from ledger.paging import every_entry
from ledger.values import Entry, Fault, Query
from verifier.cli.audit import audit
from verifier.cli.bookings import bookings, matters
from verifier.cli.dry_run import decide, trial_of
from verifier.cli.fetch import fetch
from verifier.cli.filters import filter_options
from verifier.cli.hooks import hooks
from verifier.cli.moving import export_command, import_command, migrate_command
from verifier.cli.offline import offline
from verifier.cli.opening import CLOCK, VerifierCli, refusals
from verifier.cli.setting_up import init
from verifier.cli.statements import statement
from verifier.records.tags import BadTagRecord, read_records
from verifier.rules.reasons import REASONS
from verifier.service import published_folder
from verifier.trust.public_check import check as check_offline
from verifier.trust.published import read_programme

RECORDS_MOST = 64 * 1024 * 1024
"""The size of a file with records of some 50,000 tags."""


@main_group("verifier")
@click.pass_context
def main(context: click.Context) -> None:
    """Check-ins: services by point, trial decisions, and the usage log."""
    context.obj = load_settings(os.environ)


for _command in (init, audit, bookings, fetch, hooks, matters, offline, statement):
    main.add_command(_command)


@main.group()
def point() -> None:
    """Service points."""


@point.command("list")
@json_option
@click.pass_obj
def list_points(settings: Settings, as_json: bool) -> None:
    """List the points and the services of each."""
    programme = _programme(settings)
    rows = [
        {"code": place.code, "name": asdict(place.name), "services": sorted(place.services)}
        for place in programme.points.values()
    ]
    text = "\n".join(_point_line(place) for place in programme.points.values())
    emit(rows, as_json, text)


@main.group("programme")
def programme_group() -> None:
    """The programme that this verifier runs."""


@programme_group.command("show")
@json_option
@click.pass_obj
def show_programme(settings: Settings, as_json: bool) -> None:
    """Show the programme: tiers, services and quotas. With --json, show everything."""
    programme = _programme(settings)
    emit(programme_json(programme), as_json, _summary(programme))


@main.command()
@click.argument("presentation", required=False)
@json_option
@click.pass_obj
def check(settings: Settings, presentation: str | None, as_json: bool) -> None:
    """Check whether a card is valid. Needs no account, and works without network from the published documents.

    PRESENTATION is the text of a QR code. Without PRESENTATION, standard input is read. Exits 1 if the card is not
    valid.
    """
    text = _presentation(presentation)
    with refusals():
        programme = read_programme(settings.programme)
        verdict = check_offline(text, published_folder(settings, programme), CLOCK.now())
    ends = verdict.valid_until
    until = None if ends is None else last_day(ends, programme.zone).isoformat()
    said = {"valid": verdict.valid, "reason": verdict.reason, "tier": verdict.tier, "last_day": until,
            "valid_until": rfc3339_or_none(ends), "proved": verdict.proved}  # fmt: skip
    if verdict.valid:
        proved = (
            "proved by the phone or chip" if verdict.proved else "a copy could say the same: compare the person's ID"
        )
        lasting = "renewed by the phone" if until is None else f"until {until}"
        emit(said, as_json, f"valid   {verdict.tier}, {lasting} ({proved})")
        return
    unsure = verdict.reason == "status-unknown"
    emit(said, as_json, f"{'cannot be told' if unsure else 'not valid'}: {verdict.reason}")
    sys.exit(1)


@main.command("decide")
@click.option("--point", "point_code", required=True, help="The point's code.")
@click.option("--service", "service_code", required=True, help="The service's code.")
@click.option("--id-checked", is_flag=True, help="As if the operator had compared the person's ID.")
@click.argument("presentation", required=False)
@json_option
@click.pass_obj
def decide_command(settings: Settings, /, presentation: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Show step by step what a check-in would decide now. Writes nothing. Exits 1 for a refusal."""
    text = _presentation(presentation)
    with refusals(), VerifierCli(settings).verifier() as verifier:
        place = _place(verifier.programme, options["point_code"])
        service = _service(verifier.programme, options["service_code"])
        ask = trial_of(place, service, text, verifier, id_checked=options["id_checked"])
        result = decide(verifier, ask, CLOCK.now())
    lines = [f"{step.number:>4}  {step.found}" for step in result.steps]
    reason = REASONS.get(result.reason or "")
    lines.append("would be granted" if result.reason is None else f"would be refused: {result.reason}")
    if reason is not None:
        lines.append(f"      {reason.hint.en}")
    emit(asdict(result), as_json, "\n".join(lines))
    sys.exit(0 if result.reason is None else 1)


@main.group()
def log() -> None:
    """The usage log."""


@log.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
@click.pass_obj
def list_log(settings: Settings, /, since: str | None, until: str | None, as_json: bool, **filters: Any) -> None:  # noqa: ANN401 - click's values
    """List entries, newest first."""
    with refusals(), VerifierCli(settings).ledger() as ledger:
        limit = filters.pop("limit")
        bounds: dict[str, Any] = {
            name: parse_rfc3339(text) for name, text in (("since", since), ("until", until)) if text
        }
        query = Query(**bounds, **filters, limit=min(limit, 200))
        entries = list(islice(every_entry(ledger, query), limit))
    leaves = [{"voided": entry.voided, **fields_of(entry.leaf)} for entry in entries]
    emit(leaves, as_json, "\n".join(_entry_line(entry) for entry in entries) or "nothing logged that matches")


@main.group()
def tag() -> None:
    """Counting tags (NTAG 424 DNA) and their cards."""


@tag.command("import")
@click.argument("file", type=click.File("rb"))
@json_option
@click.pass_obj
def import_tags(settings: Settings, file: IO[bytes], as_json: bool) -> None:
    """Register the tags that `python -m devices personalise` recorded: a record or a list of records, as JSON. `-`
    reads stdin.

    A known tag gets its new card and keys, and keeps its highest count. Destroy the file afterwards, because it holds
    keys.
    """
    try:
        records = read_records(loads(file.read(), max_bytes=RECORDS_MOST))
    except (BadTagRecord, JsonError) as error:
        raise Refusal(f"the records cannot be used: {error}", "give the file as personalisation wrote it") from None
    with VerifierCli(settings).store() as store:
        added = sum([store.tags.add(record) for record in records])
        known = store.tags.count()
    said = {"added": added, "replaced": len(records) - added, "known": known}
    emit(said, as_json, f"{added} tags added, {len(records) - added} replaced, {known} known")


@main.group("ledger")
def ledger_group() -> None:
    """The store of quotas and entries."""


for _command in (export_command, import_command, migrate_command):
    ledger_group.add_command(_command)


@ledger_group.command("check")
@json_option
@click.pass_obj
def check_ledger(settings: Settings, as_json: bool) -> None:
    """Read the whole log again: chain, numbering, and counters equal to the replayed log. Exits 1 and names every
    fault.
    """
    faults: list[Fault] = []
    read = 0
    with (
        refusals(),
        VerifierCli(settings).ledger() as ledger,
        progress(sum(ledger.counts(Query()).values()), "entries") as bar,
    ):
        for found in ledger.check():
            if isinstance(found, Fault):
                faults.append(found)
            else:
                bar.update(found - read)
                read = found
    text = "\n".join(f"{fault.place}: {fault.message}" for fault in faults)
    emit({"entries": read, "faults": [asdict(fault) for fault in faults]}, as_json, text or f"{read} entries, no fault")
    if faults:
        raise Refusal(f"{len(faults)} faults in the ledger", "keep the file as it is and restore the last good backup")


def _entry_line(entry: Entry) -> str:
    leaf = entry.leaf
    marks = " voided" if entry.voided else ""
    what = f"{leaf.kind:<10} {leaf.outcome or '':<8} {leaf.service:<22} {leaf.point:<12}"
    return f"{entry.id}  {rfc3339(leaf.recorded_at)}  {what} {leaf.reason or leaf.tier or ''}{marks}"


def _point_line(place: Point) -> str:
    name = place.name.in_language("zh")
    return f"{place.code:<14} {name}  ({', '.join(sorted(place.services)) or 'no desk'})"


def _summary(programme: Programme) -> str:
    lines = [f"{programme.name.in_language('zh')} · {programme.name.en}", f"version {programme.version}"]
    lines += [f"tier     {tier.code:<10} {tier.name.in_language('zh')}" for tier in programme.tiers.values()]
    lines += [
        f"quota    {quota.code:<14} {quota.maximum} {'ever' if quota.unit is PeriodUnit.EVER else f'a {quota.unit}'}"
        for quota in programme.quotas.values()
    ]
    at_counters = sum(service.checked_in for service in programme.services.values())
    lines.append(f"{len(programme.services)} services ({at_counters} at counters), {len(programme.points)} points")
    year = unannounced_year(programme, CLOCK.now().astimezone(programme.zone).date())
    if year is not None:
        lines.append(
            f"warning  the holidays of {year} are missing: add them to [office.holidays]; its deadlines can move"
        )
    return "\n".join(lines)


def _often(quota: Quota) -> str:
    return f"{quota.maximum} in all" if quota.unit is PeriodUnit.EVER else f"{quota.maximum} a {quota.unit}"


def _programme(settings: Settings) -> Programme:
    with refusals():
        return read_programme(settings.programme)


def _presentation(text: str | None) -> str:
    return text if text is not None else sys.stdin.read()


def _place(programme: Programme, code: str) -> Point:
    if code not in programme.points:
        raise Refusal(f"no point {code}", "`python -m verifier point list` lists them")
    return programme.points[code]


def _service(programme: Programme, code: str) -> Service:
    service = programme.services.get(code)
    if service is None or not service.checked_in:
        raise Refusal(f"no counter service {code}", "`python -m verifier point list` lists each point's services")
    return service


if __name__ == "__main__":
    run(main)
