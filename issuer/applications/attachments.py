"""The folder of attachments. Each file is sealed under the server's secret and bound to its name, a random id.

Trust: a reader of the folder sees the number, size and time of the files, and nothing else. A name never comes from a
client. A writer of the folder can remove papers, but cannot put one paper in the place of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.durable import replace_file
from edge.ids import new_id
from issuer.register.database import Register
from issuer.register.errors import RefusedError

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


class Attachments:
    """Sealed files with random names in one folder. The register's seal binds each file to its name."""

    def __init__(self, folder: Path, register: Register) -> None:
        self._folder = folder
        self._register = register

    def keep(self, data: bytes) -> str:
        """Write a sealed file and return its name. The file is durable when this returns."""
        name = new_id()
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, self._register.seal(data, f"attachment:{name}"))
        return name

    def open(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises RefusedError if the file is missing, Unsealable if it was altered or moved.
        """
        try:
            sealed = self._path(name).read_bytes()
        except OSError:
            raise RefusedError("the file is gone", "restore the folder of attachments from its backup") from None
        return self._register.unseal(sealed, f"attachment:{name}")

    def remove(self, name: str) -> None:
        """Remove a file. Nothing happens if there is none."""
        with suppress(FileNotFoundError):
            self._path(name).unlink()

    def names(self) -> Iterator[str]:
        """Yield the name of every file that is kept."""
        return (path.name for path in self._folder.glob("??/*") if _NAME.fullmatch(path.name))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise RefusedError("there is no such file", "open it from its application")
        return self._folder / name[:2] / name
