"""The two commands of `python -m ops` that protect data: backup and restore."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from cards.programme.load import ProgrammeError
from edge.cli import Refusal, emit, json_option
from edge.clock import SystemClock
from edge.instants import from_epoch, rfc3339
from edge.settings import load_settings
from ops.backup import check_backup, make_backup
from ops.manifest import SEALED, BackupError, Manifest
from ops.restore import restore as restore_backup

CLOCK: Final = SystemClock()
SHORTEST: Final = 16
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_SEAL: Final = click.option(
    "--seal-with",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the passphrase of the sealed keys, 16 characters or more. Keep it apart from the backups.",
)


@click.command()
@click.argument("folder", type=_FOLDER)
@_SEAL
@click.option("--without-keys", is_flag=True, help="Leave out keys and secrets, because they are kept in another way.")
@click.option(
    "--without-servers",
    is_flag=True,
    help="Leave out stores on PostgreSQL and Redis, because their servers are backed up.",
)
@click.option(
    "--check", is_flag=True, help="Make no backup: read the backup FOLDER and compare each part with its manifest."
)
@json_option
def backup(
    folder: Path, *, seal_with: Path | None, without_keys: bool, without_servers: bool, check: bool, as_json: bool
) -> None:
    """Make a backup of this machine in a new folder below FOLDER, while the service runs, and read it again.

    It holds the ledger, the register, the accounts, the verifier's store, the log, documents and attachments. Keys and
    secrets are sealed in a separate file. Stores on PostgreSQL (by pg_dump) and on Redis are saved too, each as of one
    moment. Only the owner can read the files. A file that did not change since the last backup there is linked to that
    backup.
    """
    settings = load_settings(os.environ)
    with _refusals():
        if check:
            _tell(folder, check_backup(folder), as_json=as_json)
            return
        if not settings.var.is_dir():
            raise BackupError(f"there is no folder {settings.var}", "YUNJU_VAR may be mistyped")
        if (seal_with is None) != without_keys:
            raise click.UsageError("give either --seal-with FILE or --without-keys")
        servers = not without_servers
        made, manifest = make_backup(settings, folder, _passphrase(seal_with), CLOCK.now(), servers=servers)
    _tell(made, manifest, as_json=as_json)


@click.command()
@click.argument("folder", type=_FOLDER)
@_SEAL
@json_option
def restore(folder: Path, *, seal_with: Path | None, as_json: bool) -> None:
    """Restore the backup FOLDER on an empty machine, by the settings here. Existing data are never replaced.

    Start the services afterwards. The log's witnesses then show whether the log had grown beyond the backup.
    """
    with _refusals():
        manifest = restore_backup(load_settings(os.environ), folder, _passphrase(seal_with))
    _tell(folder, manifest, as_json=as_json)


def _tell(folder: Path, manifest: Manifest, *, as_json: bool) -> None:
    sealed = (folder / SEALED).exists()
    size = sum(one.size for one in manifest.files)
    lines = [f"{folder}: {len(manifest.files)} files, {size} bytes, of {rfc3339(from_epoch(manifest.made_at))}"]
    lines.append("keys and secrets are sealed in it" if sealed else "no keys and no secrets are in it")
    lines += [
        f"the {name} lies on a server and was left out: back it up there, at the same time"
        for name in manifest.elsewhere
    ]
    told = {
        "folder": str(folder),
        "files": len(manifest.files),
        "bytes": size,
        "made_at": rfc3339(from_epoch(manifest.made_at)),
        "log_size": manifest.log_size,
        "sealed": sealed,
        "elsewhere": list(manifest.elsewhere),
    }
    emit(told, as_json, "\n".join(lines))


def _passphrase(path: Path | None) -> bytes | None:
    if path is None:
        return None
    if path.stat().st_mode & 0o077:
        raise BackupError(f"{path} can be read by others", f"chmod 600 {path}")
    found = path.read_bytes().strip()
    if len(found) < SHORTEST:
        raise BackupError(f"{path} holds fewer than {SHORTEST} characters", "take a longer passphrase")
    return found


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except BackupError as error:
        raise Refusal(str(error), error.hint) from None
    except ProgrammeError as error:
        raise Refusal(str(error), "YUNJU_PROGRAMME names the programme's file") from None
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}", "see that the folder is there and has room") from None
