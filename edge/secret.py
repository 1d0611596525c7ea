"""The server's secret for keyed hashes, and text that must not appear in a repr or a traceback."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

_BYTES = 32
_SHORTEST = 32


class SecretError(ValueError):
    """The secret is missing, too short or readable by others. The message names the remedy."""


class Secret:
    """A text that is shown only on request."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


def read_or_make_secret(path: Path) -> bytes:
    """Return the bytes of a secret file. If it is absent, make it (random, mode 0600).

    Workers that start together get the same secret. Raises SecretError if others may read it, or it is too short.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
        return _read(path)


def read_secret(path: Path, shortest: int = 16) -> bytes:
    """Return the bytes of a secret file that somebody else made. Raises SecretError if others may read it, or it is too
    short.
    """
    return _read(path, shortest)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link fails where a rename would replace: the first of several workers wins, with the whole file.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path, shortest: int = _SHORTEST) -> bytes:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise SecretError(f"{path} can be read by others; run `chmod 600 {path}`")
        secret = file.read().strip()
    if len(secret) < shortest:
        raise SecretError(f"{path} holds fewer than {shortest} characters")
    return secret
