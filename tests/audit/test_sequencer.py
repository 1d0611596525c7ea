"""The sequencer: everything once and in order, restartable, one leader, and no signature where anything contradicts."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from audit.evidence.chains import LogFinding
from audit.evidence.checking import check_tiles
from audit.tree.place import LostSwap
from audit.tree.sequencer import NotLeader, Unsafe, adopt
from audit.tree.tiles import FolderSource, Tree
from audit.tree.tilewriter import TilesDiffer
from edge.clock import FixedClock
from keys.merkle import root_of
from keys.notes import Checkpoint, open_checkpoint
from ledger.leaf import decode, leaf_hash
from ledger.sqlite import SqliteLedger
from tests.audit.builders import ORIGIN, START, START_MS, FeedLedger, LogWorld, a_leaf, a_published_log
from tests.ledger.builders import START as LEDGER_START
from tests.ledger.builders import a_gym_visit


def checkpoint_of(world: LogWorld) -> Checkpoint:
    """The published checkpoint, its signature verified."""
    state = world.home.place.read()
    assert (world.folder / "checkpoint").read_text() == state.checkpoint
    return open_checkpoint(state.checkpoint, world.keys).checkpoint


def logged(world: LogWorld) -> list:
    """The leaves of the published log; its root must be the checkpoint's."""
    checkpoint = checkpoint_of(world)
    entries = list(Tree(FolderSource(world.folder), checkpoint.size).entries())
    assert root_of(leaf_hash(entry) for entry in entries) == checkpoint.root
    return [decode(entry) for entry in entries]


def by_partition(leaves: list) -> dict[int, list[int]]:
    """The seqs of each partition as the log has them."""
    found: dict[int, list[int]] = {}
    for leaf in leaves:
        found.setdefault(leaf.partition, []).append(leaf.seq)
    return found


def test_every_entry_is_in_the_log_once_and_in_its_partitions_order(tmp_path):
    """Several steps, several leaders, thousands of entries."""
    world = LogWorld(tmp_path)
    for count in (1, 300, 0, 2500, 40):
        world.feed.add(count, partitions=11)
        world.run()
    found = by_partition(logged(world))
    assert {partition: len(seqs) for partition, seqs in found.items()} == world.feed.heads()
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in found.values())
    assert [incident.kind for incident in world.incidents] == ["late"] * 4


def test_an_empty_log_has_a_checkpoint_too(tmp_path):
    """Witnesses and monitors can begin before the first entry."""
    world = LogWorld(tmp_path)
    assert world.run() == 0
    assert checkpoint_of(world).size == 0


def test_a_real_ledger_is_followed(tmp_path):
    """Check-ins through the SQLite ledger are in the tree after one step, each with the hash that was promised."""
    clock = FixedClock(LEDGER_START)
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    world = LogWorld(tmp_path, ledger)
    world.now = LEDGER_START + timedelta(seconds=1)
    promised = {ledger.check_in(a_gym_visit(holder=f"holder-{number:015d}")).leaf_hash for number in range(50)}
    assert world.run() == 50
    tree = Tree(FolderSource(world.folder), 50)
    assert {tree.node(0, index) for index in range(50)} == promised
    assert world.incidents == []
    ledger.close()


def test_a_second_leader_waits_its_turn(tmp_path):
    """One process leads; the next may when it has ended."""
    world = LogWorld(tmp_path)
    leader = world.sequencer()
    with pytest.raises(NotLeader):
        world.sequencer()
    leader.close()
    world.sequencer().close()


def test_a_leader_that_lost_its_lock_unnoticed_cannot_publish(tmp_path):
    """The lock is gone (a network file system forgot it): the epoch still stops the older one."""
    world = LogWorld(tmp_path)
    world.feed.add(10)
    old = world.sequencer()
    (world.folder / ".leader").unlink()
    new = world.sequencer()
    with pytest.raises(LostSwap):
        old.step(world.now)
    world_size_before = checkpoint_of(world).size
    assert world_size_before == 0
    assert new.step(world.now) == 10  # the very same entries in the same order: the files agree
    assert len(logged(world)) == 10
    old.close()
    new.close()


