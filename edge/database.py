"""Opens a room's database, SQLite (the default) or PostgreSQL, and updates its tables. Knows no rule.

A room passes its Alembic folder. The version of its tables is kept in `<room>_version`.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from flask import Flask, Response
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import OperationalError

from edge.http import answer_problem
from edge.instants import from_epoch, to_epoch
from edge.metrics import observe_store_write
from edge.problems import Problem

BUSY_SECONDS: Final = 5
_WAL_TRIES: Final = 100
_MIGRATING_SECONDS: Final = 3600  # Who starts beside a change of tables waits for its end: nobody waits for an answer
_NAMED_REVISION: Final = re.compile(r'^revision(?:: str)? = "([^"]+)"$', re.MULTILINE)
_VERSION: Final = "_version"
_SQLITE: Final = "sqlite:///"
_MIGRATION_LOCK: Final = 0x59554E4A  # Any constant of this product: PostgreSQL's advisory lock while tables change


NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""The names of constraints and indexes, by which migrations find them in either database."""


class InstantColumn(sa.types.TypeDecorator[datetime]):
    """An aware UTC instant, kept as epoch seconds in both SQLite and PostgreSQL."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return what the store keeps."""
        del dialect
        return None if value is None else to_epoch(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the instant that the store kept."""
        del dialect
        return None if value is None else from_epoch(value)


class UnusableDatabase(ValueError):
    """The address names no database that can be used."""


class Database:
    """One database of a room. Safe to share between threads. After a fork, a process opens its own."""

    def __init__(self, engine: Engine, room: str, migrations: Path) -> None:
        self._engine = engine
        self._writing = engine.execution_options(takes_lock=True)
        self._room = room
        self._migrations = migrations

    @classmethod
    def open(cls, url: str, *, room: str, migrations: Path) -> Database:
        """Connect to `url` (`sqlite:///file` or `postgresql://…`) and update its tables.

        `room` names the table that keeps their version; `migrations` is the room's Alembic folder. UnusableDatabase for
        any other address.
        """
        database = cls(_engine(_address(url)), room, migrations)
        database.migrate()
        return database

    def read(self) -> AbstractContextManager[Connection]:
        """Return one consistent view of the data."""
        return self._engine.connect()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Hold one transaction. It is durable when the block ends, and undone if the block raises. On SQLite only one
        runs at a time.
        """
        began = perf_counter()
        try:
            with self._writing.begin() as connection:
                yield connection
        finally:
            observe_store_write(self._room, perf_counter() - began)

    def migrate(self) -> None:
        """Bring the tables to this release, once, however many processes start together.

        Raises UnusableDatabase if the tables are those of a newer release, because they are never changed backwards.
        """
        known = revisions(self._migrations)
        with self.read() as connection:
            found = _revision(connection, version_table(self._room))
        if found == known[-1]:
            return
        if found is not None and found not in known:
            raise UnusableDatabase(
                f"the {self._room}'s tables are of a newer release (version {found}, known here up to {known[-1]}): "
                "run that release, or restore a backup that this one made"
            )
        with self._writing.execution_options(waits_long=True).begin() as connection:
            if connection.dialect.name != "postgresql":
                self._upgrade(connection)
                return
            with _unbounded(connection):
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
                self._upgrade(connection)

    def _upgrade(self, connection: Connection) -> None:
        from alembic import command  # noqa: PLC0415 - tables change once a release; every process would carry it
        from alembic.config import Config  # noqa: PLC0415 - as above

        config = Config()
        config.set_main_option("script_location", str(self._migrations).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["version_table"] = version_table(self._room)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    def close(self) -> None:
        """Close every connection. Call this before a fork and at the end."""
        self._engine.dispose()


@contextmanager
def _unbounded(connection: Connection) -> Iterator[None]:
    """Wait for a server as long as it takes: a change of tables may be long, and nobody waits for an answer."""
    held = connection.connection.driver_connection
    bounded, held.silent_seconds = held.silent_seconds, None  # type: ignore[union-attr] # BoundedConnection
    try:
        yield
    finally:
        held.silent_seconds = bounded  # type: ignore[union-attr] # as above


def absent_file(url: str) -> Path | None:
    """Return the file of an SQLite address if it is missing. Return None if it exists, and for PostgreSQL.

    Opening makes a file. So a command that works on existing data asks first, and a mistyped name makes no empty
    register beside the real one.
    """
    address = make_url(url)
    if not address.drivername.startswith("sqlite") or address.database in {None, "", ":memory:"}:
        return None
    file = Path(str(address.database))
    return None if file.exists() else file


def revisions(migrations: Path) -> tuple[str, ...]:
    """Return the versions of a room's tables, oldest first, by the files of its migrations. Raises ValueError if there
    are none.

    The files are read, not run, and sorted by name: `0007_places.py` follows `0006_matters.py`.
    """
    files = sorted((migrations / "versions").glob("[0-9]*.py"))
    named = [_NAMED_REVISION.search(file.read_text(encoding="utf-8")) for file in files]
    if not named or None in named:
        raise ValueError(f"{migrations} holds a migration without a revision, or none at all")
    return tuple(found[1] for found in named if found)


def version_table(room: str) -> str:
    """Return the name of the table that records which migrations a room's tables have had."""
    return f"{room}{_VERSION}"


def _revision(connection: Connection, table: str) -> str | None:
    if not sa.inspect(connection).has_table(table):
        return None
    found: str | None = connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(table))).scalar()
    return found


