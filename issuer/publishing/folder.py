"""The published folder: files for verifiers, each replaced as a whole. A reader sees the old text or the new text."""

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
_MODE: Final = 0o644  # Signed documents for everybody. Holder marks name holders by random ids alone


def list_file(number: int) -> str:
    """Return the file name of status list `number` in the folder."""
    return f"{LISTS_FOLDER}/{number}.jwt"


def bindings_file(number: int) -> str:
    """Return the file name of the binding list of status list `number` in the folder."""
    return f"{BINDINGS_FOLDER}/{number}.jwt"


@contextmanager
def publishing(folder: Path) -> Iterator[None]:
    """Make the folder if it is missing, and hold it against other publishers. The system frees it when a process
    dies.
    """
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
    """Give a published file its new content. Return whether the content changed."""
    if read_file(folder, name) == content:
        return False
    replace_file(folder / name, content, mode=_MODE)
    return True


def read_file(folder: Path, name: str) -> bytes | None:
    """Return a published file's content, or None for a missing file."""
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        return None


def _sweep(folder: Path) -> None:
    # Left by a publisher that died. Under the lock, nobody else writes.
    for place in (folder, folder / LISTS_FOLDER, folder / BINDINGS_FOLDER):
        for leftover in place.glob(".*.????????????????"):
            leftover.unlink()
