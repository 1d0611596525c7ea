"""All rules on what is due: they turn facts and one instant into findings. Opens nothing, reads no clock.

`python -m ops doctor` and the operator's page show these findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from doctor.facts import (
    AccountsFact,
    BackupFact,
    DeviceFact,
    DiskFact,
    DocumentsFact,
    Facts,
    FolderFact,
    HeldFact,
    HooksFact,
    KeyFact,
    LogFact,
    NoticesFact,
    ProgrammeFact,
    StoreFact,
    UnreadFact,
    WitnessFact,
    WorkFact,
)
from doctor.findings import Finding, Severity, sorted_findings
from edge.instants import from_epoch
from edge.workreport import trouble

BACKUP_OLD: Final = timedelta(hours=26)
"""A backup each night, and two hours to make it."""
KEY_SOON: Final = timedelta(days=14)
TOKEN_SOON: Final = timedelta(days=14)
HELD_LONG: Final = timedelta(days=1)
DEVICE_SILENT: Final = timedelta(days=7)
QUEUE_LONG: Final = timedelta(hours=1)
CLOCK_OFF: Final = 5
"""Seconds: a proof from further ahead is refused (docs/design.md §4)."""
LOW_SHARE, LOW_BYTES = 0.1, 2 * 1024**3
FULL_BYTES: Final = 256 * 1024**2
"""With less than this, the disk may be full within hours, and the ledger then answers 503."""

Rule = Callable[[Any, datetime], Iterator[Finding]]


def findings(facts: Facts, at: datetime) -> list[Finding]:
    """Return the findings of every checked part, the worst first."""
    return sorted_findings(finding for about, fact in facts.items() for finding in _of_part(about, fact, at))


def _of_part(about: str, fact: object, at: datetime) -> Iterator[Finding]:
    if isinstance(fact, UnreadFact):
        yield Finding(about, fact.code, Severity.FAULT, {"why": fact.why})
        return
    yield from list(RULES[about](fact, at)) or [Finding(about, f"{about}-well")]


def _fault(about: str, code: str, **values: str | int | datetime) -> Finding:
    return Finding(about, code, Severity.FAULT, values)


def _warning(about: str, code: str, **values: str | int | datetime) -> Finding:
    return Finding(about, code, Severity.WARNING, values)


def _folder(fact: FolderFact, _at: datetime) -> Iterator[Finding]:
    if not fact.exists:
        yield _fault("folder", "folder-missing", path=str(fact.path))
    if fact.open_to_others:
        yield _warning("folder", "folder-open", paths=" ".join(map(str, fact.open_to_others)))


def _programme(fact: ProgrammeFact, _at: datetime) -> Iterator[Finding]:
    if fact.missing_year is not None:
        yield _warning("programme", "holidays-missing", year=fact.missing_year)
        return
    yield Finding("programme", "programme-well", values={"code": fact.code, "version": fact.version})


def _documents(fact: DocumentsFact, at: datetime) -> Iterator[Finding]:
    if fact.missing:
        yield _fault("documents", "documents-missing", names=", ".join(fact.missing))
    for one in fact.documents:
        if at >= one.expires_at:
            yield _fault("documents", "document-expired", name=one.name, since=one.expires_at)
        elif at > one.due_at:
            code = "bundle-due" if one.name == "trust-bundle" else "document-due"
            yield _warning("documents", code, name=one.name, until=one.expires_at)


def _keys(fact: tuple[KeyFact, ...], at: datetime) -> Iterator[Finding]:
    for key in fact:
        if key.signs_until is None or key.signs_until <= at:
            yield _fault("keys", "key-ended", purpose=key.purpose)
        elif key.signs_until - at < KEY_SOON:
            yield _warning("keys", "key-ends", purpose=key.purpose, until=key.signs_until)


_STORES: Final = {
    "absent": ("store-absent", Severity.FAULT),
    "damaged": ("store-damaged", Severity.FAULT),
    "newer": ("store-newer", Severity.FAULT),
    "older": ("migrations-wait", Severity.WARNING),
    "away": ("store-away", Severity.FAULT),
}


def _stores(fact: tuple[StoreFact, ...], _at: datetime) -> Iterator[Finding]:
    for one in fact:
        if one.state == "closed":
            yield _fault("stores", "unreadable", why=f"{one.place}: {one.detail}")
        elif one.state != "well":
            code, severity = _STORES[one.state]
            yield Finding("stores", code, severity, {"name": one.name, "place": one.place, "detail": one.detail})


def _work(fact: WorkFact, at: datetime) -> Iterator[Finding]:
    wrong = trouble(fact.report, at)
    if wrong is not None:
        values: dict[str, str | int | datetime] = {"jobs": ", ".join(wrong.jobs), "faults": "; ".join(wrong.faults)}
        if wrong.since is not None:
            values["since"] = wrong.since
        yield Finding("work", f"work-{wrong.kind}", Severity.FAULT, values)
    if fact.report is not None and fact.sequences and all(job.name != "log" for job in fact.report.jobs):
        yield _warning("work", "sequencer-absent")


def _log(fact: LogFact, _at: datetime) -> Iterator[Finding]:
    if fact.size is None or fact.signed_at is None:
        yield Finding("log", "log-empty")
    elif not fact.agrees:
        yield _fault("log", "log-disagrees")
    else:
        yield Finding("log", "log-well", values={"size": fact.size, "signed": fact.signed_at})


def _witnesses(fact: WitnessFact, _at: datetime) -> Iterator[Finding]:
    if fact.late:
        yield _warning("witnesses", "witness-late", names=", ".join(fact.late))


def _backup(fact: BackupFact, at: datetime) -> Iterator[Finding]:
    if fact.note is None:
        yield _warning("backup", "backup-none")
        return
    made = from_epoch(fact.note.at)
    if at - made > BACKUP_OLD:
        yield _warning("backup", "backup-old", made=made)
    else:
        yield Finding("backup", "backup-well", values={"made": made, "folder": fact.note.folder})


def _disk(fact: tuple[DiskFact, ...], _at: datetime) -> Iterator[Finding]:
    for one in fact:
        megabytes: dict[str, str | int | datetime] = {
            "free": one.free // 1024**2, "total": one.total // 1024**2, "folder": str(one.folder)
        }  # fmt: skip
        if one.free < FULL_BYTES:
            yield Finding("disk", "disk-full", Severity.FAULT, megabytes)
        elif one.free < LOW_BYTES or one.free < one.total * LOW_SHARE:
            yield Finding("disk", "disk-low", Severity.WARNING, megabytes)
        else:
            yield Finding("disk", "disk-well", values=megabytes)


def _notices(fact: NoticesFact, _at: datetime) -> Iterator[Finding]:
    if fact.given_up:
        yield _warning("notices", "notices-given-up", count=fact.given_up)
    if fact.late:
        yield _warning("notices", "notices-late", count=fact.late)


def _hooks(fact: HooksFact, _at: datetime) -> Iterator[Finding]:
    if fact.dead:
        yield _warning("hooks", "hooks-dead", count=fact.dead)
    if fact.gone:
        yield _warning("hooks", "hooks-gone", count=fact.gone)
    if fact.late:
        yield _warning("hooks", "hooks-late", count=fact.late)


def _held(fact: HeldFact, at: datetime) -> Iterator[Finding]:
    if fact.oldest is not None and at - fact.oldest > HELD_LONG:
        yield _warning("held", "held-wait", count=fact.count, since=fact.oldest)


def _accounts(fact: AccountsFact, at: datetime) -> Iterator[Finding]:
    for device in fact.devices:
        yield from _device(device, at)
    for token in fact.tokens:
        if token.expires_at - at < TOKEN_SOON:
            yield _warning("devices", "token-ends", label=token.label, until=token.expires_at)


def _device(fact: DeviceFact, at: datetime) -> Iterator[Finding]:
    named = {"label": fact.label, "point": fact.point}
    silent = at - fact.seen_at
    if silent >= DEVICE_SILENT:
        yield _warning("devices", "device-silent", **named, days=silent.days)
    elif fact.queued and silent > QUEUE_LONG:
        yield _warning("devices", "device-waits", **named, count=fact.queued, since=fact.seen_at)
    if abs(fact.clock_seconds) >= CLOCK_OFF:
        code = "device-fast" if fact.clock_seconds > 0 else "device-slow"
        yield _warning("devices", code, **named, seconds=abs(fact.clock_seconds))


RULES: Final[Mapping[str, Rule]] = {
    "folder": _folder,
    "programme": _programme,
    "documents": _documents,
    "keys": _keys,
    "stores": _stores,
    "work": _work,
    "log": _log,
    "witnesses": _witnesses,
    "backup": _backup,
    "disk": _disk,
    "notices": _notices,
    "hooks": _hooks,
    "held": _held,
    "devices": _accounts,
}
"""Every part that can be checked, in this order, and its rule."""
