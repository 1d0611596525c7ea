"""The published folder: files that verifiers read, each replaced whole. A reader sees the old text or the new one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.durable import replace_file

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


def replace_published(folder: Path, name: str, content: bytes) -> bool:
    """Give a published file its new content; tell whether it had another."""
    if read_file(folder, name) == content:
        return False
    replace_file(folder / name, content, mode=_MODE)
    return True


def read_file(folder: Path, name: str) -> bytes | None:
    """Return a published file's content, None for a missing file."""
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        return None


def _sweep(folder: Path) -> None:
    # What a publisher that died left behind; under the lock nobody else is writing.
    for place in (folder, folder / LISTS_FOLDER, folder / BINDINGS_FOLDER):
        for leftover in place.glob(".*.????????????????"):
            leftover.unlink()
