"""A Redis ledger that let go of what its log holds: the sequencer sees to it, and the tiles give every entry back."""

from datetime import timedelta

import pytest

from audit.tree.older import older_leaves
from audit.tree.repair import Logged, survey
from edge.clock import FixedClock
from edge.settings import load_settings
from ledger.redis import RedisLedger, RedisOptions
from ledger.values import LedgerUnavailable, Query
from tests.audit.builders import LogWorld
from tests.ledger.builders import START
from tests.ledger.redis_servers import a_server
from tests.ledger.test_moving import everything, faults, fill
from tests.ledger.test_trimming import streams

pytestmark = pytest.mark.parts


@pytest.fixture
def rig(tmp_path):
    """A server, a full ledger on it that keeps 60 days, and its log, ninety days later."""
    places = {"YUNJU_LOG": str(tmp_path / "log"), "YUNJU_LOG_CHECKPOINT": str(tmp_path / "apart/checkpoint")}
    older = older_leaves(load_settings({"YUNJU_VAR": str(tmp_path), **places}))
    with a_server(tmp_path / "redis") as server:
        clock = FixedClock(START)
        ledger = RedisLedger(RedisOptions(server.url, keep=timedelta(days=60)), clock, older)
        fill(ledger, clock)
        world = LogWorld(tmp_path, ledger)
        world.run()
        clock.advance(timedelta(days=90))
        yield server, ledger, world, clock
        ledger.close()


def test_the_sequencer_trims_behind_what_it_published(rig):
    """Search, export and check are as before; the sequencer goes on where it was."""
    server, ledger, world, clock = rig
    before, found, size = everything(ledger), ledger.entries(Query(limit=100)), streams(server)
    leader = world.sequencer()
    assert leader.trim(clock.now()) == size - streams(server) > 0
    assert everything(ledger) == before
    assert ledger.entries(Query(limit=100)) == found
    assert faults(ledger) == []
    assert leader.step(clock.now()) == 0
    leader.close()
    assert not survey(ledger, Logged(world.home.source(), world.home.index(), world.home.place.read().tree)).partitions
    assert [incident for incident in world.incidents if incident.kind != "late"] == []


def test_an_altered_tile_is_not_taken_for_the_entry(rig):
    """What the tree does not commit to is refused, not shown."""
    _, ledger, world, clock = rig
    entry = min(one.id for one in ledger.entries(Query(limit=100)).entries if one.seq < 3)
    leader = world.sequencer()
    leader.trim(clock.now())
    leader.close()
    (bundle,) = (world.folder / "tile/entries/000.p").iterdir()
    bundle.write_bytes(bundle.read_bytes().replace(b'"point":"gym"', b'"point":"gyn"'))
    with pytest.raises(LedgerUnavailable, match="not in the log on this machine"):
        ledger.entry(entry)
