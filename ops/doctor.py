"""`python -m ops doctor`: what is wrong with this machine, and what to do about it.

Looks at files and stores as they lie, and makes no new one. Each finding is a line with its remedy.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import click
import msgspec

from audit.tree.place import CheckpointPlace, PlaceError, State
from audit.tree.sequencing import log_witnesses
from audit.tree.witnesses import late
from cards.programme.load import ProgrammeError, load_programme
from cards.programme.types import Programme
from cards.working_days import unannounced_year
from edge.backupnote import read_note
from edge.cli import emit, json_option
from edge.clock import SystemClock
from edge.database import absent_file, sqlite_fault, table_versions
from edge.instants import from_epoch, rfc3339
from edge.settings import Settings, load_settings
from edge.workreport import WorkPlace, complaint
from keys.files import StoreError
from keys.store import KeyState, key_store
from ops.backup import log_agrees
from ops.manifest import database_file
from ops.restore import newer_tables
from verifier.service import published_folder
from verifier.trust.ages import ageing, expired
from verifier.trust.published import Untrusted

CLOCK: Final = SystemClock()
BACKUP_OLD: Final = timedelta(days=1)
LEAST_FREE: Final = 0.1
"""The share of a disk that should be free: the ledger answers 503 when the disk is full."""
LEAST_BYTES: Final = 2 * 1024**3
SIGNED_OLD: Final = timedelta(minutes=5)
STORES: Final = {"issuer": ("register", "accounts"), "verifier": ("ledger", "verifier", "accounts")}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `wrong` stops or will stop service, `warning` will if nothing is done."""

    about: str
    state: Literal["ok", "warning", "wrong"]
    told: str = ""
    remedy: str = ""


