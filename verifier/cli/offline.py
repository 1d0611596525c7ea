"""`python -m verifier offline`: what offline records contradict, and which wait for a supervisor."""

from __future__ import annotations

import click
import msgspec

from edge.cli import emit, json_option
from edge.instants import parse_rfc3339, rfc3339
from edge.settings import Settings
from verifier.cli.opening import VerifierCli, refusals
from verifier.offline.answers import ConflictView, IncidentView
from verifier.offline.conflicts import Wanted, conflicts_of, incidents_of


@click.group("offline")
def offline() -> None:
    """Check-ins that devices made while they were offline."""


@offline.command("conflicts")
@click.option("--since", help="Of records received from this instant on (RFC 3339).")
@click.option("--until", help="Of records received before this instant (RFC 3339).")
@click.option("--point", help="At this point alone.")
@json_option
@click.pass_obj
def conflicts(settings: Settings, since: str | None, until: str | None, point: str | None, as_json: bool) -> None:
    """Say what offline records contradict: of whom (the log's name), at which devices, when; and gaps in numbering."""
    with refusals():
        start, end = (None if text is None else parse_rfc3339(text) for text in (since, until))
        wanted = Wanted(start, end, None if point is None else frozenset({point}))
        with VerifierCli(settings).ledger() as ledger:
            found = list(conflicts_of(ledger, wanted))
    incidents = _incidents(settings)
    said = {"conflicts": msgspec.to_builtins(found), "incidents": msgspec.to_builtins(incidents)}
    lines = [line for conflict in found for line in _conflict_lines(conflict)]
    lines += [_incident_line(incident) for incident in incidents]
    emit(said, as_json, "\n".join(lines) or "no offline record contradicts anything")


@offline.command("held")
@json_option
@click.pass_obj
def held(settings: Settings, as_json: bool) -> None:
    """List the records that wait for a supervisor, the oldest first; a supervisor decides at a counter."""
    with VerifierCli(settings).store() as store:
        waiting = store.offline.held(None, 1000)
    rows = [
        {"id": kept.digest, "why": kept.why, "device": kept.device, "seq": kept.seq, "point": kept.point,
         "service": kept.service, "made_at": rfc3339(kept.made_at), "received_at": rfc3339(kept.received_at)}
        for kept in waiting
    ]  # fmt: skip
    lines = [f"{row['why']:<15} {row['made_at']}  {row['point']:<12} {row['service']:<22} {row['id']}" for row in rows]
    emit(rows, as_json, "\n".join(lines) or "nothing waits")


def _incidents(settings: Settings) -> tuple[IncidentView, ...]:
    with VerifierCli(settings).store() as store:
        return incidents_of(store.offline)


def _conflict_lines(conflict: ConflictView) -> list[str]:
    what = [conflict.kind]
    if conflict.limit is not None:
        what.append(f"{conflict.limit} {conflict.period}: {conflict.used} of {conflict.maximum}")
    if conflict.reason is not None:
        what.append(conflict.reason)
    lines = [f"{'  '.join(what)}  holder {conflict.holder or '-'}  devices {', '.join(conflict.devices)}"]
    for use in conflict.uses:
        way = "offline" if use.offline else "online"
        lines.append(f"    {use.at}  {use.point:<12} {use.service:<22} {use.device}  {way}  {use.id}")
    return lines


def _incident_line(incident: IncidentView) -> str:
    state = "open" if incident.closed_at is None else f"filled {incident.closed_at}"
    numbers = f"{incident.first}" if incident.first == incident.last else f"{incident.first} to {incident.last}"
    return f"{incident.kind}  device {incident.device}  number {numbers}  {incident.count} times  {state}"
