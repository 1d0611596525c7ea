"""The published folder: files that verifiers read, each replaced whole. A reader sees the old text or the new one."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUNDLE_FILE: Final = "trust-bundle.jwt"
JWKS_FILE: Final = "jwks.json"
ROOT_FILE: Final = "root.jwk"
PROGRAMME_FILE: Final = "programme.toml"
MARKS_FILE: Final = "holder-marks.jwt"
LISTS_FOLDER: Final = "status-lists"
BINDINGS_FOLDER: Final = "binding-lists"
_MODE: Final = 0o644  # signed documents for everybody's eyes; holder marks name holders by random ids alone


def list_file(number: int) -> str:
    """Return the name of status list `number` within the folder."""
    return f"{LISTS_FOLDER}/{number}.jwt"


def bindings_file(number: int) -> str:
    """Return the name of the binding list of status list `number` within the folder."""
    return f"{BINDINGS_FOLDER}/{number}.jwt"


@contextmanager
def publishing(folder: Path) -> Iterator[None]:
    """Make the folder if need be and hold it against other publishers; freed by the system when a process dies."""
    for name in (LISTS_FOLDER, BINDINGS_FOLDER):
        (folder / name).mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _sweep(folder)
        yield
    finally:
        os.close(handle)


def replace_file(folder: Path, name: str, content: bytes) -> bool:
    """Give a file its new content, whole and durable when this returns; tell whether it had another."""
    path = folder / name
    if read_file(folder, name) == content:
        return False
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    temporary.replace(path)
    _sync(path.parent)
    return True


def read_file(folder: Path, name: str) -> bytes | None:
    """Return a published file's content, None where there is none."""
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        return None


def _sweep(folder: Path) -> None:
    # What a publisher that died left behind; under the lock nobody else is writing.
    for place in (folder, folder / LISTS_FOLDER, folder / BINDINGS_FOLDER):
        for leftover in place.glob(".*.????????????????"):
            leftover.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
