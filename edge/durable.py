"""Files that are replaced whole: a crash leaves the old content or the new, and what was told is on the disk."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Give a file its new content, durable when this returns; the folder is made where it is missing. OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_new(draft, data, mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet, with this mode whatever the process's mask; durable. OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        os.fchmod(handle, mode)
        file.flush()
        os.fsync(handle)


def sync(path: Path) -> None:
    """Make durable what a file holds, or which files a folder lists. OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
