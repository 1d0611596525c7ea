"""The register: one database, and the keys that seal its secret values. It knows no rule of issuing.

Trust: a reader of the database sees masked names, tiers, card numbers and states, but no full name, identity number,
photo, note, token or code. A writer without the server's secret can neither read a sealed value nor move it to another
row. Such a writer can still end cards or restore ended cards, so the file must belong to the issuer alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from edge.database import Database
from edge.sealing import Sealer, derive, keyed_hash
from issuer.register.codes import normal_code
from issuer.register.errors import RefusedError
from issuer.register.tables import FACTS

_WRITE_LOCK: Final = 0x59554A52  # Any constant of ours: PostgreSQL's advisory lock, one writer at a time as on SQLite
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_CHECK: Final = "secret-check"  # A row of keyed hashes, not a secret


def open_tables(url: str) -> Database:
    """Connect to `url` and update the register's tables."""
    return Database.open(url, room="register", migrations=_MIGRATIONS)


class Register:
    """Holders and cards. Safe to share between threads. After a fork, a process opens its own."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._sealer = Sealer(secret, "register/seal")
        self._hash_key = derive(secret, "register/hash")

    @classmethod
    def open(cls, url: str, secret: bytes) -> Register:
        """Connect to `url` and update the tables. Raises RefusedError if it was made with another secret."""
        register = cls(open_tables(url), secret)
        register._check_secret()
        return register

    def read(self) -> AbstractContextManager[Connection]:
        """Return one consistent view of the data."""
        return self._database.read()

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Give the only transaction of its time. It is durable when the block ends, and undone if the block raises.

        Writers take turns, on PostgreSQL too: issuing is rare, and so every rule may read before it writes.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
            yield connection

    def close(self) -> None:
        """Close every connection. Call this before a fork and at the end."""
        self._database.close()

    def seal(self, value: bytes, place: str) -> bytes:
        """Encrypt a value, bound to one place `table.column:row`."""
        return self._sealer.seal(value, place)

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """Decrypt a value that `seal` made for the same place. Raises edge.sealing.Unsealable if it was altered or
        moved.
        """
        return self._sealer.open(sealed, place)

    def hash(self, kind: str, value: str) -> str:
        """Return the keyed hash (hexadecimal) by which a normalised value of a kind is found."""
        return keyed_hash(self._hash_key, kind, value).hex()

    def code_hash(self, kind: str, code: str) -> str:
        """Return the keyed hash of a typed code."""
        return self.hash(kind, normal_code(code))

    def _check_secret(self) -> None:
        expected = self.hash(_CHECK, "")
        with self.read() as connection:
            found = _fact(connection)
        if found is None:
            with self.change() as connection:
                found = _fact(connection)
                if found is None:
                    connection.execute(FACTS.insert().values(name=_CHECK, value=expected))
                    found = expected
        if found != expected:
            raise RefusedError(
                "the register was made with another secret",
                "restore the secret file from the same backup as the register",
            )


def _fact(connection: Connection) -> str | None:
    return connection.execute(sa.select(FACTS.c.value).where(FACTS.c.name == _CHECK)).scalar_one_or_none()
