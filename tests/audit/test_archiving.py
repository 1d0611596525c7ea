"""Old entries on slower storage: nothing changes for a reader who has them, and proofs stay valid for all others."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from audit.evidence.chains import FindingKind, LogFinding
from audit.evidence.checking import check_tiles
from audit.tree.archiving import JoinedSource, archive, retained_from
from audit.tree.proofs import LogReader
from audit.tree.tiles import FolderSource, TileError
from audit.tree.tilewriter import TilesDiffer
from cards.programme.load import load_programme
from keys.notes import open_checkpoint
from ledger.leaf import decode, leaf_hash
from ledger.millis import to_millis
from tests.audit.builders import START, START_MS, a_published_log
from tests.verifier.world import PROGRAMMES


@pytest.fixture
def world(tmp_path):
    """A log of 1,000 entries, one a second, whose first 600 seconds went to the archive."""
    made = a_published_log(tmp_path, 1000)
    made.home = replace(made.home, archive=tmp_path / "archive")
    assert archive(made.folder, 1000, START_MS + 600_000, tmp_path / "archive") == 2
    return made


def findings(world, source) -> list[LogFinding]:
    """What a check finds."""
    checkpoint = open_checkpoint((world.folder / "checkpoint").read_bytes(), world.keys).checkpoint
    return [step for step in check_tiles(source, checkpoint) if isinstance(step, LogFinding)]


def test_only_full_bundles_of_old_entries_move(world, tmp_path):
    """512 of the 600 old entries lie in full bundles; a second call moves nothing more."""
    assert not (world.folder / "tile/entries/000").exists()
    assert (world.folder / "tile/entries/002").exists()
    assert (world.folder / "tile/0/000").exists()
    assert archive(world.folder, 1000, START_MS + 600_000, tmp_path / "archive") == 0
    assert archive(world.folder, 1000, START_MS + 10**9, tmp_path / "archive") == 1


def test_with_the_archive_at_hand_nothing_changes(world):
    """The check finds no fault, the log goes on, old entries are proved."""
    assert findings(world, world.home.source()) == []
    world.feed.add(300)
    assert world.run() == 1300
    assert findings(world, world.home.source()) == []
    data = world.feed.partitions[0][0]
    reader = LogReader(world.home.place, world.home.source(), world.home.index())
    reader.prove(decode(data).id).verify(leaf_hash(data), world.keys)


def test_without_the_archive_earlier_proofs_hold_and_what_is_missing_is_named(world):
    """Hash tiles are enough for a proof's path; the check names the two files."""
    data = world.feed.partitions[0][0]
    reader = LogReader(world.home.place, world.home.source(), world.home.index())
    proof = reader.prove(decode(data).id)
    bare = LogReader(world.home.place, FolderSource(world.folder), world.home.index())
    with pytest.raises(TileError):
        bare.prove(decode(data).id)
    proof.verify(leaf_hash(data), world.keys)
    missing = [
        finding.place for finding in findings(world, FolderSource(world.folder)) if finding.kind is FindingKind.MISSING
    ]
    assert missing[:2] == ["tile/entries/000", "tile/entries/001"]


def test_an_archive_of_another_log_is_never_overwritten(world, tmp_path):
    """What is there and differs stops the move; nothing is deleted here."""
    (tmp_path / "other/tile/entries").mkdir(parents=True)
    (tmp_path / "other/tile/entries/002").write_bytes(b"another log's")
    (tmp_path / "other/tile/entries/000").write_bytes(b"another log's")
    (tmp_path / "other/tile/entries/001").write_bytes(b"another log's")
    with pytest.raises(TilesDiffer):
        archive(world.folder, 1000, START_MS + 10**9, tmp_path / "other")
    assert (world.folder / "tile/entries/002").exists()


def test_a_joined_source_takes_the_first_that_has_it(tmp_path):
    """And has nothing that none has."""
    for name in ("a", "b"):
        (tmp_path / name / "tile/0").mkdir(parents=True)
        (tmp_path / name / "tile/0/000").write_bytes(name.encode())
    joined = JoinedSource([FolderSource(tmp_path / "a"), FolderSource(tmp_path / "b")])
    assert joined.read("tile/0/000") == b"a"
    assert joined.read("tile/0/001") is None


@pytest.mark.parametrize(
    ("now", "kept_from"),
    [
        ((2031, 11, 10, 9, 0), (2026, 11, 10, 9, 0)),
        ((2032, 2, 29, 9, 0), (2027, 2, 28, 9, 0)),
        ((2032, 1, 1, 0, 0), (2027, 1, 1, 0, 0)),
    ],
)
def test_a_programme_says_how_long_usage_is_kept_at_hand(now, kept_from):
    """Calendar years in the programme's zone: five in Baiyun's."""
    programme = load_programme(PROGRAMMES / "baiyun.toml")
    found = retained_from(programme, datetime(*now, tzinfo=programme.zone))
    assert found == datetime(*kept_from, tzinfo=programme.zone)


def test_entries_past_their_retention_move_and_their_proofs_hold(tmp_path):
    """By the programme's own years, at the day itself: what is a second younger stays."""
    programme = load_programme(PROGRAMMES / "baiyun.toml")
    world = a_published_log(tmp_path, 1000)
    data = world.feed.partitions[0][0]
    reader = LogReader(world.home.place, world.home.source(), world.home.index())
    proof = reader.prove(decode(data).id)
    for seconds in (511, 512):  # one entry a second, 256 a bundle
        at = (START + timedelta(seconds=seconds)).astimezone(programme.zone)
        before = retained_from(programme, at.replace(year=at.year + programme.retention_years))
        assert archive(world.folder, 1000, to_millis(before), tmp_path / "archive") == 1
    proof.verify(leaf_hash(data), world.keys)
