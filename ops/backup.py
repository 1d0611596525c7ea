"""`python -m ops backup FOLDER`: all data that a machine cannot make again. The backup is consistent, read again, and
for its owner alone.

Order: the log and the published documents first, then the databases. So a restored ledger is never behind the restored
log, and a restored register is never behind what was published.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from audit.tree.place import CheckpointPlace
from cards.programme.load import load_programme
from edge.backupnote import BackupNote, write_note
from edge.database import copy_sqlite, sqlite_fault, table_versions
from edge.instants import to_epoch
from edge.private import make_private_folder
from edge.settings import Settings
from edge.structs import UNREADABLE
from ops.manifest import (
    FORMAT,
    MANIFEST,
    SEALED,
    VERSION,
    BackedUp,
    BackupError,
    Manifest,
    roots,
    seal,
    secrets_of,
    sha256_of,
)
from ops.servers import ROOT, check_saved, save_store, server_stores

_HEADER: Final = b"SQLite format 3\x00"
_LEFT_OUT: Final = ("-wal", "-shm", "-lock", "-journal", ".lock", ".part", ".draft")
_MADE_AGAIN: Final = {"work.json", "backup.json", ".work.lock", ".demo-lock", ".leader", ".fetching"}


def make_backup(
    settings: Settings, folder: Path, passphrase: bytes | None, at: datetime, *, servers: bool = True
) -> tuple[Path, Manifest]:
    """Make a backup in a new folder below `folder`. Return the new folder and its manifest.

    Without `passphrase`, keys and secrets are left out. Without `servers`, stores on servers are left out. Files that
    did not change since the last backup there are linked to it. Raises BackupError, and leaves nothing behind, if a
    part cannot be read back as it was written.
    """
    target = folder / at.strftime("%Y%m%dT%H%M%SZ")
    draft = folder / f".{target.name}.draft"
    if target.exists():
        raise BackupError(f"{target} is there already", "wait a second")
    make_private_folder(folder)
    draft.mkdir(mode=0o700)
    try:
        manifest = _fill(settings, draft, _last(folder), passphrase, at, servers=servers)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    write_note(settings.var, BackupNote(to_epoch(at), str(target)))
    return target, manifest


def _fill(
    settings: Settings, draft: Path, last: Path | None, passphrase: bytes | None, at: datetime, *, servers: bool
) -> Manifest:
    files = _copied(settings, draft, last)
    tables = {f"{one.root}/{one.path}": table_versions(draft / one.root / one.path) for one in files if one.database}
    for store in server_stores(settings) if servers else ():
        path = draft / ROOT / store.file
        make_private_folder(path.parent)
        tables[f"{ROOT}/{store.file}"] = save_store(settings, store, path)
        files.append(BackedUp(ROOT, store.file, path.stat().st_size, sha256_of(path)))
    if passphrase is not None:
        write_private(draft / SEALED, seal(secrets_of(settings), passphrase))
    state = CheckpointPlace(settings.log_checkpoint).read()
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        made_at=to_epoch(at),
        issuer=load_programme(settings.programme).issuer,
        files=tuple(files),
        tables=tables,
        log_size=None if state is None else state.size,
        elsewhere=() if servers else tuple(sorted(store.name for store in server_stores(settings))),
    )
    write_private(draft / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    check_backup(draft)
    return manifest


def _copied(settings: Settings, draft: Path, last: Path | None) -> list[BackedUp]:
    """Copy or link every file of this machine, databases last. Return the content of the draft."""
    before = {} if last is None else {(one.root, one.path): one for one in read_manifest(last).files}
    files: list[BackedUp] = []
    sources = list(_sources(settings))
    for root, below, source in sorted(sources, key=lambda one: is_database(one[2])):
        copy = draft / root / below
        make_private_folder(copy.parent)
        known = before.get((root, below.as_posix()))
        linked = last is not None and known is not None and _link(last / root / below, source, copy)
        if not linked:
            _copy(source, copy)
        size, digest = copy.stat().st_size, known.sha256 if linked and known else sha256_of(copy)
        files.append(BackedUp(root, below.as_posix(), size, digest, is_database(copy)))
    return files


def _sources(settings: Settings) -> Iterator[tuple[str, Path, Path]]:
    """Yield the root, the path below it, and the file of everything to back up, without secrets."""
    secret = {path.resolve() for path in secrets_of(settings)}
    for root, folder in roots(settings).items():
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or path.name in _MADE_AGAIN or path.name.endswith(_LEFT_OUT):
                continue
            if not secret.isdisjoint({path.resolve(), *path.resolve().parents}):
                continue
            yield root, path.relative_to(folder), path


def _link(old: Path, source: Path, copy: Path) -> bool:
    """Link a file that did not change since the last backup. Return False for a changed file and if linking fails."""
    try:
        was, now = old.stat(), source.stat()
        if is_database(source) or (was.st_size, was.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            return False
        os.link(old, copy)
    except OSError:
        return False
    return True


def _copy(source: Path, copy: Path) -> None:
    if is_database(source):
        copy_sqlite(source, copy)
        return
    status = source.stat()
    write_private(copy, source.read_bytes())
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def write_private(path: Path, data: bytes) -> None:
    """Write a file for its owner alone. It is durable on return."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def is_database(path: Path) -> bool:
    """Return whether a file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _last(folder: Path) -> Path | None:
    """Return the newest readable backup in a folder, or None."""
    for path in sorted(folder.glob("*Z"), reverse=True):
        if (path / MANIFEST).exists():
            return path
    return None


def read_manifest(backup: Path) -> Manifest:
    """Return a backup's manifest. Raises BackupError for a folder that is no backup, or for a backup of a newer
    release.
    """
    try:
        found = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupError(f"{backup} is no backup", "name the folder that holds manifest.json") from None
    except (OSError, *UNREADABLE) as error:
        raise BackupError(f"{backup} cannot be read: {error}", "take another backup") from None
    if found.format != FORMAT or found.version > VERSION:
        raise BackupError(f"{backup} was made by a newer release", "restore it with that release")
    return found


def check_backup(backup: Path) -> Manifest:
    """Read a whole backup and compare each part with the manifest; BackupError names the first part that differs."""
    manifest = read_manifest(backup)
    for one in manifest.files:
        path = backup / one.root / one.path
        if not path.is_file() or path.stat().st_size != one.size or sha256_of(path) != one.sha256:
            raise BackupError(f"{one.root}/{one.path} is not what was backed up", "take another backup")
        if one.database and (fault := sqlite_fault(path)) is not None:
            raise BackupError(f"{one.root}/{one.path} is damaged: {fault}", "check the disk, then back up again")
        if one.root == ROOT:
            check_saved(path)
    return manifest
