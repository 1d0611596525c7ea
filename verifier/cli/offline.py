"""`python -m verifier offline`: contradictions in offline records, and records that wait for a supervisor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict, cast, get_args

import click
import msgspec

from edge.cli import Refusal, emit, json_option
from edge.instants import parse_rfc3339, rfc3339
from edge.problems import Problem
from edge.settings import Settings
from verifier.cli.opening import CLOCK, VerifierCli, refusals
from verifier.cli.signing_in import signed_in
from verifier.offline.answers import ConflictView, Decision, DecisionReason, IncidentView
from verifier.offline.conflicts import Wanted, conflicts_of, incidents_of
from verifier.offline.service import OfflineService


def decision_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument and the options that both decisions need."""
    for option in (
        json_option,
        click.option("--note", help="A sentence, kept sealed and erased like any free text."),
        click.option("--reason", type=click.Choice(get_args(DecisionReason)), required=True, help="The reason."),
        click.option("--as", "name", required=True, help="Your name at the sign-in; the password is asked for."),
        click.option("--record", required=True, help="The id of a record that waits."),
    ):
        command = option(command)
    return command


@click.group("offline")
def offline() -> None:
    """Check-ins that devices made while they were offline."""


@offline.command("conflicts")
@click.option("--since", help="Of records received from this instant on (RFC 3339).")
@click.option("--until", help="Of records received before this instant (RFC 3339).")
@click.option("--point", help="Only at this point.")
@json_option
@click.pass_obj
def conflicts(settings: Settings, since: str | None, until: str | None, point: str | None, as_json: bool) -> None:
    """List contradictions in offline records (the holder's name in the log, devices, time) and gaps in numbering."""
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
    """List the records that wait for a supervisor, oldest first. `release` and `refuse` decide on one of them."""
    with VerifierCli(settings).store() as store:
        waiting = store.offline.held(None, 1000)
    rows = [
        {"id": kept.digest, "why": kept.why, "device": kept.device, "seq": kept.seq, "point": kept.point,
         "service": kept.service, "made_at": rfc3339(kept.made_at), "received_at": rfc3339(kept.received_at)}
        for kept in waiting
    ]  # fmt: skip
    lines = [f"{row['why']:<15} {row['made_at']}  {row['point']:<12} {row['service']:<22} {row['id']}" for row in rows]
    emit(rows, as_json, "\n".join(lines) or "nothing waits")


@offline.command("release")
@decision_options
@click.pass_obj
def release(settings: Settings, /, record: str, name: str, as_json: bool, **said: str | None) -> None:
    """Count a waiting record. A supervisor of the record's service signs in here and decides once."""
    _decide(settings, record, name, Decision(release=True, **_word(said)), as_json=as_json)


@offline.command("refuse")
@decision_options
@click.pass_obj
def refuse(settings: Settings, /, record: str, name: str, as_json: bool, **said: str | None) -> None:
    """Set a waiting record aside for good. A supervisor of the record's service signs in here and decides once."""
    _decide(settings, record, name, Decision(release=False, **_word(said)), as_json=as_json)


class _Word(TypedDict):
    reason: DecisionReason
    note: str | None


def _word(said: Mapping[str, str | None]) -> _Word:
    return {"reason": cast("DecisionReason", said["reason"]), "note": said["note"]}


_HINTS: Final = {
    "not-found": "`python -m verifier offline held` lists what waits",
    "not-permitted": "a supervisor of the service's point or department decides, with the second step set up, and not "
    "whoever the record names",
}


def _decide(settings: Settings, record: str, name: str, asked: Decision, *, as_json: bool) -> None:
    with refusals(), VerifierCli(settings).verifier() as verifier, signed_in(settings, verifier.programme, name) as who:
        try:
            told = OfflineService(verifier, who.accounts).decide(record, who.caller, asked, CLOCK.now())
        except Problem as error:
            if error.code not in _HINTS:
                raise
            raise Refusal(error.detail or error.kind.en, _HINTS[error.code]) from None
    line = f"{told.status}  {told.outcome or '-'}  {told.reason or told.why or '-'}  {told.id or '-'}"
    emit(msgspec.to_builtins(told), as_json, f"{line}  (decided before)" if told.replayed else line)


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
