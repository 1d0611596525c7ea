"""Every row with an expiry is erased after its time, by the work process, table by table; no table can be forgotten."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from edge.database import Database
from edge.instants import to_epoch
from ops.jobs import open_jobs
from tests.verifier.world import SECRET, World
from tests.web.site import MovedClock, Site
from verifier.records.store import MIGRATIONS, VerifierStore
from verifier.records.sweeping import EXPIRIES
from verifier.records.tables import METADATA

EXPIRY_NAMES = {"erase_at", "expires_at", "forget_at"}


@pytest.fixture
def world(tmp_path):
    """A verifier."""
    made = World(tmp_path)
    yield made
    made.close()


def filled(column: sa.Column, value: int) -> dict[str, object]:
    """A row of a column's table, with something in every column that needs a value."""
    row = {}
    for one in column.table.columns:
        if one is column:
            row[one.name] = value
        elif isinstance(one.type, sa.LargeBinary):
            row[one.name] = b"x"
        elif isinstance(one.type, sa.String):
            row[one.name] = "x"
        else:
            row[one.name] = 1
    return row


def test_every_column_that_says_when_a_row_is_over_is_swept():
    """A new table with an expiry fails here until its sweep is told."""
    named = {column for table in METADATA.sorted_tables for column in table.columns if column.name in EXPIRY_NAMES}
    assert len(named) >= 6
    assert named <= {column for column, _ in EXPIRIES}


@pytest.mark.parametrize(("column", "kept"), EXPIRIES, ids=[column.table.name for column, _ in EXPIRIES])
def test_a_row_that_is_over_goes_and_one_that_is_not_stays(world, column, kept):
    """At the second after its end and what it is kept beyond that, not before."""
    database = Database.open(f"sqlite:///{world.folder}/verifier.db", room="verifier", migrations=MIGRATIONS)
    ends = world.clock.now() + timedelta(days=1)
    with database.write() as connection:
        connection.execute(column.table.insert().values(filled(column, to_epoch(ends))))
    rows = sa.select(sa.func.count()).select_from(column.table)

    def left() -> int:
        with database.read() as connection:
            return connection.execute(rows).scalar()

    world.verifier.store.sweep(ends + kept)
    assert left() == 1
    world.verifier.store.sweep(ends + kept + timedelta(seconds=1))
    assert left() == 0
    database.close()


def test_a_voids_note_is_erased_thirty_days_later_by_the_job(tmp_path):
    """The job of the work process, by its own settings: what nobody calls erases nothing."""
    site = Site(tmp_path)
    try:
        store = VerifierStore.open(site.settings.verifier_url, site.settings.secret())
        store.keep_note("entry-1", "家属代述", site.clock.now())
        store.keep_note("entry-2", "今日", site.clock.now() + timedelta(days=20))
        later = MovedClock(site.clock.now() + timedelta(days=31))
        site.clock.advance(timedelta(days=31))
        site.publish()
        with open_jobs(site.settings, later) as jobs:
            (sweep,) = [job for job in jobs if job.name == "records"]
            sweep.once()
        assert (store.note("entry-1"), store.note("entry-2")) == (None, "今日")
        store.close()
    finally:
        site.close()


def test_expired_cards_are_no_longer_tried(world):
    """Two years of weekly refreshes cost a wallet's call no more than one card."""
    store = VerifierStore.open(f"sqlite:///{world.folder}/verifier.db", SECRET)
    card = world.card("gold")
    store.remember_cards([(card.token, card.claims)])
    before, after = card.claims.expires_at - timedelta(seconds=1), card.claims.expires_at
    assert store.cards_of(card.claims.subject, before) == [card.token]
    assert store.cards_of(card.claims.subject, after) == []
    store.close()
