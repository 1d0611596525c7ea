"""The log as files: C2SP's own example, every size, nothing published ever changed, damage named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tree.tiles import (
    FolderSource,
    TileError,
    Tree,
    pack_entry,
    parse_path,
    read_bundle,
    read_tile,
    tile_path,
    unpack_entries,
    width_at,
)
from audit.tree.tilewriter import TilesDiffer, TileWriter, drop_partials, set_orphans_aside, write_once
from keys.merkle import root_of, verify_consistency, verify_inclusion
from ledger.leaf import leaf_hash


def entries(count: int, start: int = 0) -> list[bytes]:
    """Small entries."""
    return [b"entry %d" % number for number in range(start, start + count)]


def files_in(folder) -> set[str]:
    """The paths of all files."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, "tile/0/000"), (1234067, "tile/0/x001/x234/067"), (999, "tile/0/999"), (1000, "tile/0/x001/000")],
)
def test_paths_are_those_of_the_specification(index, path):
    """The example of tlog-tiles, and the places where a digit group begins."""
    assert tile_path(0, index) == path
    assert parse_path(path) == (0, index, 256)
    assert parse_path(f"{path}.p/17") == (0, index, 17)


@pytest.mark.parametrize(
    "path",
    ["tile/0/1", "tile/00/001", "tile/64/001", "tile/0/x000/001", "tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001/",
     "tile/0/001.p/01", "tile/-1/001", "tile/0/../001", "tile/0/001.p/", "tile/entries/x1/000", "tile/0/٠٠١",
     "checkpoint"],
)  # fmt: skip
def test_a_path_has_one_spelling(path):
    """Every other one is refused, so no path leads out of the folder."""
    assert parse_path(path) is None


def test_seventy_thousand_leaves_make_the_tiles_that_the_specification_counts():
    """273 full tiles and one of 112; one full and one of 17 above; one of 1 above that."""
    widths = [[width_at(70_000, level, index) for index in range(275)] for level in range(3)]
    assert widths[0][:273] == [256] * 273
    assert widths[0][273:] == [112, 0]
    assert widths[1][:3] == [256, 17, 0]
    assert widths[2][:2] == [1, 0]
    assert [width_at(256, 0, 0), width_at(256, 0, 1), width_at(256, 1, 0)] == [256, 0, 1]


@pytest.mark.parametrize("parts", [[1], [255, 1, 1], [256], [257, 300], [100] * 7, [65_536 + 300, 5]])
def test_what_is_appended_is_read_back_with_its_root(tmp_path, parts):
    """Any number of entries in any parts, by one writer or by a new one each time."""
    size, writer = 0, TileWriter(tmp_path, 0)
    for count in parts:
        writer.append(entries(count, size))
        old, size = size, size + count
        drop_partials(tmp_path, old, size)
        root = root_of(leaf_hash(entry) for entry in entries(size))
        assert writer.root() == root
        assert Tree(FolderSource(tmp_path), size).root() == root
        writer = TileWriter(tmp_path, size)
        assert writer.root() == root
    tree = Tree(FolderSource(tmp_path), size)
    assert list(tree.entries()) == entries(size)
    assert list(tree.entries(size - 1)) == entries(1, size - 1)
    expected = [(level, index) for level in range(3) for index in range(size) if width_at(size, level, index)]
    paths = {tile_path(level, index, width_at(size, level, index)) for level, index in expected}
    bundles = {tile_path("entries", index, width_at(size, "entries", index)) for level, index in expected if level == 0}
    assert files_in(tmp_path) == paths | bundles


