"""A room's database: made once, brought up to date, one writer at a time, an outage answered with 503."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Response

from edge import database as edge_database
from edge.clock import FixedClock
from edge.database import Database, UnusableDatabase, answer_outages, revisions, version_table
from edge.http import create_frame, draw_problems

ROOT = Path(__file__).resolve().parents[2]
ENV = """
from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], version_table=given["version_table"])
with context.begin_transaction():
    context.run_migrations()
"""
BASELINE = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("numbers", sa.Column("n", sa.Integer, primary_key=True))
"""
NUMBERS = sa.table("numbers", sa.column("n"))


@pytest.fixture
def migrations(tmp_path):
    """A room's Alembic folder with one table."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "versions" / "0001_baseline.py").write_text(BASELINE)
    return folder


@pytest.fixture
def database(tmp_path, migrations):
    """An open database."""
    opened = Database.open(f"sqlite:///{tmp_path}/room.db", room="room", migrations=migrations)
    yield opened
    opened.close()


def test_opening_twice_changes_nothing(tmp_path, migrations, database):
    """The version stands in the room's own table, so that two rooms may share a database."""
    with database.write() as connection:
        connection.execute(NUMBERS.insert().values(n=1))
    again = Database.open(f"sqlite:///{tmp_path}/room.db", room="room", migrations=migrations)
    with again.read() as connection:
        assert connection.execute(sa.select(NUMBERS.c.n)).scalars().all() == [1]
        assert sa.inspect(connection).has_table(version_table("room"))
    again.close()


def test_tables_of_a_newer_release_are_refused_with_the_remedy(tmp_path, migrations, database):
    """An older release would read what it does not understand; nothing is ever changed backwards."""
    with database.write() as connection:
        connection.execute(sa.text("UPDATE room_version SET version_num = '0002'"))
    with pytest.raises(UnusableDatabase, match=r"newer release .*restore a backup"):
        Database.open(f"sqlite:///{tmp_path}/room.db", room="room", migrations=migrations)


@pytest.mark.parametrize("room", ["accounts", "audit", "issuer/register", "verifier/records"])
def test_the_newest_version_is_what_the_migrations_library_finds(room):
    """The files are read without that library, which every process would carry."""
    config = Config()
    config.set_main_option("script_location", f"{ROOT / room}/migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert revisions(ROOT / room / "migrations")[-1] == scripts.get_current_head()
    assert set(revisions(ROOT / room / "migrations")) == {script.revision for script in scripts.walk_revisions()}


def test_a_migration_without_a_revision_is_found(migrations):
    """A mistake of ours, told before anything is opened."""
    (migrations / "versions" / "0002_lost.py").write_text("down_revision = '0001'\n")
    with pytest.raises(ValueError, match="without a revision"):
        revisions(migrations)


def test_the_file_is_its_owners_alone(tmp_path, database):
    """Personal data lies in it: mode 0600 from the first moment."""
    assert (tmp_path / "room.db").stat().st_mode & 0o777 == 0o600


def test_a_write_that_raises_leaves_nothing(database):
    """All or nothing."""

    def write_and_fail():
        with database.write() as connection:
            connection.execute(NUMBERS.insert().values(n=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read() as connection:
        assert connection.execute(sa.select(NUMBERS.c.n)).first() is None


def test_two_writers_wait_for_each_other(database):
    """Read, then write, in parallel: no update is lost and nobody fails."""

    def count():
        for _ in range(20):
            with database.write() as connection:
                last = connection.execute(sa.select(sa.func.max(NUMBERS.c.n))).scalar() or 0
                connection.execute(NUMBERS.insert().values(n=last + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.max(NUMBERS.c.n))).scalar() == 80


def test_who_starts_while_another_changes_the_tables_waits_for_its_end(tmp_path, migrations, monkeypatch):
    """However long that takes: a web worker that gives up ends the whole server. Calls wait no longer than before."""
    monkeypatch.setattr(edge_database, "BUSY_SECONDS", 0)
    url, found = f"sqlite:///{tmp_path}/room.db", []

    def start() -> None:
        try:
            found.append(Database.open(url, room="room", migrations=migrations))
        except sa.exc.OperationalError as error:
            found.append(error)

    with closing(sqlite3.connect(tmp_path / "room.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        starting = threading.Thread(target=start)
        starting.start()
        starting.join(0.5)
        assert found == []
        other.execute("COMMIT")
        starting.join()
        (opened,) = found
        assert isinstance(opened, Database), opened
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sa.exc.OperationalError), opened.write():
            pass
        other.execute("ROLLBACK")
    opened.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_addresses_of_no_use_are_refused(url, migrations):
    """Memory cannot be shared by processes, and other databases were never tried."""
    with pytest.raises(UnusableDatabase):
        Database.open(url, room="room", migrations=migrations)


def test_an_outage_is_a_503_with_retry_after(tmp_path):
    """The client hears that it is not its fault, and when to come again."""
    app = create_frame("outage", clock=FixedClock(datetime(2026, 1, 1, tzinfo=UTC)))
    answer_outages(app)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/absent/room.db")

    @app.get("/read")
    def read():
        with engine.connect() as connection:
            return str(connection.execute(sa.text("SELECT 1")).scalar())

    response = app.test_client().get("/read")
    assert (response.status_code, response.json["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    draw_problems(app, lambda problem: Response(f"<p>{problem.code}</p>", problem.status))
    page = app.test_client().get("/read", headers={"Accept": "text/html"})
    assert (page.status_code, page.text) == (503, "<p>unavailable</p>"), "a browser sees a page"
    assert int(page.headers["Retry-After"]) > 0
