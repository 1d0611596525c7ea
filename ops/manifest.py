"""The manifest of a backup: the origin of each file, its hash, the versions of the tables, the log's size.

Keys and secrets are no files of the backup: they are sealed in a separate file, which only a passphrase opens.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from edge.database import database_file
from edge.settings import Settings

FORMAT: Final = "yunju-backup"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SEALED: Final = "keys.sealed"
_MAGIC: Final = b"yunju-keys-1\n"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SCRYPT_COST: Final = 2**15
STORES: Final = ("ledger", "register", "accounts", "verifier")
"""The stores with a setting for their address, `YUNJU_…_URL`."""


class BackupError(Exception):
    """A backup cannot be made, read or restored. `hint` names the remedy."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class BackedUp(msgspec.Struct, frozen=True):
    """One file: its root, its path below the root, size, SHA-256 (hexadecimal), and whether it is a database."""

    root: str
    path: str
    size: int
    sha256: str
    database: bool = False


class Manifest(msgspec.Struct, frozen=True):
    """Everything that a restore needs to know.

    `tables`: the versions of the rooms in each database, by file name. `elsewhere`: stores on servers that were left
    out.
    """

    format: str
    version: int
    made_at: int
    issuer: str
    files: tuple[BackedUp, ...]
    tables: Mapping[str, Mapping[str, str]]
    log_size: int | None
    elsewhere: tuple[str, ...]


def roots(settings: Settings) -> dict[str, Path]:
    """Return the folders that a backup holds, by name: YUNJU_VAR, and folders that other settings place elsewhere."""
    found = {"var": settings.var}
    for name in ("log", "published", "attachments"):
        if not _within(getattr(settings, name), settings.var):
            found[name] = getattr(settings, name)
    if not _within(settings.log_checkpoint, settings.var):
        found["log_checkpoint"] = settings.log_checkpoint.parent
    for name in STORES:
        file = database_file(getattr(settings, f"{name}_url"))
        if file is not None and not _within(file, settings.var):
            found[name] = file.parent
    return found


def secrets_of(settings: Settings) -> tuple[Path, ...]:
    """Return the files to seal separately: the keys' folder and passphrase, the server's secret, the issuer's token."""
    found = [settings.keys, settings.secret_file, settings.issuer_token_file]
    return (*found, settings.keys_passphrase_file) if settings.keys_passphrase_file else tuple(found)


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(paths: Iterable[Path], passphrase: bytes) -> bytes:
    """Return files and folders as one sealed block. Each is named by its position in `paths`, not by its own path."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, path in enumerate(paths):
            if path.exists():
                archive.add(path, arcname=str(number), recursive=True)
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, packed.getvalue(), _MAGIC)
    return _MAGIC + salt + nonce + sealed


def unseal(data: bytes, passphrase: bytes) -> Iterator[tuple[int, Path, bytes | None]]:
    """Yield what was sealed: the number of its position, the path below it, and its bytes (None for a folder).

    Raises BackupError for another passphrase, or for a block that was changed.
    """
    if not data.startswith(_MAGIC):
        raise BackupError(f"{SEALED} is no sealed block of this format", "take the file of the backup itself")
    salt, rest = data[len(_MAGIC) :][:_SALT_BYTES], data[len(_MAGIC) + _SALT_BYTES :]
    try:
        packed = AESGCM(_key(passphrase, salt)).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _MAGIC)
    except InvalidTag:
        raise BackupError("the keys do not open", "name the file of the passphrase they were sealed with") from None
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            number, _, below = member.name.partition("/")
            if not number.isdigit() or ".." in below.split("/"):
                raise BackupError("the sealed keys hold a name of another form", "take another backup")
            content = archive.extractfile(member)
            yield int(number), Path(below), None if content is None else content.read()


def _key(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_COST, r=8, p=1).derive(passphrase)
