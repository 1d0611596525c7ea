"""Watching from outside: growth is accepted, a fork or a roll-back raises an alarm, and the evidence is kept."""

import shutil

import pytest

from audit.evidence.watching import Forked, LogAway, LogWatcher, UrlSource, compare, fetch_http
from audit.tree.tiles import FolderSource
from keys.merkle import EMPTY_ROOT
from keys.notes import Checkpoint, Note, NoteError, open_checkpoint
from tests.audit.builders import LogWorld, a_published_log
from tests.audit.tampering import Copy, alter, chained, in_all_tiles, sign_anew

URL = "https://card.example.org/v1/log"


class Server:
    """What an address serves: a folder that may be exchanged behind it."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []

    def fetch(self, url):
        path = url.removeprefix(f"{URL}/")
        self.asked.append(path)
        file = self.folder / path
        return file.read_bytes() if file.exists() else None


@pytest.fixture
def world(tmp_path):
    """A log of 900 entries."""
    return a_published_log(tmp_path / "one", 900)


def forked(world: LogWorld, tmp_path, size: int = 900):
    """Another log by the same key: one entry differs."""
    copy = Copy.of(world)
    entries = list(copy.entries)
    alter(entries, 100)
    folder = tmp_path / f"fork-{size}"
    in_all_tiles(copy, chained(entries)[:size], folder)
    sign_anew(world, folder, size)
    return folder


def opened(world, folder):
    """A folder's checkpoint."""
    return open_checkpoint((folder / "checkpoint").read_bytes(), world.keys)


def test_a_growing_log_is_followed_without_reading_it(world, tmp_path):
    """A visit reads hash tiles alone, a few of them; the next begins where the last ended."""
    server = Server(world.folder)
    watcher = LogWatcher(UrlSource(f"{URL}/", server.fetch), world.keys, tmp_path / "memory")
    assert watcher.visit().before is None
    world.feed.add(700)
    world.run()
    server.asked.clear()
    visit = watcher.visit()
    assert (visit.before.size, visit.now.size) == (900, 1600)
    assert not [path for path in server.asked if "entries" in path]
    assert len(server.asked) < 8
    assert watcher.visit().now.size == 1600


@pytest.mark.parametrize("size", [900, 899, 500])
def test_a_fork_or_a_rollback_between_two_visits_is_found(world, tmp_path, size):
    """The server shows another log than before; both checkpoints are kept."""
    server = Server(world.folder)
    watcher = LogWatcher(UrlSource(URL, server.fetch), world.keys, tmp_path / "memory")
    watcher.visit()
    server.folder = forked(world, tmp_path, size)
    with pytest.raises(Forked):
        watcher.visit()
    evidence = (tmp_path / f"memory.fork-{size}").read_text()
    assert evidence.count(f"{world.home.origin}\n") == 2
    with pytest.raises(Forked):  # it is not forgotten
        watcher.visit()


def test_a_later_fork_is_found(world, tmp_path):
    """The other log has grown beyond the one that was seen."""
    other = LogWorld(tmp_path / "two")
    other.signers = world.signers
    other.feed.add(1200, partitions=5)
    other.run()
    server = Server(world.folder)
    watcher = LogWatcher(UrlSource(URL, server.fetch), world.keys, tmp_path / "memory")
    watcher.visit()
    server.folder = other.folder
    with pytest.raises(Forked, match="does not begin"):
        watcher.visit()


def test_two_auditors_who_were_shown_two_logs_find_it_by_comparing(world, tmp_path):
    """Same size: the notes alone prove it. Different sizes: with either log's tiles."""
    folder = forked(world, tmp_path)
    one, other = opened(world, world.folder), opened(world, folder)
    with pytest.raises(Forked, match="two logs of 900"):
        compare(None, one, other)
    short = opened(world, forked(world, tmp_path, 700))
    assert compare(None, one, short) is False
    for source in (world.folder, folder):
        with pytest.raises(Forked):
            compare(FolderSource(source), one, short)
    assert compare(FolderSource(world.folder), one, one)
    server = Server(world.folder)
    watcher = LogWatcher(UrlSource(URL, server.fetch), world.keys, tmp_path / "memory")
    watcher.visit()
    with pytest.raises(Forked):
        watcher.against(short)


def test_earlier_checkpoints_of_the_same_log_agree(world, tmp_path):
    """Also with the empty log's; an empty log has one root."""
    early = opened(world, world.folder)
    world.feed.add(300)
    world.run()
    late = opened(world, world.folder)
    assert compare(FolderSource(world.folder), late, early)
    for root, agrees in ((EMPTY_ROOT, True), (bytes(32), False)):
        text = Checkpoint(world.home.origin, 0, root).text
        empty = open_checkpoint(Note(text, (world.ed25519.sign(text),)).encode(), world.keys)
        if agrees:
            assert compare(None, empty, late)
        else:
            with pytest.raises(Forked):
                compare(None, empty, late)


def test_a_log_that_is_away_or_of_another_key_is_told_apart_from_a_fork(world, tmp_path):
    """No evidence, no shouting."""
    gone = LogWatcher(UrlSource(URL, lambda _url: None), world.keys, tmp_path / "memory")
    with pytest.raises(LogAway):
        gone.visit()
    stranger = a_published_log(tmp_path / "stranger", 10)
    watcher = LogWatcher(UrlSource(URL, Server(stranger.folder).fetch), world.keys, tmp_path / "memory")
    with pytest.raises(NoteError):
        watcher.visit()
    for address in ("file:///etc/passwd", "http://127.0.0.1:9/v1/log"):
        with pytest.raises(LogAway):
            fetch_http(address)
    assert list(tmp_path.glob("memory*")) == []


def test_tiles_that_do_not_fit_their_checkpoint_count_as_a_fork(world, tmp_path):
    """A server that cannot prove its own checkpoint has no excuse."""
    server = Server(world.folder)
    watcher = LogWatcher(UrlSource(URL, server.fetch), world.keys, tmp_path / "memory")
    watcher.visit()
    world.feed.add(100)
    world.run()
    shutil.copytree(world.folder, tmp_path / "broken")
    path = tmp_path / "broken/tile/0/003.p/232"
    path.write_bytes(bytes(232 * 32))
    server.folder = tmp_path / "broken"
    with pytest.raises(Forked):
        watcher.visit()
