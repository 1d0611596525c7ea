"""`python -m ops restore BACKUP`: puts a backup on an empty machine. The backup is checked before, and the restored
data afterwards.

Existing data are never replaced. The log's witnesses show what the log held beyond the backup: the sequencer signs
nothing while a witness has seen more.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from audit.tree.agreeing import log_agrees
from doctor.tables import newer_tables
from edge.private import make_private_folder
from edge.settings import Settings
from ops.backup import check_backup, write_private
from ops.manifest import SEALED, BackupError, Manifest, roots, secrets_of, unseal
from ops.servers import ROOT, ServerStore, load_store, require_empty, server_stores


def restore(settings: Settings, backup: Path, passphrase: bytes | None) -> Manifest:
    """Put a backup where the settings say, and check the result. Return the manifest.

    Raises BackupError, and writes nothing, for a damaged backup, a backup of a newer release, keys that do not open, or
    a place that is not empty.
    """
    manifest = check_backup(backup)
    _refuse_newer(manifest)
    targets = roots(settings)
    _refuse_taken(settings, manifest, targets)
    sealed = _unsealed(backup, passphrase)
    stores = _stores(settings, manifest)
    for store in stores:
        require_empty(settings, store)
    for one in manifest.files:
        if one.root == ROOT:
            continue
        target = targets[one.root] / one.path
        make_private_folder(target.parent)
        shutil.copyfile(backup / one.root / one.path, target)
        target.chmod(0o600)
    for number, below, content in sealed:
        _put(secrets_of(settings)[number] / below, content)
    for store in stores:
        load_store(settings, store, backup / ROOT / store.file)
    if not log_agrees(settings.log, settings.log_checkpoint):
        raise BackupError("the restored tiles have another root than the checkpoint", "restore another backup")
    return manifest


def _stores(settings: Settings, manifest: Manifest) -> tuple[ServerStore, ...]:
    """Return the stores on servers in the backup. Raises BackupError if the settings here name no such server."""
    held = {one.path for one in manifest.files if one.root == ROOT}
    found = tuple(store for store in server_stores(settings) if store.file in held)
    if missing := held - {store.file for store in found}:
        names = ", ".join(sorted(name.partition(".")[0] for name in missing))
        raise BackupError(f"the backup holds {names} of a server", f"set YUNJU_…_URL of {names} to an empty server")
    return found


def _refuse_newer(manifest: Manifest) -> None:
    """Refuse tables that this release does not know: a newer release may store values that are unreadable here."""
    for name, rooms in manifest.tables.items():
        if (newer := newer_tables(rooms)) is not None:
            raise BackupError(f"{name} holds tables of a newer release ({newer})", "restore it with that release")


def _refuse_taken(settings: Settings, manifest: Manifest, targets: Mapping[str, Path]) -> None:
    files = [one for one in manifest.files if one.root != ROOT]
    missing = {one.root for one in files} - targets.keys()
    if missing:
        names = ", ".join(sorted(missing))
        raise BackupError(
            f"the backup holds {names} apart from YUNJU_VAR", "give the settings that the backed-up machine had"
        )
    taken = [targets[one.root] / one.path for one in files if (targets[one.root] / one.path).exists()]
    taken += [path for path in secrets_of(settings) if path.exists()]
    if taken:
        raise BackupError(f"{taken[0]} is there already", "restore onto an empty folder: nothing is ever replaced")


def _unsealed(backup: Path, passphrase: bytes | None) -> list[tuple[int, Path, bytes | None]]:
    sealed = backup / SEALED
    if not sealed.exists():
        return []
    if passphrase is None:
        raise BackupError("the keys of this backup are sealed", "name the passphrase's file: --seal-with FILE")
    return list(unseal(sealed.read_bytes(), passphrase))


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        make_private_folder(path)
        return
    make_private_folder(path.parent)
    write_private(path, content)
