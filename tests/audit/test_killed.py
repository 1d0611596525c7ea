"""The sequencer is killed at every single write. The next sequencer goes on, and nothing is lost, doubled or wrongly
signed.
"""

import copy
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from audit.evidence.chains import LogFinding
from audit.evidence.checking import check_tiles
from audit.tree.tiles import FolderSource, Tree
from keys.notes import open_checkpoint
from ledger.leaf import decode
from tests.audit.builders import LogWorld, a_published_log

WRITES = (
    (os, "fsync"),
    (os, "link"),
    (os, "pwrite"),
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "write_bytes"),
    (Path, "rename"),
    (Path, "mkdir"),
    (Path, "rmdir"),
)
"""Every call by which the sequencer changes something on the disk."""


class Saboteur:
    """Counts writes, and kills this process before or after the one whose turn it is."""

    def __init__(self, turn: int, *, after: bool) -> None:
        self.count, self.turn, self.after = 0, turn, after

    def wrap(self, owner, name):
        """Put the count in front of a call."""
        real = getattr(owner, name)

        def counted(*args, **kwargs):
            self.count += 1
            mine = self.count == self.turn
            if mine and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, counted)


def run_killed(world: LogWorld, turn: int, *, after: bool) -> bool:
    """Run the sequencer in a child that dies at a write; True when it came to its end instead."""
    child = os.fork()
    if child == 0:
        saboteur = Saboteur(turn, after=after)
        for owner, name in WRITES:
            saboteur.wrap(owner, name)
        world.run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def assert_whole(world: LogWorld) -> None:
    """After one more run everything fed is in the log, once, and the log has no fault."""
    before = world.home.place.read()
    assert world.run() == sum(world.feed.heads().values())
    opened = open_checkpoint((world.folder / "checkpoint").read_bytes(), world.keys)
    earlier = open_checkpoint(before.checkpoint, world.keys).checkpoint if before else None
    found = check_tiles(FolderSource(world.folder), opened.checkpoint, earlier)
    assert [step for step in found if isinstance(step, LogFinding)] == []
    leaves = [decode(entry) for entry in Tree(FolderSource(world.folder), opened.checkpoint.size).entries()]
    assert {leaf.id for leaf in leaves} == {
        decode(data).id for partition in world.feed.partitions.values() for data in partition
    }
    assert [incident.kind for incident in world.incidents if incident.kind != "late"] == []


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("published", "more", "stride", "after"),
    [
        (0, 3, 1, False),
        (250, 10, 7, True),
        pytest.param(0, 3, 1, True, marks=SLOW),
        pytest.param(250, 10, 1, False, marks=SLOW),
        pytest.param(500, 300, 1, True, marks=(SLOW, pytest.mark.soak)),
    ],
)
def test_a_sequencer_killed_at_any_write_is_followed_by_one_that_goes_on(tmp_path, published, more, stride, after):
    """Each write in turn; between two of them the entries have changed their order, as a restart may find it."""
    ended, turn = False, 1 - stride
    first = a_published_log(tmp_path / "first", published)
    while not ended:
        turn += stride
        world = copy_of(first, tmp_path / str(turn))
        world.feed.add(more)
        ended = run_killed(world, turn, after=after)
        # An entry older than those that were on their way comes first now: orphans of the dead leader do not fit.
        world.feed.append(200, 1)
        assert_whole(world)
    assert turn > 20


def copy_of(world: LogWorld, folder: Path) -> LogWorld:
    """The same log in another folder."""
    shutil.copytree(world.folder.parent, folder)
    other = LogWorld(folder, copy.deepcopy(world.feed))
    other.signers, other.keys = world.signers, world.keys
    return other


@pytest.mark.slow
def test_a_sequencer_killed_at_any_moment_is_followed_by_one_that_goes_on(tmp_path):
    """Forty kills by the clock while entries pour in."""
    world = LogWorld(tmp_path)
    for number in range(40):
        world.feed.add(400)
        child = os.fork()
        if child == 0:
            world.run()
            os._exit(0)
        time.sleep(0.001 * (number % 20))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert_whole(world)
