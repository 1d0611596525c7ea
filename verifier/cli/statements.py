"""`python -m verifier statement`: a department's month, as figures or as a file, and its closing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from edge.cli import Refusal, emit, json_option
from edge.private import make_private
from edge.problems import Problem
from edge.settings import Settings
from verifier.cli.opening import CLOCK, VerifierCli, refusals
from verifier.cli.signing_in import signed_in
from verifier.desks.statements import StatementDesk
from verifier.service import Verifier
from verifier.services.statements.files import TYPES, FileKind, MonthAnswer, month_answer, month_file
from verifier.services.statements.service import paying_points

_MONTH: Final = re.compile(r"[1-8][0-9]{3}-(0[1-9]|1[0-2])")
_DEPARTMENT = click.option("--department", required=True, help="The department's code.")
_OF_MONTH = click.option("--month", required=True, help="The local month, such as 2026-10.")


@click.group("statement")
def statement() -> None:
    """What departments settle by month. Statements name no person."""


@statement.command("show")
@_DEPARTMENT
@_OF_MONTH
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file: .csv, .xlsx or .pdf.")
@json_option
@click.pass_obj
def show(settings: Settings, /, department: str, month: str, out: Path | None, as_json: bool) -> None:
    """Show a department's month: as it was closed, or as it stands now, with corrections of earlier closed months."""
    at = CLOCK.now()
    with refusals(), VerifierCli(settings).verifier() as verifier:
        _known(verifier, department, month)
        told = verifier.statements.month(department, month, at)
        if out is not None:
            _write(out, month_file(told, verifier.programme, _kind(out), at))
    said = month_answer(told, at)
    emit(said, as_json, _text(said) if out is None else str(out))


@statement.command("close")
@_DEPARTMENT
@_OF_MONTH
@click.option("--as", "name", required=True, help="Your name at the sign-in; the password is asked for.")
@json_option
@click.pass_obj
def close(settings: Settings, /, department: str, month: str, name: str, as_json: bool) -> None:
    """Close a month that is over. Its figures stay; later changes appear as corrections of the next month."""
    with refusals(), VerifierCli(settings).verifier() as verifier:
        _known(verifier, department, month)
        with signed_in(settings, verifier.programme, name) as who:
            try:
                told = StatementDesk(verifier).closed(who.caller, department, month, at := CLOCK.now())
            except Problem as problem:
                if problem.code not in {"month-closed", "month-not-next", "not-permitted"}:
                    raise
                raise Refusal(problem.kind.en, problem.kind.hint) from None
    said = month_answer(told, at)
    emit(said, as_json, _text(said))


def _known(verifier: Verifier, department: str, month: str) -> None:
    if not paying_points(verifier.programme, department):
        raise Refusal(f"{department} is no department with a point", "`python -m verifier programme show` lists them")
    if not _MONTH.fullmatch(month):
        raise Refusal(f"{month} is no month", "write a month as 2026-10")


def _kind(out: Path) -> FileKind:
    kind = out.suffix.removeprefix(".").lower()
    if kind not in TYPES:
        raise Refusal(f"{out} is no kind of file that is written", "name a file that ends in .csv, .xlsx or .pdf")
    return kind


def _write(out: Path, body: str | bytes) -> None:
    try:
        make_private(out).write_bytes(body.encode() if isinstance(body, str) else body)
    except OSError as error:
        raise Refusal(f"{out} cannot be written: {error.strerror}", "name another file with --out") from None


def _text(said: MonthAnswer) -> str:
    state = f"closed {said.closed_at}" if said.closed_at else "can be closed" if said.may_close else "not closed"
    lines = [f"{said.department} {said.month}: {state}"]
    for head, told in (("", said.lines), ("correction ", said.corrections), ("changed since ", said.changed)):
        lines += [
            f"  {head}{one.month}  {one.point:<14} {one.service:<22} {one.paid:>5} paid {one.voided:>4} voided"
            f" {one.held:>4} waiting"
            for one in told
        ]
    return "\n".join(lines)