def _address(url: str) -> URL:
    address = make_url(url)
    if address.drivername == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    if address.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise UnusableDatabase(f"data lives in sqlite:///… or postgresql://…, not {address.drivername}")
    if address.drivername.startswith("sqlite") and address.database in {None, "", ":memory:"}:
        raise UnusableDatabase("a database needs a file: several processes and threads share it")
    return address


def _engine(address: URL) -> Engine:
    if not address.drivername.startswith("sqlite"):
        return _server_engine(address)
    file = Path(str(address.database))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)  # Before SQLite would make it readable for others. Its -wal and -shm take the same mode
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _server_engine(address: URL) -> Engine:
    """A server that is away, or behind a network that says nothing, is given up in time: a call would wait for ever."""
    engine = sa.create_engine(
        address,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        pool_timeout=BUSY_SECONDS,
        max_overflow=20,
        connect_args={"connect_timeout": BUSY_SECONDS} | address.query,
    )

    def connect(_dialect: Dialect, _record: object, words: Any, named: Any) -> Any:  # noqa: ANN401 - the driver's
        from edge.postgres import BoundedConnection  # noqa: PLC0415 - the driver is an extra, for whoever uses a server

        return BoundedConnection.connect(*words, **named)

    sa.event.listen(engine, "do_connect", connect)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # The driver's own BEGIN comes too late: see _begin_sqlite
    with _cursor(connection) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        _switch_to_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    # If several processes open a new file together, one switches it. SQLite refuses the others without a wait.
    for _ in range(_WAL_TRIES):
        with suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        sleep(BUSY_SECONDS / _WAL_TRIES)
    cursor.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _cursor(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    cursor = connection.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer asks for the lock at once. If it read first, it would fail instead of waiting when another process wrote
    # meanwhile.
    options = connection.get_execution_options()
    begin = "BEGIN IMMEDIATE" if options.get("takes_lock", False) else "BEGIN"
    if not options.get("waits_long", False):
        connection.exec_driver_sql(begin)
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_MIGRATING_SECONDS * 1000}")
    try:
        connection.exec_driver_sql(begin)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def first_use(connection: Connection, table: sa.Table, named: Mapping[str, object], forget_at: object) -> bool:
    """Remember a proof in `table` for all processes. Return whether this is its first time.

    `named` are the columns that distinguish proofs in the table. `forget_at` is the instant in the table's form.
    """
    seen = sa.select(sa.literal(1)).where(*(table.c[column] == value for column, value in named.items()))
    if connection.execute(seen).first() is not None:
        return False
    connection.execute(table.insert().values(**named, forget_at=forget_at))
    return True


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy an SQLite database while others use it: whole, as of one moment, and readable only by the copy's owner."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    address = f"file:{quote(str(source))}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")


def database_file(url: str) -> Path | None:
    """Return the file of an SQLite address, or None for a server's address."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def sqlite_fault(path: Path, *, used: bool = False, whole: bool = True) -> str | None:
    """Return what SQLite finds wrong in a database, or None.

    `used`: others may use the database meanwhile, so only its structure is checked. Without `whole`, only whether
    SQLite opens the file is checked, which takes the same time for every size.
    """
    kind, check = ("", "PRAGMA quick_check(1)") if used else ("&immutable=1", "PRAGMA integrity_check(1)")
    check = check if whole else "SELECT 'ok' FROM sqlite_master LIMIT 1"
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro{kind}", uri=True, timeout=BUSY_SECONDS)
        ) as reading:
            found = str(reading.execute(check).fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else found


def table_versions(path: Path) -> dict[str, str]:
    """Return, for each room, the version of its tables in an SQLite database."""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as reading:
        tables = [str(name) for (name,) in reading.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        versions = {
            name.removesuffix(_VERSION): reading.execute(f'SELECT version_num FROM "{name}"').fetchone()  # noqa: S608
            for name in tables
            if name.endswith(_VERSION)
        }
    return {room: str(row[0]) for room, row in versions.items() if row is not None}


def versions_on_server(url: str) -> dict[str, str] | None:
    """Return, for each room, the version of its tables at a server's address, or None for an empty database.

    Raises UnusableDatabase if the server does not answer.
    """
    engine = sa.create_engine(_address(url), connect_args={"connect_timeout": BUSY_SECONDS})
    try:
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            found = {
                name.removesuffix(_VERSION): _revision(connection, name) for name in tables if name.endswith(_VERSION)
            }
    except OperationalError:
        raise UnusableDatabase("the database's server does not answer") from None
    finally:
        engine.dispose()
    return {room: version for room, version in found.items() if version is not None} if tables else None


def address_for_clients(url: str) -> tuple[str, str | None]:
    """Return a PostgreSQL address in the form of its own programs, without the password, and the password."""
    address = make_url(url).set(drivername="postgresql")
    password = address.password or address.query.get("password")
    shown = address.set(password=None).difference_update_query(["password"])
    return shown.render_as_string(hide_password=False), None if password is None else str(password)


def answer_outages(app: Flask) -> None:
    """Let an application answer 503 `unavailable` while a database is away or busy, and never a plain 500."""

    def unavailable(_: OperationalError) -> Response:
        return answer_problem(Problem("unavailable", retry_after=BUSY_SECONDS))

    app.register_error_handler(OperationalError, unavailable)