@given(st.integers(1, 1500), st.data())
def test_proofs_from_tiles_hold(tmp_path_factory, size, data):
    """Inclusion of any leaf, consistency with any earlier size."""
    folder = tmp_path_factory.mktemp("log")
    writer = TileWriter(folder, 0)
    writer.append(entries(size))
    tree = Tree(FolderSource(folder), size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    verify_inclusion(leaf_hash(entries(1, index)[0]), index, size, tree.inclusion(index), writer.root())
    verify_consistency(old, size, tree.consistency(old), tree.root(old), writer.root())


def test_a_published_file_is_never_changed(tmp_path):
    """Writing the same again is nothing; writing otherwise is refused and leaves what was there."""
    write_once(tmp_path, {"tile/0/000": b"one"})
    write_once(tmp_path, {"tile/0/000": b"one"})
    with pytest.raises(TilesDiffer):
        write_once(tmp_path, {"tile/0/001": b"new", "tile/0/000": b"two"})
    assert (tmp_path / "tile/0/000").read_bytes() == b"one"
    assert files_in(tmp_path) == {"tile/0/000"}


@pytest.mark.parametrize(("published", "more"), [(0, 10), (300, 5), (300, 700), (256, 1), (512, 256), (65_500, 100)])
def test_orphans_are_set_aside_and_the_log_goes_on(tmp_path, published, more):
    """What a killed leader wrote beyond the checkpoint makes room for other entries, and is kept."""
    writer = TileWriter(tmp_path, 0)
    writer.append(entries(published))
    before = files_in(tmp_path)
    writer.append(entries(more, 10_000_000))
    (tmp_path / "tile/0/.000.abcdef").write_bytes(b"unfinished")
    assert set_orphans_aside(tmp_path, published) > 0
    assert {name for name in files_in(tmp_path) if not name.startswith("orphans/")} == before
    assert set_orphans_aside(tmp_path, published) == 0
    writer = TileWriter(tmp_path, published)
    writer.append(entries(more, published))
    assert writer.root() == root_of(leaf_hash(entry) for entry in entries(published + more))


def test_a_partial_tile_may_be_read_from_the_full_one(tmp_path):
    """Partial tiles go once the full one is there."""
    writer = TileWriter(tmp_path, 0)
    writer.append(entries(10))
    writer.append(entries(300, 10))
    drop_partials(tmp_path, 10, 310)
    assert not (tmp_path / "tile/0/000.p").exists()
    assert Tree(FolderSource(tmp_path), 10).root() == root_of(leaf_hash(entry) for entry in entries(10))
    assert read_bundle(FolderSource(tmp_path), 0, 10) == entries(10)


@pytest.mark.parametrize("damage", [b"", b"x", bytes(31), bytes(32 * 9), bytes(32 * 257)])
def test_a_damaged_tile_is_named(tmp_path, damage):
    """Too short, no multiple of a hash, too long, gone."""
    writer = TileWriter(tmp_path, 0)
    writer.append(entries(10))
    path = tmp_path / "tile/0/000.p/10"
    path.write_bytes(damage)
    with pytest.raises(TileError, match=r"tile/0/000\.p/10"):
        read_tile(FolderSource(tmp_path), 0, 0, 10)
    path.unlink()
    with pytest.raises(TileError, match="missing"):
        TileWriter(tmp_path, 10)


def test_bundles_are_length_prefixed():
    """Two bytes, big-endian; a bundle that ends within an entry is refused."""
    assert pack_entry(b"ab") == b"\x00\x02ab"
    assert unpack_entries(b"\x00\x02ab\x00\x00") == [b"ab", b""]
    for broken in (b"\x00", b"\x00\x02a", b"\x00\x01ab"):
        with pytest.raises(ValueError, match="ends within"):
            unpack_entries(broken)


def test_a_bundle_that_is_not_its_tiles_stops_the_writer(tmp_path):
    """Entries and hashes are compared before anything is added."""
    writer = TileWriter(tmp_path, 0)
    writer.append(entries(10))
    path = tmp_path / "tile/entries/000.p/10"
    path.write_bytes(path.read_bytes().replace(b"entry 3", b"entry X"))
    with pytest.raises(TileError, match="entries"):
        TileWriter(tmp_path, 10)
