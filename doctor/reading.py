"""Collects the facts: reads folders and stores as they are, and makes no new ones. It works while the service is down.

A part that cannot be read becomes `Unread` with the reason. The other parts are still read.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from accounts.store import AccountStore
from audit.tree.agreeing import log_agrees
from audit.tree.place import CheckpointPlace, PlaceError
from audit.tree.sequencing import log_witnesses
from audit.tree.witnesses import late
from cards.programme.load import ProgrammeError, load_programme
from cards.working_days import unannounced_year
from doctor.facts import (
    AccountsFact,
    BackupFact,
    DeviceFact,
    DiskFact,
    DocumentFact,
    DocumentsFact,
    Facts,
    FolderFact,
    HeldFact,
    HooksFact,
    KeyFact,
    LogFact,
    NoticesFact,
    Part,
    ProgrammeFact,
    StoreFact,
    TokenFact,
    UnreadFact,
    WitnessFact,
    WorkFact,
)
from doctor.stores import STORES, store_fact
from edge.backupnote import FILE as BACKUP_FILE
from edge.backupnote import BackupNote
from edge.database import database_file
from edge.instants import from_epoch
from edge.settings import Settings, SettingsError
from edge.structs import UNREADABLE
from edge.workreport import WorkPlace
from hooks.service import Hooks
from keys.files import StoreError
from keys.keyset import Purpose
from keys.store import key_store

Read = Callable[[Settings, datetime], Part | None]
_PLAIN: Final = (OSError, SettingsError, StoreError, *UNREADABLE)
"""Errors whose text names only files and settings."""
_NEEDED: Final = {
    "issuer": (Purpose.CARD, Purpose.STATUS),
    "verifier": (Purpose.RECEIPT,),
}
"""The keys without which a surface cannot work."""


class _Cannot(Exception):
    """A part that cannot be read, and the code of its finding."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def read_facts(settings: Settings, at: datetime, *, deep: bool = True) -> Facts:
    """Return the facts of the machine that the settings describe.

    `deep`: each SQLite store is also searched for damage, which takes longer for a larger store.
    """
    folder = _folder(settings)
    if not folder.exists:
        return {"folder": folder}
    read: dict[str, Part | UnreadFact | None] = {"folder": folder}
    for about, reader in READERS.items():
        read[about] = _tried(reader, settings, at)
    stores = _tried(lambda _settings, _at: tuple(_stores(settings, deep=deep)), settings, at)
    read["stores"] = stores
    found = stores if isinstance(stores, tuple) else ()
    well = {one.name for one in found if isinstance(one, StoreFact) and one.state == "well"}
    for about, (store, reader) in IN_STORES.items():
        read[about] = _tried(reader, settings, at) if store in well else None
    return {about: fact for about, fact in read.items() if fact is not None}


def _tried(read: Read, settings: Settings, at: datetime) -> Part | UnreadFact | None:
    try:
        return read(settings, at)
    except _Cannot as error:
        return UnreadFact(str(error), error.code)
    except _PLAIN as error:
        return UnreadFact(str(error))
    except Exception as error:  # noqa: BLE001 - whatever a part meets, the other parts are told; its text may quote a row
        return UnreadFact(type(error).__name__)


def _folder(settings: Settings) -> FolderFact:
    if not settings.var.is_dir():
        return FolderFact(settings.var, exists=False)
    files = (database_file(getattr(settings, f"{name}_url")) for name in ("ledger", "register", "accounts", "verifier"))
    looked = (settings.var, settings.secret_file, *(file for file in files if file is not None))
    return FolderFact(settings.var, exists=True, open_to_others=tuple(path for path in looked if _is_open(path)))


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _programme(settings: Settings, at: datetime) -> ProgrammeFact:
    try:
        programme = load_programme(settings.programme)
    except (ProgrammeError, OSError) as error:
        raise _Cannot("programme-unreadable", str(error)) from None
    missing = unannounced_year(programme, at.astimezone(programme.zone).date())
    return ProgrammeFact(programme.code, programme.version, missing)


def _documents(settings: Settings, at: datetime) -> DocumentsFact | None:
    if not settings.serves("verifier"):
        return None
    from verifier.service import published_folder  # noqa: PLC0415 - an issuer's server loads no code of the verifier
    from verifier.trust.ages import ages  # noqa: PLC0415 - as above
    from verifier.trust.published import Untrusted  # noqa: PLC0415 - as above

    try:
        programme = load_programme(settings.programme)
    except (ProgrammeError, OSError):
        return None  # Reported by the programme's own part
    try:
        documents = published_folder(settings, programme).current(at)
    except Untrusted as error:
        raise _Cannot("documents-untrusted", str(error)) from None
    missing = tuple(uri for uri in documents.bundle.status_lists if documents.lists.get(uri) is None)
    found = tuple(DocumentFact(one.name, one.due_at, one.expires_at) for one in ages(documents))
    return DocumentsFact(documents.bundle.version, found, missing)


