"""Private files in a private folder: created once, replaced whole, and refused if others may read them.

A writer of the folder can sign as the issuer: the file modes protect it, and this module only checks them.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.durable import replace_file, sync, write_new

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
MAX_FILE_BYTES: Final = 65_536
_OTHERS: Final = 0o077
FileIdentity = tuple[int, ...]
"""Stays equal as long as a file, its mode and its owner are neither replaced nor changed."""


class StoreError(Exception):
    """A key folder cannot be used as asked. `hint` names the remedy. No message holds a secret."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def open_folder(folder: Path) -> None:
    """Create the folder with mode 0700, or check that only its owner may use it. Raises StoreError otherwise."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}", "name a folder that you may write") from None
    _check_private(folder, folder.stat(), "700")


def read_private(path: Path) -> bytes:
    """Return a file's bytes. Raises StoreError if it is missing, a link, another user's, open to others, or huge."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", "restore it from the backup of the key folder"
        ) from None
    with os.fdopen(handle, "rb") as file:
        _check_private(path, os.fstat(handle), "600")
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise StoreError(f"{path} is too large to be one of this store's files", "restore it from the backup")
    return data


def file_identity(path: Path) -> FileIdentity:
    """Return a value that changes if the file is replaced by another of the same name. Raises StoreError if the file is
    missing.
    """
    try:
        status = path.lstat()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", "restore it from the backup") from None
    return (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size)


def create_private(path: Path, data: bytes) -> None:
    """Create a file of mode 0600, whole and durable on return. Raises StoreError, without any change, if it exists."""
    with _writing(path):
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            write_new(temporary, data, FILE_MODE)
            # A hard link fails if the name is taken. So the file is never overwritten, and never seen half written.
            os.link(temporary, path)
        except FileExistsError:
            raise StoreError(f"{path} exists and is never overwritten", "use what is there") from None
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)


def replace_private(path: Path, data: bytes) -> None:
    """Replace a file by a file of mode 0600. A crash leaves the old file or the new file, whole."""
    with _writing(path):
        replace_file(path, data, mode=FILE_MODE)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes while its files change. The system frees it when a process dies."""
    path = folder / ".lock"
    with _writing(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "nothing was lost; see to the disk and its permissions, and try again"
        raise StoreError(f"{path} cannot be written: {error.strerror}", hint) from error


def _check_private(path: Path, status: os.stat_result, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user", "run this as the owner of the key folder")
    if status.st_mode & _OTHERS:
        found = stat.S_IMODE(status.st_mode)
        raise StoreError(f"{path} is open to others (mode {found:04o})", f"chmod {mode} {path}")
