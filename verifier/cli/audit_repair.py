"""`python -m verifier audit repair`: shows what a ledger lost and its log still holds, and puts entries back on
demand.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from audit.tree.holding import HELD, Held
from audit.tree.place import PlaceError
from audit.tree.repair import Conflict, Logged, PutBack, Survey, Unrepairable, plan_repair, put_back, survey
from audit.tree.sequencing import log_signers, open_home
from audit.tree.tiles import TileError
from edge.cli import Refusal, emit, json_option
from edge.settings import Settings
from keys.files import StoreError
from keys.notes import NoteError, open_checkpoint
from ledger.interface import Ledger
from ledger.leaf import entry_id
from ledger.values import LedgerError
from verifier.cli.opening import CLOCK, VerifierCli
from verifier.trust.published import Untrusted, read_programme

_HINT = "docs/operations.md, Repair, says what to do"


@dataclass(frozen=True, slots=True)
class _Told:
    """The report on one partition. `aside` counts the ledger's entries that were set aside."""

    run: str
    first: str
    entries: int
    holders_unknown: tuple[str, ...]
    aside: int

    @classmethod
    def of(cls, step: PutBack) -> _Told:
        first = entry_id(step.held.partition, step.first)
        return cls(str(step), first, step.count, step.strangers, len(step.aside))


@click.command()
@click.option(
    "--apply",
    "applies",
    is_flag=True,
    help="Write to the ledger. Without this option the command only says what it would write.",
)
@click.option("--set-aside", type=click.Path(dir_okay=False, path_type=Path),
              help="Settle conflicts for the log: the ledger's own entries go to this file and give way.")  # fmt: skip
@json_option
@click.pass_obj
def repair(settings: Settings, *, applies: bool, set_aside: Path | None, as_json: bool) -> None:
    """Put back entries that the ledger lost and the log still holds: after a failover or a restored backup.

    Names each entry exactly. If another entry in the ledger has the number of a lost entry, this is a conflict: it is
    named and left for a person. Exits 1 while anything is left to do.
    """
    try:
        log = _logged(settings)
        _require_file(settings)
        with VerifierCli(settings).ledger() as ledger:
            found = survey(ledger, log)
            steps = [_done(ledger, step, set_aside, applies=applies)
                     for step in plan_repair(ledger, log, found, set_aside=set_aside is not None)]  # fmt: skip
            left = survey(ledger, log) if applies else found
    except (Unrepairable, TileError, PlaceError, NoteError, StoreError, LedgerError, Untrusted, OSError) as error:
        raise Refusal(str(error), _HINT) from None
    if applies:
        Held(settings.log / HELD).put(left.partitions)
    conflicts = left.conflicts if applies or set_aside is None else ()
    emit(_json(steps, conflicts, applied=applies), as_json, "\n".join(_lines(steps, conflicts, applied=applies)))
    _judge(left, conflicts, applied=applies)


def _done(ledger: Ledger, step: PutBack, set_aside: Path | None, *, applies: bool) -> _Told:
    """Repair one partition if the caller asked for it. Return the report."""
    if applies and step.aside and set_aside is not None:
        _append(set_aside, step.aside)
    if applies:
        put_back(ledger, step)
    return _Told.of(step)


def _append(path: Path, leaves: Sequence[bytes]) -> None:
    """Write the leaves that will be set aside to a file, durably."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(b"".join(leaf + b"\n" for leaf in leaves))
        file.flush()
        os.fsync(file.fileno())


def _judge(left: Survey, conflicts: Sequence[Conflict], *, applied: bool) -> None:
    if conflicts:
        raise Refusal(f"{len(conflicts)} conflicts are left for a person", _HINT)
    if left.partitions and not applied:
        raise Refusal("nothing was written", "`--apply` writes it")
    if left.partitions:
        raise Refusal(
            "the ledger is still not what the log says", "run the command again, and check the ledger's store"
        )


def _lines(steps: Sequence[_Told], conflicts: Sequence[Conflict], *, applied: bool) -> list[str]:
    would = "" if applied else "would "
    lines = [f"{would + 'put back':<15} {step.run}" for step in steps]
    lines += [f"{would + 'set aside':<15} {step.aside} of the ledger's own entries, from {step.first}"
              for step in steps if step.aside]  # fmt: skip
    lines += [f"{'holder unknown':<15} {entry}: it counts for nobody who comes again"
              for step in steps for entry in step.holders_unknown]  # fmt: skip
    lines += [f"{'conflict':<15} {conflict}" for conflict in conflicts]
    return lines or ["the ledger is what the log says: nothing to put back"]


def _json(steps: Sequence[_Told], conflicts: Sequence[Conflict], *, applied: bool) -> dict[str, object]:
    return {
        "applied": applied,
        "entries": sum(step.entries for step in steps),
        "put_back": [asdict(step) for step in steps],
        "conflicts": [
            {"first": entry_id(one.partition, one.seq), "last": entry_id(one.partition, one.end)} for one in conflicts
        ],
    }


def _logged(settings: Settings) -> Logged:
    home = open_home(settings, read_programme(settings.programme).issuer)
    state = home.place.read()
    if state is None:
        raise Refusal("no log was published here: there is nothing to repair from", "run it where the log is kept")
    keys = [signer.key for signer in log_signers(settings, home.origin, CLOCK.now())]
    return Logged(home.source(), home.index(), open_checkpoint(state.checkpoint, keys).checkpoint)


def _require_file(settings: Settings) -> None:
    if settings.ledger_url.startswith("sqlite:///") and not Path(settings.ledger_url[10:]).exists():
        raise Refusal(
            "the ledger's file is gone: holders' salts are in it alone, and without them no quota knows its holder",
            "restore its newest backup first",
        )
