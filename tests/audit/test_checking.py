"""Every change in a log, in the store or in an export is found and named."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest

from audit.evidence.chains import FindingKind, LogFinding
from audit.evidence.checkexport import NotAnExport, check_export, open_head, read_head
from audit.evidence.checking import CheckProgress, check_tiles
from audit.evidence.exporting import Exported, LogFilter, json_lines
from audit.tree.tiles import FolderSource, tile_path
from keys.notes import NoteError, open_checkpoint
from tests.audit.builders import a_published_log
from tests.audit.tampering import CHANGES, DEPTHS, Copy, chained, changed, in_all_tiles, places, sign_anew

QUICK = 1500
LARGE = 100_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A published log that no test changes."""
    return a_published_log(tmp_path_factory.mktemp("quick"), QUICK)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The same with 100,000 entries."""
    return a_published_log(tmp_path_factory.mktemp("large"), LARGE, partitions=256)


def checkpoint_in(world, folder):
    """The checkpoint of a folder, verified with the log's keys."""
    return open_checkpoint((folder / "checkpoint").read_bytes(), world.keys).checkpoint


def findings(world, folder, since=None) -> list[LogFinding]:
    """What the check of a folder finds."""
    steps = check_tiles(FolderSource(folder), checkpoint_in(world, folder), since)
    return [step for step in steps if isinstance(step, LogFinding)]


def kinds(found: list[LogFinding]) -> set[FindingKind]:
    """The kinds found."""
    return {finding.kind for finding in found}


# What names each change when only the entries were touched; anything more is allowed, these must be among it.
NAMED = {
    "alter": {FindingKind.ALTERED},
    "remove": {FindingKind.MISSING},
    "insert": {FindingKind.INSERTED},
    "swap": {FindingKind.OUT_OF_ORDER},
    "swap_far": {FindingKind.ALTERED},
    "back_date": {FindingKind.ALTERED},
}


def tampered(world, tmp_path, change, depth, index):
    """The log with one change at a place, written to a depth."""
    copy = Copy.of(world)
    entries = list(copy.entries)
    CHANGES[change](entries, index)
    folder = tmp_path / "tampered"
    folder.mkdir()
    DEPTHS[depth](copy, entries, folder)
    return folder


def test_an_untouched_log_has_no_fault(world):
    """Every entry is counted; an earlier checkpoint fits."""
    folder = world.folder
    steps = list(check_tiles(FolderSource(folder), checkpoint_in(world, folder), checkpoint_in(world, folder)))
    assert [step for step in steps if isinstance(step, LogFinding)] == []
    assert steps[-1] == CheckProgress(QUICK)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("index", places(QUICK))
def test_a_change_in_the_store_is_found_and_named(world, tmp_path, change, depth, index):
    """One change, at one place, with ever more made to fit it."""
    found = findings(world, tampered(world, tmp_path, change, depth, index))
    assert found
    if depth == "in_entries":
        assert kinds(found) >= NAMED[change]
        near = {f"index {place}" for place in range(index - 1, index + 2)}
        assert any(finding.place in near for finding in found if finding.kind in NAMED[change])
    elif depth == "in_all_tiles":
        assert (FindingKind.MISSING if change == "remove" else FindingKind.OTHER_LOG) in kinds(found)
    elif depth == "with_chains":
        assert FindingKind.OTHER_LOG in kinds(found)