def test_a_stale_leaders_tiles_never_replace_published_ones(tmp_path):
    """It wakes after the new leader has published other entries in that place, and is stopped at the file."""
    world = LogWorld(tmp_path)
    world.feed.add(10)
    old = world.sequencer()
    (world.folder / ".leader").unlink()
    theirs = FeedLedger()
    theirs.add(10, partitions=3)
    other = replace_feed(world, theirs)
    new = other.sequencer()
    assert new.step(world.now) == 10
    before = checkpoint_of(world)
    with pytest.raises(TilesDiffer):
        old.step(world.now)
    assert checkpoint_of(world) == before
    assert len(logged(world)) == 10
    old.close()
    new.close()


def replace_feed(world: LogWorld, feed: FeedLedger) -> LogWorld:
    """The same home and keys with another ledger behind."""
    other = object.__new__(LogWorld)
    other.__dict__.update(world.__dict__)
    other.feed = feed
    return other


def test_tiles_restored_from_an_older_backup_are_not_signed_for(tmp_path):
    """The place remembers more than the tiles hold."""
    world = a_published_log(tmp_path, 400)
    shutil.copytree(world.folder, tmp_path / "backup")
    world.feed.add(400)
    world.run()
    shutil.rmtree(world.folder)
    shutil.copytree(tmp_path / "backup", world.folder)
    with pytest.raises(Unsafe, match="do not match"):
        world.sequencer()
    assert world.home.place.read().size == 800


def test_a_restored_place_is_found_out_by_the_witness(tmp_path):
    """Tiles and place went back together; a witness saw more, so nothing is signed."""
    world = a_published_log(tmp_path, 400)
    shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-backup")
    world.feed.add(400)
    world.run()
    seen = checkpoint_of(world)
    shutil.rmtree(world.folder)
    shutil.rmtree(tmp_path / "apart")
    shutil.copytree(tmp_path.parent / f"{tmp_path.name}-backup", tmp_path, dirs_exist_ok=True)
    with pytest.raises(Unsafe, match="a witness has seen 800"):
        world.sequencer([seen])


def test_another_history_than_the_witnesss_is_not_signed_for(tmp_path):
    """Same size or smaller, another root."""
    world = a_published_log(tmp_path, 400)
    for size in (400, 123):
        with pytest.raises(Unsafe, match="another log"):
            world.sequencer([Checkpoint(ORIGIN, size, bytes(32))])
    tree = Tree(FolderSource(world.folder), 400)
    world.sequencer([Checkpoint(ORIGIN, 123, tree.root(123))]).close()