def _keys(settings: Settings, at: datetime) -> tuple[KeyFact, ...] | None:
    if not any(settings.serves(surface) for surface in _NEEDED):
        return None
    if not settings.keys.is_dir():
        raise _Cannot("keys-unreadable", f"there is no folder {settings.keys}")
    from keys.stored import KeyState  # noqa: PLC0415 - kept beside its use

    try:
        stored = [key for key in key_store(settings).list() if key.state is KeyState.ACTIVE]
    except StoreError as error:
        raise _Cannot("keys-unreadable", str(error)) from None
    last: dict[str, datetime | None] = {
        purpose.value: None for surface, needed in _NEEDED.items() if settings.serves(surface) for purpose in needed
    }
    for key in stored:
        until = last.get(key.purpose.value)
        if key.signs_until > at:
            last[key.purpose.value] = key.signs_until if until is None else max(until, key.signs_until)
    return tuple(KeyFact(purpose, until) for purpose, until in sorted(last.items()))


def _stores(settings: Settings, *, deep: bool) -> Iterator[StoreFact]:
    wanted = dict.fromkeys(name for surface, names in STORES.items() if settings.serves(surface) for name in names)
    for name in wanted:
        yield store_fact(settings, name, deep=deep)


def _work(settings: Settings, _at: datetime) -> WorkFact:
    sequences = settings.serves("verifier") and settings.log_checkpoint.exists()
    return WorkFact(WorkPlace(settings.var).read(), sequences)


def _log(settings: Settings, _at: datetime) -> LogFact | None:
    if not settings.serves("verifier"):
        return None
    try:
        state = CheckpointPlace(settings.log_checkpoint).read()
    except PlaceError as error:
        raise _Cannot("log-unreadable", str(error)) from None
    if state is None:
        return LogFact(None, None, agrees=True)
    return LogFact(state.size, from_epoch(state.at), log_agrees(settings.log, settings.log_checkpoint))


def _witnesses(settings: Settings, at: datetime) -> WitnessFact | None:
    if not settings.serves("verifier"):
        return None
    named = log_witnesses(settings)
    try:
        state = CheckpointPlace(settings.log_checkpoint).read()
    except PlaceError:
        return None  # Reported by the log's own part
    return WitnessFact(len(named), () if state is None else tuple(late(state, named, at)))


def _backup(settings: Settings, _at: datetime) -> BackupFact:
    try:
        return BackupFact(msgspec.json.decode((settings.var / BACKUP_FILE).read_bytes(), type=BackupNote))
    except FileNotFoundError:
        return BackupFact(None)


def _disk(settings: Settings, _at: datetime) -> tuple[DiskFact, ...]:
    folders = {settings.var, settings.log if settings.log.is_dir() else settings.var}
    usage = ((folder, shutil.disk_usage(folder)) for folder in sorted(folders))
    return tuple(DiskFact(folder, found.free, found.total) for folder, found in usage)


def _notices(settings: Settings, at: datetime) -> NoticesFact | None:
    if not settings.serves("issuer") or (settings.mail_url is None and settings.sms_url is None):
        return None
    from issuer.applications.notices import queue_at  # noqa: PLC0415 - a counter server loads no code of the issuer

    found = queue_at(settings.register_url, at)
    return NoticesFact(sum(found.waiting.values()), found.late, found.given_up)


def _hooks(settings: Settings, at: datetime) -> HooksFact:
    hooks = Hooks.open(settings)
    try:
        found = hooks.troubles(at)
    finally:
        hooks.close()
    return HooksFact(found.dead, found.gone, found.late)


def _held(settings: Settings, _at: datetime) -> HeldFact | None:
    if not settings.serves("verifier"):
        return None
    from verifier.records.offline import held_at  # noqa: PLC0415 - an issuer's server loads no code of the verifier

    return HeldFact(*held_at(settings.verifier_url))


def _accounts(settings: Settings, at: datetime) -> AccountsFact:
    store = AccountStore.open(settings.accounts_url)
    try:
        devices = [one for one in store.devices.list() if one.revoked_at is None]
        tokens = [one for one in store.integrators.list() if one.alive(at)]
    finally:
        store.close()
    return AccountsFact(
        tuple(
            DeviceFact(
                one.label or one.id[:6], one.point, one.heard_at,
                0 if one.report is None else one.report.queued, 0 if one.report is None else one.report.clock_seconds,
            )
            for one in devices
        ),
        tuple(TokenFact(one.label, one.expires_at) for one in tokens),
    )  # fmt: skip


READERS: Final[Mapping[str, Read]] = {
    "programme": _programme,
    "documents": _documents,
    "keys": _keys,
    "work": _work,
    "log": _log,
    "witnesses": _witnesses,
    "backup": _backup,
    "disk": _disk,
}
IN_STORES: Final[Mapping[str, tuple[str, Read]]] = {
    "notices": ("register", _notices),
    "held": ("verifier", _held),
    "hooks": ("accounts", _hooks),
    "devices": ("accounts", _accounts),
}
"""Parts in a store. They are read if the store is sound and of this release."""
