"""The accounts' own database, and the counter that tells this process to forget remembered rows. Knows no rule."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection

from edge.database import Database

ROOM: Final = "accounts"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


class AccountsDatabase:
    """One database of accounts. It reads and writes as `edge.database.Database` promises.

    `revision` grows whenever this process takes a right away, so that remembered rows are read again at once.
    """

    def __init__(self, url: str) -> None:
        self._database = Database.open(url, room=ROOM, migrations=MIGRATIONS)
        self.revision = 0

    def read(self) -> AbstractContextManager[Connection]:
        """Return one consistent view of the data."""
        return self._database.read()

    def write(self) -> AbstractContextManager[Connection]:
        """Return one transaction. It is durable when the block ends, and undone if the block raises."""
        return self._database.write()

    def migrate(self) -> None:
        """Bring the tables to this release."""
        self._database.migrate()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