@pytest.mark.parametrize("path", ["tile/0/001.p/144", "tile/1/000.p/1", "tile/entries/001.p/144"])
def test_an_altered_edge_is_not_signed_for(tmp_path, path):
    """Any file that the next checkpoint is computed from."""
    world = a_published_log(tmp_path, 400)
    data = bytearray((world.folder / path).read_bytes())
    data[len(data) // 2] ^= 1
    (world.folder / path).write_bytes(data)
    with pytest.raises(Unsafe):
        world.sequencer()


def test_a_lost_place_is_not_begun_anew_by_itself(tmp_path):
    """Only by word of the operator, and only from tiles that match their own signed checkpoint."""
    world = a_published_log(tmp_path, 300)
    shutil.rmtree(tmp_path / "apart")
    with pytest.raises(Unsafe, match="place is empty"):
        world.sequencer()
    assert adopt(world.home, world.signers, world.now) == 300
    world.feed.add(10)
    assert world.run() == 310
    shutil.rmtree(tmp_path / "apart")
    (world.folder / "tile/0/001.p/54").write_bytes(bytes(54 * 32))
    with pytest.raises(Unsafe):
        adopt(world.home, world.signers, world.now)


def test_a_forged_checkpoint_in_the_place_is_refused(tmp_path):
    """Another key's, or another log's."""
    world = a_published_log(tmp_path, 30)
    stranger = LogWorld(tmp_path / "other")
    stranger.home = world.home
    with pytest.raises(Unsafe, match="trusted"):
        stranger.sequencer()
    world.home = replace(world.home, origin="other.example/log")
    with pytest.raises(Unsafe, match=ORIGIN):
        world.sequencer()


def test_a_ledger_that_went_back_is_an_incident_and_its_partition_waits(tmp_path):
    """A restored ledger: the partition's head lies behind the log; the others go on."""
    world = a_published_log(tmp_path, 70)
    del world.feed.partitions[3][5:]
    world.feed.append(4, START_MS + 10**6)
    leader = world.sequencer()
    assert leader.step(world.now) == 1
    assert leader.step(world.now) == 0
    leader.close()
    told = [incident for incident in world.incidents if incident.kind != "late"]
    assert [(incident.kind, incident.place) for incident in told] == [("rolled-back", "03-000010")]


def test_a_partition_rewritten_behind_the_log_is_an_incident(tmp_path):
    """Numbers used again after a roll-back: the chain does not fit what the log holds."""
    world = a_published_log(tmp_path, 70)
    leaves = world.feed.partitions[3]
    leaves[9] = a_leaf(3, 10, leaf_hash(leaves[8]), START_MS + 5, operation="operation-of-another-day")
    world.feed.append(3, START_MS + 10**6)
    world.run()
    told = [incident for incident in world.incidents if incident.kind != "late"]
    assert [(incident.kind, incident.place) for incident in told] == [("altered", "03-000010")]
    assert len(logged(world)) == 70


def test_late_integration_is_reported(tmp_path):
    """More than the promised minute after the entry's instant."""
    world = LogWorld(tmp_path)
    world.feed.append(1, START_MS)
    world.now = START + timedelta(seconds=60)
    world.run()
    assert world.incidents == []
    world.feed.append(1, START_MS + 1000)
    world.now = START + timedelta(seconds=62)
    world.run()
    assert [incident.kind for incident in world.incidents] == ["late"]


def test_a_lost_or_damaged_index_is_made_again(tmp_path):
    """Where entries lie follows from the tiles."""
    world = a_published_log(tmp_path, 600)
    place = world.home.index().find("03-000040")
    shutil.rmtree(world.folder / "index")
    world.feed.add(10)
    world.run()
    index = world.home.index()
    assert index.find("03-000040") == place
    with (world.folder / "index" / "03").open("r+b") as file:
        file.truncate(11)
    world.feed.add(10)
    assert world.run() == 620
    assert index.find("03-000040") == place
    assert index.find("03-900000") is None
    assert index.find("fe-000001") is None


def test_tiles_are_on_the_disk_before_the_checkpoint_is_swapped(tmp_path, synced, monkeypatch):
    """Each file and each folder that changed was synced when the place is asked for its swap."""
    world = LogWorld(tmp_path)
    leader = world.sequencer()
    world.feed.add(300)
    before, at_swap = synced[0], []
    publish = world.home.place.publish
    monkeypatch.setattr(world.home.place, "publish", lambda *told: at_swap.append(synced[0]) or publish(*told))
    leader.step(world.now)
    written = [path for path in world.folder.rglob("tile/**/*") if path.is_file()]
    assert at_swap[0] - before >= len(written)
    leader.close()


def test_an_older_checkpoint_is_checked_against_the_tiles_of_today(tmp_path):
    """Partial tiles of then are the beginnings of today's wider ones."""
    world = a_published_log(tmp_path, 300)
    then = checkpoint_of(world)
    world.feed.add(100)
    world.run()
    assert not (world.folder / "tile/0/001.p/44").exists()
    steps = check_tiles(FolderSource(world.folder), then)
    assert [step for step in steps if isinstance(step, LogFinding)] == []
