"""Stores on servers in a backup: a Redis ledger in the form of `ledger export`, and PostgreSQL by its own `pg_dump`.

Both are saved while the service runs, each as of one moment. They are restored only into an empty store.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from edge.database import UnusableDatabase, address_for_clients, database_file, versions_on_server
from edge.settings import Settings
from ledger import moving, moving_file
from ledger.values import LedgerError
from ops.manifest import STORES, BackupError
from verifier.cli.opening import CLOCK, VerifierCli

ROOT: Final = "servers"
"""The folder of a backup for stores on servers."""
LEDGER_FILE: Final = "ledger.jsonl"
_DUMPED: Final = ".pgdump"
_PLACES: Final = Path("/usr/lib/postgresql")
_HINT: Final = "install PostgreSQL's client programs, as new as the server or newer, or leave it out: --without-servers"


@dataclass(frozen=True, slots=True)
class ServerStore:
    """A store on a server, by the name of its setting, and its file in a backup."""

    name: str
    url: str
    file: str


def server_stores(settings: Settings) -> tuple[ServerStore, ...]:
    """Return the stores of these settings on servers. Stores that share one address are saved once."""
    found: dict[str, ServerStore] = {}
    for name in STORES:
        url = getattr(settings, f"{name}_url")
        if database_file(url) is None and url not in found:
            found[url] = ServerStore(name, url, LEDGER_FILE if name == "ledger" else f"{name}{_DUMPED}")
    return tuple(found.values())


def save_store(settings: Settings, store: ServerStore, path: Path) -> dict[str, str]:
    """Write a store to a new file (mode 0600) and read the file again. Return its tables' versions by room.

    Raises BackupError if the store cannot be read, or if a needed program is not installed.
    """
    if store.name == "ledger":
        try:
            with VerifierCli(settings).ledger(store.url, remembering=False) as ledger:
                moving.save(ledger, path)
        except LedgerError as error:
            raise BackupError(f"the ledger cannot be saved: {error}", "see `python -m verifier ledger check`") from None
        return {}
    versions = _versions(store) or {}
    with _new(path) as file:
        _client("pg_dump", store.url, "--format=custom", "--no-owner", "--no-privileges", into=file)
    check_saved(path)
    return versions


def check_saved(path: Path) -> None:
    """Read a saved store to its end. Raises BackupError for a damaged file."""
    if path.name == LEDGER_FILE:
        try:
            with path.open("rb") as file:
                for _ in moving_file.read(file):
                    pass
        except LedgerError as error:
            raise BackupError(f"{ROOT}/{path.name} is damaged: {error}", "take another backup") from None
    elif _program("pg_restore") is not None:  # A machine that only carries backups need not have the program
        _client("pg_restore", None, "--file=/dev/null", str(path))


def require_empty(settings: Settings, store: ServerStore) -> None:
    """Raise BackupError unless a store is empty and can be reached."""
    if store.name == "ledger":
        try:
            with VerifierCli(settings).ledger(store.url, remembering=False, make=True) as ledger:
                taken = bool(ledger.heads())
        except LedgerError as error:
            raise BackupError(f"the ledger cannot be restored: {error}", "start its server") from None
    else:
        taken = _versions(store) is not None
    if taken:
        raise BackupError(f"the {store.name} at its server is not empty", "restore into an empty one")


def load_store(settings: Settings, store: ServerStore, path: Path) -> None:
    """Write a saved store into an empty one, and compare the ledger entry by entry. Raises BackupError if that
    fails.
    """
    if store.name != "ledger":
        _client("pg_restore", store.url, "--no-owner", "--no-privileges", "--single-transaction", str(path))
        return
    try:
        with VerifierCli(settings).ledger(store.url, remembering=False, make=True) as ledger, path.open("rb") as file:
            moving.import_from(file, ledger, CLOCK, lambda _: None)
    except LedgerError as error:
        raise BackupError(f"the ledger was not restored: {error}", "empty its server, then restore again") from None


def _versions(store: ServerStore) -> dict[str, str] | None:
    """Return the versions of a database's tables by room, or None for an empty database."""
    try:
        return versions_on_server(store.url)
    except UnusableDatabase:
        raise BackupError(f"the {store.name}'s server does not answer", "start its server") from None


def _client(program: str, url: str | None, *options: str, into: IO[bytes] | None = None) -> None:
    """Run a client program of PostgreSQL. Its password goes by the environment, where `ps` does not show it."""
    path = _program(program)
    if path is None:
        raise BackupError(f"{program} is missing", _HINT)
    environ, words = dict(os.environ), [str(path), *options]
    if url is not None:
        address, password = address_for_clients(url)
        words.append(f"--dbname={address}")
        if password is not None:
            environ["PGPASSWORD"] = password
    done = subprocess.run(words, env=environ, stdout=into, stderr=subprocess.PIPE, check=False)  # noqa: S603 - as named above
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise BackupError(f"{program} failed: {told[0] if told else done.returncode}", _HINT)


def _program(name: str) -> Path | None:
    """Return the newest installed version of a client program, or None."""
    found = sorted(_PLACES.glob(f"*/bin/{name}"), key=lambda path: _number(path.parent.parent.name))
    if found:
        return found[-1]
    path = shutil.which(name)
    return None if path is None else Path(path)


def _number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0.0


def _new(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
