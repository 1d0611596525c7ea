"""Opening the register's database: SQLite (the default) or PostgreSQL, brought to the newest tables. Knows no rule."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

BUSY_SECONDS: Final = 10
VERSION_TABLE: Final = "register_version"
_WRITE_LOCK: Final = 0x59554A52  # any constant of ours: PostgreSQL's advisory lock, one writer at a time as on SQLite
_FOLDER: Final = Path(__file__).parent / "migrations"


class UnusableDatabase(ValueError):
    """The address names no database that the register can use; the message says why."""


class Database:
    """One database of the register. Safe to share between threads; a process opens its own after a fork.

    Writers take turns, on PostgreSQL too: issuing is rare, and every rule may then read before it writes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(register_write=True)

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect to `url` (`sqlite:///file` or `postgresql://…`) and bring its tables up to date."""
        database = cls(_engine(_address(url)))
        database._migrate()
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give one consistent view of the data."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give one transaction, the only one of its time: durable when the block ends, undone when it raises."""
        with self._writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
            yield connection

    def close(self) -> None:
        """Close every connection; call it before a fork and at the end."""
        self._engine.dispose()

    def _migrate(self) -> None:
        config = migration_config()
        newest = ScriptDirectory.from_config(config).get_current_head()
        with self.read() as connection:
            if _revision(connection) == newest:
                return
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def migration_config() -> Config:
    """Return Alembic's configuration for the register; its env.py takes the connection from `attributes`."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    versions = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    return connection.execute(sa.select(versions.c.version_num)).scalar_one_or_none()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        raise UnusableDatabase("the register's address is not of the form sqlite:///file or postgresql://…") from None
    if address.drivername == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    if address.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise UnusableDatabase(f"the register lives in sqlite:///… or postgresql://…, not {address.drivername}")
    if address.drivername.startswith("sqlite") and address.database in {None, "", ":memory:"}:
        raise UnusableDatabase("the register needs a file: several processes and threads share it")
    return address


def _engine(address: URL) -> Engine:
    if not address.drivername.startswith("sqlite"):
        return sa.create_engine(address, pool_pre_ping=True, isolation_level="READ COMMITTED")
    file = Path(str(address.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # before SQLite would make it readable for others; its -wal and -shm take the same mode
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: see _begin_sqlite
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer asks for the lock at once: one that read first would fail, not wait, when another wrote meanwhile.
    writes = connection.get_execution_options().get("register_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