Look = Callable[[Settings, datetime], Iterator[Finding]]


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Tell what is wrong with this machine and what to do; exit 1 when something is wrong, 0 with warnings alone."""
    settings = load_settings(os.environ)
    found = examine(settings, CLOCK.now())
    emit({"findings": found}, as_json, "\n".join(_line(one) for one in found))
    if any(one.state == "wrong" for one in found):
        raise SystemExit(1)


def examine(settings: Settings, at: datetime) -> list[Finding]:
    """Return everything that was looked at, the worst first."""
    found = list(_folder(settings, at))
    if found[0].state != "wrong":
        for look in LOOKS:
            found += look(settings, at)
    return sorted(found, key=lambda one: ("wrong", "warning", "ok").index(one.state))


def _line(one: Finding) -> str:
    text = f"{one.state:<8} {one.about:<12} {one.told}".rstrip()
    return f"{text}\n{'':9}{'do:':<12} {one.remedy}" if one.remedy else text


def _folder(settings: Settings, _at: datetime) -> Iterator[Finding]:
    if not settings.var.is_dir():
        yield Finding("folder", "wrong", f"there is no folder {settings.var}", "YUNJU_VAR may be mistyped")
        return
    yield Finding("folder", "ok", str(settings.var))
    loose = [path for path in (settings.var, settings.secret_file, *_databases(settings)) if _is_open(path)]
    if loose:
        names = " ".join(str(path) for path in loose)
        yield Finding("modes", "warning", f"others of this machine may read {names}", f"chmod go= {names}")


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _databases(settings: Settings) -> list[Path]:
    found = (database_file(getattr(settings, f"{name}_url")) for name in ("ledger", "register", "accounts", "verifier"))
    return [path for path in found if path is not None]


def _programme(settings: Settings, at: datetime) -> Iterator[Finding]:
    try:
        programme = load_programme(settings.programme)
    except (ProgrammeError, OSError) as error:
        yield Finding("programme", "wrong", str(error), "correct the file that YUNJU_PROGRAMME names")
        return
    yield Finding("programme", "ok", f"{programme.code} {programme.version}")
    year = unannounced_year(programme, at.astimezone(programme.zone).date())
    if year is not None:
        remedy = f"put the days of {year} into [office.holidays] of the programme file and publish it"
        yield Finding("holidays", "warning", f"the holidays of {year} are not in the programme", remedy)
    if settings.serves("verifier"):
        yield from _documents(settings, programme, at)


def _documents(settings: Settings, programme: Programme, at: datetime) -> Iterator[Finding]:
    remedy = "`python -m issuer publish` at the issuer; `python -m verifier fetch` where documents are fetched"
    try:
        documents = published_folder(settings, programme).current(at)
    except Untrusted as error:
        yield Finding("documents", "wrong", str(error), remedy)
        return
    if (over := expired(documents, at)) is not None:
        yield Finding("documents", "wrong", over, remedy)
    elif (old := ageing(documents, at)) is not None:
        yield Finding("documents", "warning", old, remedy)
    else:
        until = rfc3339(documents.bundle.expires_at)
        yield Finding("documents", "ok", f"trust bundle {documents.bundle.version} until {until}")


def _stores(settings: Settings, _at: datetime) -> Iterator[Finding]:
    wanted = dict.fromkeys(name for surface, names in STORES.items() if settings.serves(surface) for name in names)
    for name in wanted:
        url = getattr(settings, f"{name}_url")
        file = database_file(url)
        if file is None:
            continue
        if absent_file(url) is not None:
            remedy = "see YUNJU_VAR and the store's own setting; a new machine has it after its first start"
            yield Finding(name, "wrong", f"{file} is not there", remedy)
        elif (fault := _store_fault(file)) is not None:
            yield Finding(name, "wrong", f"{file}: {fault}", "restore the newest backup (docs/operations.md)")
        elif (newer := newer_tables(table_versions(file))) is not None:
            yield Finding(name, "wrong", f"{file} holds tables of a newer release ({newer})", "run that release")
        else:
            yield Finding(name, "ok", str(file))


def _store_fault(file: Path) -> str | None:
    return "it is empty" if file.stat().st_size == 0 else sqlite_fault(file, used=True)


def _keys(settings: Settings, at: datetime) -> Iterator[Finding]:
    if not settings.keys.is_dir():
        yield Finding("keys", "wrong", f"there is no folder {settings.keys}", "`python -m issuer init`, or restore it")
        return
    try:
        stored = [
            key
            for key in key_store(settings).list()
            if key.state is KeyState.ACTIVE and key.signs_from <= at < key.signs_until
        ]
    except StoreError as error:
        yield Finding("keys", "wrong", str(error), error.hint)
        return
    for key in stored:
        left = key.signs_until - at
        if left < timedelta(days=14):
            told = f"the {key.purpose.value} key signs until {rfc3339(key.signs_until)[:10]}"
            yield Finding("keys", "warning", told, f"python -m keys rotate {key.purpose.value}")
    yield Finding("keys", "ok", ", ".join(sorted({key.purpose.value for key in stored})) or "none in use")


def _work(settings: Settings, at: datetime) -> Iterator[Finding]:
    report = WorkPlace(settings.var).read()
    wrong = complaint(report, at)
    if wrong is None:
        yield Finding("work", "ok", f"process {report.pid if report else 0}")
        return
    faults = [] if report is None else [f"{job.name}: {job.fault}" for job in report.jobs if job.failing]
    remedy = "start `python -m ops work` as a service of its own" if not faults else "; ".join(faults)
    yield Finding("work", "wrong", wrong, remedy)


def _log(settings: Settings, at: datetime) -> Iterator[Finding]:
    if not settings.serves("verifier"):
        return
    try:
        state = CheckpointPlace(settings.log_checkpoint).read()
    except PlaceError as error:
        yield Finding("log", "wrong", str(error), "restore the checkpoint's file (docs/operations.md)")
        return
    if state is None:
        yield Finding("log", "ok", "nothing is logged here yet")
        return
    if not log_agrees(settings.log, settings.log_checkpoint):
        yield Finding("log", "wrong", "the tiles do not match the checkpoint", "restore the newest tiles")
        return
    yield Finding("log", "ok", f"{state.size} entries, signed {rfc3339(from_epoch(state.at))}")
    yield from _witnesses(settings, state, at)


def _witnesses(settings: Settings, state: State, at: datetime) -> Iterator[Finding]:
    missing = late(state, log_witnesses(settings), at)
    if missing:
        remedy = "see that they run and can be reached, and that their clocks are right"
        yield Finding("witnesses", "warning", f"late: {', '.join(missing)}", remedy)


def _backup(settings: Settings, at: datetime) -> Iterator[Finding]:
    note, remedy = read_note(settings.var), "python -m ops backup FOLDER --seal-with FILE, each day"
    if note is None:
        yield Finding("backup", "warning", "no backup was made here", remedy)
    elif at - from_epoch(note.at) > BACKUP_OLD:
        yield Finding("backup", "warning", f"the last backup is of {rfc3339(from_epoch(note.at))}", remedy)
    else:
        yield Finding("backup", "ok", f"{rfc3339(from_epoch(note.at))} in {note.folder}")


def _disk(settings: Settings, _at: datetime) -> Iterator[Finding]:
    for folder in {settings.var, settings.log if settings.log.is_dir() else settings.var}:
        usage = shutil.disk_usage(folder)
        told = f"{usage.free // 1024**2} MB free of {usage.total // 1024**2} MB under {folder}"
        if usage.free < LEAST_BYTES or usage.free < usage.total * LEAST_FREE:
            yield Finding("disk", "warning", told, "make room: with a full disk check-ins are answered 503")
        else:
            yield Finding("disk", "ok", told)


LOOKS: Final[tuple[Look, ...]] = (_programme, _stores, _keys, _work, _log, _backup, _disk)