@pytest.mark.soak
@pytest.mark.parametrize("depth", ["in_entries", "in_lowest_tiles"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("index", [0, 255, 50_000, 99_999])
def test_a_change_in_a_hundred_thousand_entries_is_found_and_named(large, tmp_path, change, depth, index):
    """The same in a log of the size that the issue asks for."""
    found = findings(large, tampered(large, tmp_path, change, depth, index))
    assert found
    if depth == "in_entries":
        assert kinds(found) >= NAMED[change]


@pytest.mark.soak
@pytest.mark.parametrize("depth", ["in_all_tiles", "with_chains"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_hundred_thousand_entries_made_to_fit_are_found_by_their_root(large, tmp_path, change, depth):
    """Every tile, and numbers and chains too, made anew round one change: the signed root is another."""
    found = findings(large, tampered(large, tmp_path, change, depth, 61_803))
    assert kinds(found) & {FindingKind.OTHER_LOG, FindingKind.MISSING, FindingKind.DAMAGED}


@pytest.mark.soak
@pytest.mark.parametrize("size", [1, 255, 50_000, 99_999])
def test_a_hundred_thousand_entries_rolled_back_are_found(large, tmp_path, size):
    """An earlier state of the store, signed when it was that short: against what an auditor holds it is a roll-back."""
    copy = Copy.of(large)
    folder = tmp_path / "short"
    in_all_tiles(copy, copy.entries[:size], folder)
    found = findings(large, folder, None)
    assert FindingKind.MISSING in kinds(found), "under the newest checkpoint"
    sign_anew(large, folder, size)
    assert findings(large, folder) == []
    (told,) = findings(large, folder, checkpoint_in(large, large.folder))
    assert (told.kind, "100000" in told.message) == (FindingKind.ROLLED_BACK, True)


@pytest.mark.parametrize("change", CHANGES)
def test_history_signed_anew_is_found_by_an_earlier_checkpoint(world, tmp_path, change):
    """The log's own key signs the changed log: by itself it is flawless, against the checkpoint of before it is not."""
    before = checkpoint_in(world, world.folder)
    copy = Copy.of(world)
    entries = list(copy.entries)
    CHANGES[change](entries, 700)
    entries = sorted(chained(entries), key=lambda entry: json.loads(entry)["at"]) if change == "back_date" else entries
    entries = chained(entries)
    folder = tmp_path / "anew"
    in_all_tiles(copy, entries, folder)
    sign_anew(world, folder, len(entries))
    assert {finding.kind for finding in findings(world, folder)} <= {FindingKind.BACK_DATED}
    assert kinds(findings(world, folder, before)) & {FindingKind.REWRITTEN, FindingKind.ROLLED_BACK}


def test_a_log_rolled_back_is_found_by_an_earlier_checkpoint(world, tmp_path):
    """A shorter log, signed when it was that short, is flawless but for what was seen since."""
    copy = Copy.of(world)
    folder = tmp_path / "short"
    in_all_tiles(copy, copy.entries[:1000], folder)
    sign_anew(world, folder, 1000)
    assert findings(world, folder) == []
    found = findings(world, folder, checkpoint_in(world, world.folder))
    assert [finding.kind for finding in found] == [FindingKind.ROLLED_BACK]
    assert "1500" in found[0].message


@pytest.mark.parametrize("level", [0, 1, "entries"])
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_damaged_file_is_named(world, tmp_path, level, damage):
    """Any tile or bundle gone, cut or with one bit flipped."""
    folder = tmp_path / "damaged"
    shutil.copytree(world.folder, folder)
    path = folder / tile_path(level, 0 if level == 1 else 2, 5 if level == 1 else 256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.unlink()
    if damage != "missing":
        path.write_bytes(data[:-7] if damage == "cut" else data)
    found = findings(world, folder)
    name = path.relative_to(folder).as_posix()
    assert any(name in finding.place or "index" in finding.place for finding in found)
    assert (
        {finding.kind for finding in found} <= {*FindingKind} - {FindingKind.OTHER_LOG, FindingKind.REWRITTEN}
        if level
        else found
    )


def test_another_logs_checkpoint_and_another_key_are_refused(world, tmp_path):
    """Before a single entry is read."""
    stranger = a_published_log(tmp_path, 10)
    with pytest.raises(NoteError):
        open_checkpoint((stranger.folder / "checkpoint").read_bytes(), world.keys)
    shutil.copy(world.folder / "checkpoint", stranger.folder / "checkpoint")
    found = findings(world, stranger.folder)
    assert FindingKind.MISSING in kinds(found)


def an_export(world, wanted=None) -> list[bytes]:
    """The lines of an export."""
    opened = open_checkpoint((world.folder / "checkpoint").read_bytes(), world.keys)
    return list(json_lines(Exported(FolderSource(world.folder), opened), wanted or LogFilter()))


def checked(world, lines: list[bytes], since=None) -> list[LogFinding]:
    """What the check of an export finds."""
    head = read_head(lines[0])
    steps = check_export(head, open_head(head, world.keys), io.BytesIO(b"".join(lines[1:])), since)
    return [step for step in steps if isinstance(step, LogFinding)]


def entry_lines(lines: list[bytes]) -> list[int]:
    """Where the entries stand."""
    return [number for number, line in enumerate(lines) if line.startswith(b'{"index"')]


def tampered_export(lines: list[bytes], change: str, index: int, *, fitting: bool) -> list[bytes]:
    """An export with one change; `fitting`: indexes, hashes and count are made to fit."""
    lines = list(lines)
    spots = entry_lines(lines)
    told = [json.loads(lines[spot]) for spot in spots]
    leaves = [json.dumps(each["leaf"], separators=(",", ":"), ensure_ascii=False).encode() for each in told]
    CHANGES[change](leaves, index)
    if not fitting:
        CHANGES[change](told, index) if change in {"remove", "swap", "swap_far"} else None
        if change == "insert":
            told.insert(index, told[index])
    fresh = []
    for number, leaf in enumerate(leaves):
        line = dict(told[min(number, len(told) - 1)])
        if fitting:
            line["index"] = number
            if "hash" in line:
                import base64

                from ledger.leaf import leaf_hash

                line["hash"] = base64.b64encode(leaf_hash(leaf)).decode()
        line["leaf"] = json.loads(leaf)
        fresh.append(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    return rebuilt(lines, spots, fresh, fitting=fitting)


def rebuilt(lines: list[bytes], spots: list[int], fresh: list[bytes], *, fitting: bool) -> list[bytes]:
    """The export with other entry lines, proofs every 256 of them as before."""
    proofs = [line for line in lines if line.startswith(b'{"block"')]
    found = [lines[0]]
    for number, line in enumerate(fresh):
        found.append(line)
        if proofs and ((number + 1) % 256 == 0 or number + 1 == len(fresh)):
            found.append(proofs[min(number // 256, len(proofs) - 1)])
    end = json.dumps({"end": True, "entries": len(fresh) if fitting else len(spots)}).encode() + b"\n"
    return [*found, end]


def test_an_untouched_export_has_no_fault(world):
    """Whole or a choice, with an earlier checkpoint too."""
    before = checkpoint_in(world, world.folder)
    assert checked(world, an_export(world), before) == []
    some = an_export(world, LogFilter(point="gym", outcome="granted"))
    assert checked(world, some) == []
    assert 0 < len(entry_lines(some)) < QUICK


@pytest.mark.parametrize("fitting", [False, True])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("index", places(QUICK))
def test_a_change_in_a_whole_export_is_found(world, change, index, fitting):
    """One change at one place, plainly, or with indexes, hashes and counts made to fit."""
    found = checked(world, tampered_export(an_export(world), change, index, fitting=fitting))
    assert found
    if not fitting:
        expected = (
            NAMED[change] if change not in {"insert", "swap_far"} else {FindingKind.ALTERED, FindingKind.OUT_OF_ORDER}
        )
        assert kinds(found) & (expected | {FindingKind.OUT_OF_ORDER} if "swap" in change else expected)


@pytest.fixture(scope="module")
def large_export(large) -> list[bytes]:
    """The export of the large log."""
    return an_export(large)


def with_one_change(lines: list[bytes], change: str, index: int) -> list[bytes]:
    """A whole export with one change in its lines; every other line is left alone."""
    lines = list(lines)
    spot = index + index // 256 + 1  # the head before, and a proof after every 256 entries
    far = (index + 50_000) % 100_000
    other = {"swap": spot + 1 if index % 256 < 255 else spot - 1, "swap_far": far + far // 256 + 1}
    told = json.loads(lines[spot])
    assert told["index"] == index
    if change == "remove":
        del lines[spot]
    elif change in other:
        lines[spot], lines[other[change]] = lines[other[change]], lines[spot]
    else:
        leaves = [json.dumps(told["leaf"], separators=(",", ":"), ensure_ascii=False).encode()] * 2
        CHANGES[change](leaves, 0)
        made = {**told, "leaf": json.loads(leaves[0])}
        line = json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        lines[spot : spot + (change != "insert")] = [line]
    return lines


@pytest.mark.soak
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("index", [0, 255, 50_000, 99_998])
def test_a_change_in_an_export_of_a_hundred_thousand_is_found(large, large_export, change, index):
    """First, last, at a block's edge, in the middle: each named by its kind."""
    found = checked(large, with_one_change(large_export, change, index))
    expected = {FindingKind.OUT_OF_ORDER} if "swap" in change else NAMED[change]
    assert kinds(found) & (
        expected | {FindingKind.OUT_OF_ORDER, FindingKind.ALTERED} if change == "insert" else expected
    )


@pytest.mark.soak
def test_an_export_of_a_hundred_thousand_cut_short_or_of_an_earlier_state_is_found(large, large_export, tmp_path):
    """Its last line says so; a whole export of the log as it was is told by the checkpoint that an auditor holds."""
    assert checked(large, large_export, checkpoint_in(large, large.folder)) == []
    assert FindingKind.MISSING in kinds(checked(large, large_export[:70_000]))
    copy = Copy.of(large)
    in_all_tiles(copy, copy.entries[:90_000], tmp_path / "short")
    sign_anew(large, tmp_path / "short", 90_000)
    opened = open_checkpoint((tmp_path / "short/checkpoint").read_bytes(), large.keys)
    lines = list(json_lines(Exported(FolderSource(tmp_path / "short"), opened), LogFilter()))
    assert checked(large, lines) == []
    assert [told.kind for told in checked(large, lines, checkpoint_in(large, large.folder))] == [
        FindingKind.ROLLED_BACK
    ]


@pytest.mark.parametrize("fitting", [False, True])
@pytest.mark.parametrize("change", sorted(set(CHANGES) - {"remove"}))
def test_a_change_in_a_chosen_export_is_found(world, change, fitting):
    """Each entry has its own proof."""
    lines = an_export(world, LogFilter(point="gym"))
    assert checked(world, tampered_export(lines, change, 33, fitting=fitting))


def test_a_line_taken_from_a_chosen_export_is_missed_by_its_count(world):
    """Only the count tells: a choice proves what it holds, not what it leaves out, and the page of formats says so."""
    lines = an_export(world, LogFilter(point="gym"))
    found = checked(world, [*lines[:10], *lines[11:]])
    assert [finding.kind for finding in found] == [FindingKind.MISSING]


def test_a_whole_export_of_a_rewritten_log_is_found_by_an_earlier_checkpoint(world, tmp_path):
    """As for the store: signed anew and flawless by itself."""
    copy = Copy.of(world)
    entries = list(copy.entries)
    entries[3] = changed(entries[3], point="elsewhere")
    folder = tmp_path / "anew"
    in_all_tiles(copy, chained(entries), folder)
    sign_anew(world, folder, len(entries))
    opened = open_checkpoint((folder / "checkpoint").read_bytes(), world.keys)
    lines = list(json_lines(Exported(FolderSource(folder), opened), LogFilter()))
    assert checked(world, lines) == []
    assert [each.kind for each in checked(world, lines, checkpoint_in(world, world.folder))] == [FindingKind.REWRITTEN]


def test_a_cut_or_prolonged_export_is_found(world):
    """The last line closes the file."""
    lines = an_export(world)
    assert FindingKind.MISSING in kinds(checked(world, lines[:-1]))
    assert FindingKind.MISSING in kinds(checked(world, lines[:800]))
    assert FindingKind.INSERTED in kinds(checked(world, [*lines, lines[5]]))
    assert FindingKind.DAMAGED in kinds(checked(world, [*lines[:5], b"nonsense\n", *lines[5:]]))


def test_what_is_no_export_is_refused(world):
    """A text, another format, a head that contradicts its checkpoint, a checkpoint of another key."""
    head = json.loads(an_export(world)[0])
    for line in (b"", b"{}", b"text", json.dumps({**head, "format": "other/1"}).encode()):
        with pytest.raises(NotAnExport):
            read_head(line)
    with pytest.raises(NoteError):
        open_head(read_head(json.dumps({**head, "size": 3}).encode()), world.keys)
    with pytest.raises(NoteError):
        open_head(read_head(json.dumps(head).encode()), [])


def test_the_page_of_formats_explains_every_kind():
    """Each kind that a check names has its row, and no other."""
    page = (Path(__file__).parents[2] / "docs/log-format.md").read_text(encoding="utf-8")
    table = page.split("## What a check names")[1]
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(kind.value for kind in FindingKind)
