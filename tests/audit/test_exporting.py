"""Exports: the right entries, safe in a spreadsheet, in the district's time, with bounded memory."""

import csv
import io
import json
import re
import tracemalloc
import zipfile
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from audit.evidence import exporting
from audit.evidence.checkexport import check_export, open_head, read_head
from audit.evidence.exporting import COLUMNS, Exported, LogFilter, json_lines, write_csv, write_lines, write_xlsx
from audit.evidence.workbook import write_workbook
from keys.notes import open_checkpoint
from ledger.filtering import name_in
from tests.audit.builders import START_MS, LogWorld, a_published_log

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A log of 1,000 entries."""
    return a_published_log(tmp_path_factory.mktemp("export"), 1000)


def exported(world: LogWorld) -> Exported:
    """The world's log."""
    return Exported(world.home.source(), open_checkpoint(world.home.place.read().checkpoint, world.keys))


def rows(world, wanted=None) -> list[dict[str, str]]:
    """The rows of a CSV."""
    out = io.StringIO()
    count = write_csv(exported(world), wanted or LogFilter(), out, SHANGHAI)
    found = list(csv.DictReader(io.StringIO(out.getvalue().removeprefix("\ufeff"))))
    assert len(found) == count
    return found


@pytest.mark.parametrize(
    ("wanted", "name", "value"),
    [
        (LogFilter(point="gym"), "point", "gym"),
        (LogFilter(outcome="denied", reason="quota-spent"), "reason", "quota-spent"),
        (LogFilter(tier="gold"), "tier", "gold"),
        (LogFilter(department="health-bureau"), "department", "health-bureau"),
    ],
)
def test_a_choice_has_all_that_is_asked_for_and_nothing_else(world, wanted, name, value):
    """As many as a plain count of the feed finds."""
    leaves = [json.loads(data) for leaves in world.feed.partitions.values() for data in leaves]
    expected = {leaf["id"] for leaf in leaves if all(leaf.get(key) == want for key, want in wanted.asked().items())}
    found = rows(world, wanted)
    assert {row["id"] for row in found} == {f"entry:{entry}" for entry in expected}
    assert {row[name] for row in found} == {value}


def test_instants_are_half_open(world):
    """From the first second on, before the last."""
    since, until = (datetime.fromtimestamp(START_MS / 1000 + seconds, UTC) for seconds in (10, 20))
    assert len(rows(world, LogFilter(since=since, until=until))) == 10


def test_times_are_the_districts(world):
    """09:00 in Shanghai is 01:00 UTC."""
    assert rows(world)[0]["at"] == "2026-10-31 09:00:00"


EVIL = ["=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.example","a")', "+86", "-2+3", "@SUM(A1)", "\u4e91\u805a"]


def test_a_spreadsheet_takes_no_text_for_a_formula(tmp_path):
    """A reference that begins like one is marked in a CSV; a workbook's cells are text by themselves, unmarked."""
    world = LogWorld(tmp_path)
    for reference in EVIL:
        world.feed.append(1, START_MS, reference=reference)
    world.run()
    safe = [f"'{text}" for text in EVIL[:-1]] + EVIL[-1:]
    assert [row["reference"] for row in rows(world)] == safe
    path = tmp_path / "log.xlsx"
    assert write_xlsx(exported(world), LogFilter(), path, SHANGHAI) == len(EVIL)
    sheet = load_workbook(path).active
    column = list(sheet["P"])[1:]
    assert [cell.value for cell in column] == EVIL
    assert {cell.data_type for cell in column} == {"s"}
    with zipfile.ZipFile(path) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


NUMBER_OR_FORMULA = re.compile(r"[-+=@]|[0-9.]+([eE][-+]?[0-9]+)?$")


def test_names_in_a_table_are_no_numbers_and_lead_back_to_the_log(tmp_path):
    """`1e-000001` is 0.1 to a spreadsheet and `-x` a formula: in both forms names carry what they are, unquoted."""
    world = LogWorld(tmp_path)
    for partition in (0x0E, 0x1E, 0x9E):
        world.feed.append(
            partition, START_MS, holder="-" + "a" * 42, device="2e5", operator="00123456789", programme="2026.10"
        )
    world.run()
    path = tmp_path / "log.xlsx"
    assert write_xlsx(exported(world), LogFilter(), path, SHANGHAI) == 3
    heads, *lines = ([cell.value for cell in row] for row in load_workbook(path).active.rows)
    for row in [*rows(world), *(dict(zip(heads, line, strict=True)) for line in lines)]:
        told = {name: row[name] for name in ("id", "holder", "device", "operator", "programme")}
        assert not any(NUMBER_OR_FORMULA.match(value) or value.startswith("'") for value in told.values()), told
        assert told["programme"] == "programme:2026.10"
        assert name_in("id", told["id"]) in {"0e-000001", "1e-000001", "9e-000001"}
        for name in ("holder", "device", "operator"):
            assert len(rows(world, LogFilter(**{name: told[name]}))) == 3
        assert len(rows(world, LogFilter(holder=told["holder"][:-1] + "b"))) == 0


@pytest.mark.parametrize("text", ["<&>\"'", "  spaces  ", "line\nline", "\x0b\x1f", "\ufffe", "\U0001f600", ""])
def test_a_workbook_holds_any_text(tmp_path, text):
    """As it is, but for what XML cannot hold; numbers are numbers."""
    path = tmp_path / "book.xlsx"
    assert write_workbook(path, ("text", "number"), [(text, 5), (text, -7)], 10) == 2
    found = [[cell.value for cell in row] for row in load_workbook(path).active.rows]
    kept = re.sub("[\x0b\x1f\ufffe]", "", text) or None
    assert found == [["text", "number"], [kept, 5], [kept, -7]]


def test_a_workbook_without_rows_has_its_heads(tmp_path):
    """One sheet, which opens."""
    path = tmp_path / "book.xlsx"
    assert write_workbook(path, ("a", "b"), [], 10) == 0
    assert [[cell.value for cell in row] for row in load_workbook(path).active.rows] == [["a", "b"]]


def test_a_workbook_begins_a_new_sheet_when_one_is_full(world, tmp_path, monkeypatch):
    """Spreadsheets end at a million rows."""
    monkeypatch.setattr(exporting, "ROWS_A_SHEET", 400)
    path = tmp_path / "log.xlsx"
    assert write_xlsx(exported(world), LogFilter(), path, SHANGHAI) == 1000
    book = load_workbook(path, read_only=True)
    sizes = [sum(1 for _ in sheet.rows) for sheet in book]
    assert sizes == [401, 401, 201]
    assert [cell.value for cell in next(book.worksheets[2].rows)] == list(COLUMNS)
    book.close()


def test_an_empty_log_is_exported_and_checked(tmp_path):
    """No entry, no proof, no fault."""
    world = LogWorld(tmp_path)
    world.run()
    lines = list(json_lines(exported(world), LogFilter()))
    assert len(lines) == 2
    head = read_head(lines[0])
    assert [step.entries for step in check_export(head, open_head(head, world.keys), lines[1:])] == [0]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(tmp_path):
    """Ten times the entries, the same memory: written, and checked again."""
    peaks = []
    for count in (5_000, 50_000):
        world = a_published_log(tmp_path / str(count), count)
        path = tmp_path / f"{count}.jsonl"
        log = exported(world)
        tracemalloc.start()
        with path.open("wb") as file:
            assert write_lines(json_lines(log, LogFilter()), file) == count
        with path.open("rb") as file:
            head = read_head(file.readline())
            for _ in check_export(head, open_head(head, world.keys), file):
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
