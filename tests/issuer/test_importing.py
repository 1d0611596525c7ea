"""Files of platforms and departments: every form Excel saves, faults by row and column, all or nothing, once."""

import codecs
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from openpyxl import Workbook

from issuer.applications import drafts, office
from issuer.applications.columns import NoColumns
from issuer.applications.deciding import objection_to
from issuer.applications.importing import ImportOptions, bring_in, look
from issuer.applications.records import Filter, counted, find, listed
from issuer.applications.sheets import BadSheet, open_sheet
from issuer.applications.states import Objection, State
from issuer.register import office_log
from issuer.register.application_tables import APPLICATIONS, IMPORTS, NOTICES
from issuer.register.errors import RefusedError
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import BOTH, LATER, approved, handed_in
from tests.issuer.builders import BY, DAY, NOON, ROOT, make_desk, resident_id

LIST = ImportOptions("list", department="development", ground="gold-12", limb="b", reference="穗云发改〔2026〕1号")
PLATFORM = ImportOptions("platform", channel="province")
HEADS = ("姓名", "证件号码", "单位名称", "职务", "到期日期", "备注")
MEGABYTES = 90
"""By so much a process that imports may grow, however long the file."""
NUMBERS = [resident_id(sequence=500 + place) for place in range(40)]


def rows(count=3, **changes):
    """Rows of a department's list; `changes` puts values into the first."""
    found = [["林志远", NUMBERS[place], "白云区某公司", "总监", "2027/12/31", "x"] for place in range(count)]
    for head, value in changes.items():
        found[0][HEADS.index(head)] = value
    return found


def csv_file(lines, encoding="utf-8", heads=HEADS, delimiter=",", title=()):
    """A CSV file as a spreadsheet saves it."""
    text = "\r\n".join(delimiter.join(str(cell) for cell in line) for line in (*title, heads, *lines)) + "\r\n"
    return io.BytesIO(text.encode(encoding))


def xlsx_file(lines, heads=HEADS, title=()):
    """An XLSX file."""
    book = Workbook()
    for line in (*title, heads, *lines):
        book.active.append(list(line))
    target = io.BytesIO()
    book.save(target)
    return target


def repacked(file, **members):
    """The same ZIP file with members added or replaced."""
    target = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            if one.filename not in members:
                new.writestr(one, old.read(one))
        for name, data in members.items():
            new.writestr(name, data)
    return target


def faults(desk, file, options=LIST):
    """What is wrong with a file: row, heading, code."""
    return [(one.row, one.heading, one.code) for one in look(desk, file, options, at=NOON).faults]


FORMS = {
    "utf-8": csv_file(rows()),
    "utf-8 with a byte order mark": io.BytesIO(codecs.BOM_UTF8 + csv_file(rows()).getvalue()),
    "gb18030": csv_file(rows(), "gb18030"),
    "semicolons": csv_file(rows(), delimiter=";"),
    "tabs": csv_file(rows(), "gb18030", delimiter="\t"),
    "a title above the headings": csv_file(rows(), title=[["四上企业中高层名单"], []]),
    "headings with marks": csv_file(rows(), heads=("姓名*", "证件号码 *", "单位名称：", "职务", "到期日", "备注")),
    "xlsx": xlsx_file(rows()),
    "xlsx with days as Excel keeps them": xlsx_file([[*r[:4], date(2027, 12, 31), "x"] for r in rows()]),
    "xlsx with days as bare numbers": xlsx_file([[*r[:4], 46752, "x"] for r in rows()]),
    "xlsx with a title": xlsx_file(rows(), title=[["名单", None, None], []]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_excel_saves_gives_the_same_applications(desk, form):
    """Encodings, delimiters, days as text, as days and as numbers: three applications, listed by the department."""
    found = bring_in(desk, io.BytesIO(FORMS[form].getvalue()), LIST, by=BY, at=NOON)
    assert (found.new, found.faulty, found.columns.ignored) == (3, 0, ("备注",))
    made = [find(desk, one.id) for one in listed(desk, Filter(), limit=9)]
    assert {one.content.identity.number for one in made} == set(NUMBERS[:3])
    for one in made:
        assert (one.content.listed_by, one.content.basis_ends) == ("development", date(2027, 12, 31))
        assert (one.channel, one.state, one.ground, one.tier) == (
            "list-development",
            State.SUBMITTED,
            "gold-12",
            "gold",
        )
        assert "list:ground" not in one.lacking


def test_the_same_file_again_changes_nothing(desk):
    """Nor does the same list in another form; no line is written, nobody is told twice."""
    bring_in(desk, csv_file(rows()), LIST, by=BY, at=NOON)
    with desk.register.read() as connection:
        before = office_log.chain_end(connection)
    for again in (csv_file(rows()), xlsx_file(rows()), csv_file(rows(), "gb18030")):
        found = bring_in(desk, again, LIST, by=BY, at=NOON + DAY)
        assert (found.new, found.counts["known"]) == (0, 3)
    with desk.register.read() as connection:
        assert office_log.chain_end(connection) == before
    assert counted(desk, Filter()) == {State.SUBMITTED: 3}


CELLS = {
    "no name": ({"姓名": ""}, "姓名", "missing"),
    "no employer": ({"单位名称": " "}, "单位名称", "missing"),
    "a wrong check digit": (
        {"证件号码": NUMBERS[0][:-1] + ("0" if NUMBERS[0][-1] != "0" else "1")},
        "证件号码",
        "field-id_number",
    ),
    "a number without its document": ({"证件号码": "P1234567"}, "证件类型", "id-type"),
    "a rounded number": ({"证件号码": "4.40106E+17"}, "证件号码", "id-as-number"),
    "a day that is none": ({"到期日期": "2026/13/01"}, "到期日期", "no-day"),
    "a formula as name": ({"姓名": "=HYPERLINK(1)"}, "姓名", "formula-start"),
    "a full-width formula": ({"单位名称": "＝cmd"}, "单位名称", "formula-start"),
    "a minus": ({"职务": "-2+3"}, "职务", "formula-start"),
    "far too long": ({"职务": "长" * 501}, "职务", "too-long"),
    "too long": ({"职务": "长" * 201}, "职务", "field-post"),
}


@pytest.mark.parametrize("what", CELLS)
@pytest.mark.parametrize("make", [csv_file, xlsx_file])
def test_a_fault_is_told_by_row_and_column_and_stops_everything(desk, what, make):
    """The heading is the file's, the row the spreadsheet's; nothing is imported, or the good rows where asked."""
    changes, heading, code = CELLS[what]
    file = make(rows(**changes))
    expected = "formula" if make is xlsx_file and what == "a formula as name" else code
    assert faults(desk, file) == [(2, heading, expected)]
    with pytest.raises(RefusedError, match="1 rows have faults"):
        bring_in(desk, file, LIST, by=BY, at=NOON)
    assert counted(desk, Filter()) == {}
    skipping = bring_in(desk, file, replace(LIST, skip_faulty=True), by=BY, at=NOON)
    assert (skipping.new, skipping.faulty) == (2, 1)


def test_an_identity_number_that_excel_keeps_as_a_number_is_refused_with_the_remedy(desk):
    """Fifteen digits are kept and the rest are zeros: nobody can tell what was typed."""
    lines = rows()
    lines[1][1] = int(NUMBERS[1].replace("X", "0"))
    found = look(desk, xlsx_file(lines), LIST, at=NOON)
    assert [(one.row, one.code) for one in found.faults] == [(3, "id-as-number")]
    assert "format the column as text" in found.faults[0].message


def test_every_fault_of_a_row_is_told(desk):
    """Whoever mends the file mends it once."""
    changes = {"姓名": "", "证件号码": "1", "到期日期": "bald"}
    assert {code for _, _, code in faults(desk, csv_file(rows(**changes)))} == {"missing", "id-type", "no-day"}


def test_one_person_twice_is_imported_once_and_twice_otherwise_is_a_fault(desk):
    """The same row again is skipped; with another employer somebody has to say which is right."""
    twice = [*rows(2), rows(1)[0]]
    found = look(desk, csv_file(twice), LIST, at=NOON)
    assert (found.new, found.counts["twice"], found.remarks[0].row) == (2, 1, 4)
    assert bring_in(desk, csv_file(twice), LIST, by=BY, at=NOON).new == 2
    other = [*rows(2), rows(1, 单位名称="另一公司")[0]]
    assert faults(desk, csv_file(other)) == [(4, "姓名", "twice-differs")]


def test_a_changed_line_is_a_fault_and_the_first_one_stays(desk):
    """What two persons may be working on is not changed by a file."""
    bring_in(desk, csv_file(rows(1)), LIST, by=BY, at=NOON)
    assert faults(desk, csv_file(rows(2, 职务="董事"))) == [(2, "姓名", "differs")]


def test_who_holds_a_card_or_applied_already_is_told_before(desk):
    """The preview says so; the list still makes no card and gives no ground."""
    approved(desk, number=NUMBERS[0])
    handed_in(desk, number=NUMBERS[1])
    found = look(desk, csv_file(rows()), LIST, at=LATER)
    assert [(one.row, one.code) for one in found.remarks] == [(2, "held"), (3, "open")]
    assert found.new == 3


@pytest.mark.parametrize(
    ("heads", "code", "names"),
    [
        (("姓名", "证件号码", "职务"), "missing-column", ("employer",)),
        (("姓名", "姓 名", "证件号码", "单位名称"), "column-twice", None),
        (("甲", "乙", "丙"), "no-headings", None),
    ],
)
def test_a_file_without_its_columns_is_not_read(desk, heads, code, names):
    """Nothing is guessed from the place of a column."""
    with pytest.raises(NoColumns) as caught:
        look(desk, csv_file([["a"] * len(heads)], heads=heads), LIST, at=NOON)
    assert caught.value.code == code
    assert names is None or caught.value.names == ("单位",)


def bomb():
    """An XLSX file of a few kilobytes that unpacks to megabytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as member:
            for _ in range(24):
                member.write(b"\x20" * (1 << 20))
    return target


HOSTILE = {
    "a zip bomb": (bomb, "bomb"),
    "macros": (lambda: repacked(xlsx_file(rows()), **{"xl/vbaProject.bin": b"x"}), "active"),
    "links to other files": (
        lambda: repacked(xlsx_file(rows()), **{"xl/externalLinks/externalLink1.xml": b"<x/>"}),
        "active",
    ),
    "an embedded file": (lambda: repacked(xlsx_file(rows()), **{"xl/embeddings/oleObject1.bin": b"x"}), "active"),
    "an entity": (
        lambda: repacked(xlsx_file(rows()), **{"xl/sharedStrings.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'}),
        "active",
    ),
    "an entity in UTF-16": (
        lambda: repacked(xlsx_file(rows()), **{"xl/styles.xml": "<!DOCTYPE a []>".encode("utf-16")}),
        "active",
    ),
    "a zip that is no workbook": (lambda: repacked(io.BytesIO(b"PK\x05\x06" + b"\0" * 18), x="y"), "bad-xlsx"),
    "a broken zip": (lambda: io.BytesIO(b"PK\x03\x04 nothing"), "bad-xlsx"),
    "a workbook with a broken sheet": (
        lambda: repacked(xlsx_file(rows()), **{"xl/worksheets/sheet1.xml": b"<worksheet><a>"}),
        "bad-xlsx",
    ),
    "an old workbook": (lambda: io.BytesIO(bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 99), "old-excel"),
    "UTF-16 text": (lambda: io.BytesIO("姓名,证件号码".encode("utf-16")), "utf-16"),
    "bytes that are no text": (lambda: io.BytesIO(b"a,b\n\xff\xff\xff\x00\x80"), "encoding"),
    "a picture": (lambda: io.BytesIO(b"\0\0\0\0a,b\n"), "not-text"),
    "quotation marks left open": (lambda: io.BytesIO('姓名,证件号码,单位\n"a"b,c,d\n'.encode()), "bad-csv"),
    "nothing": (io.BytesIO, "empty"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_or_broken_file_is_refused_before_anything_is_made_of_it(desk, what):
    """Each with its reason and remedy; never an error of a library."""
    make, code = HOSTILE[what]
    with pytest.raises(BadSheet) as caught:
        look(desk, make(), LIST, at=NOON)
    assert caught.value.code == code
    assert str(caught.value)


def test_a_formula_or_an_error_value_in_a_cell_is_a_fault(desk):
    """What a formula would give depends on who opens the file."""
    book = Workbook()
    for line in (HEADS, *rows(2)):
        book.active.append(line)
    book.active["D2"] = "=A2"
    book.active["D3"] = "#N/A"
    book.active["D3"].data_type = "e"
    target = io.BytesIO()
    book.save(target)
    assert [code for _, _, code in faults(desk, target)] == ["formula", "error-value"]


def test_a_platforms_file_is_known_by_channel_and_receipt(desk):
    """Channel by code or by name; applicants of a platform are told that their application is there."""
    heads = ("渠道", "回执号", "姓名", "证件号码", "条件", "手机", "单位")
    lines = [
        ["广东省政务服务网", "GD-1", "林志远", NUMBERS[0], "金卡第6项", "+8613800000099", "某公司"],
        ["district", "PX-9", "林志远", NUMBERS[1], "silver-6", "13800000098", "某公司"],
        ["", "GD-2", "林志远", NUMBERS[2], "gold-6.a", "", "某公司"],
    ]
    assert bring_in(desk, csv_file(lines, heads=heads), PLATFORM, by=BY, at=NOON).new == 3
    found = {(one.channel, one.channel_receipt, one.ground) for one in listed(desk, Filter(), limit=9)}
    assert found == {("province", "GD-1", "gold-6"), ("district", "PX-9", "silver-6"), ("province", "GD-2", "gold-6")}
    with desk.register.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(NOTICES)).scalar_one() == 2
    again = [[*lines[0][:2], "别人", *lines[0][3:]]]
    assert faults(desk, csv_file(again, heads=heads), PLATFORM) == [(2, "姓名", "differs")]


@pytest.mark.parametrize(
    "changes",
    [{"department": "hrss"}, {"ground": "gold-99"}, {"limb": "z"}, {"reference": " "}, {"department": "nobody"}],
)
def test_a_list_of_whoever_hands_in_none_is_refused(desk, changes):
    """Department, ground, limb and the letter's number are the programme's or the letter's."""
    with pytest.raises(RefusedError):
        look(desk, csv_file(rows()), replace(LIST, **changes), at=NOON)


def test_whoever_imported_does_not_decide(desk):
    """Two persons, by way of an import too: the importer with every right stops at the second step."""
    bring_in(desk, csv_file(rows(1)), LIST, by=BOTH.id, at=NOON)
    (line,) = listed(desk, Filter(), limit=9)
    office.claim(desk, line.id, BOTH, at=LATER)
    office.forward(desk, line.id, BOTH, advice="refuse", at=LATER)
    assert objection_to(desk, find(desk, line.id), BOTH) is Objection.SECOND_PERSON


def test_an_import_stands_in_the_log_and_no_person_of_it(desk):
    """A line for each application and one for the file: counts, letter, digest; no name and no number in the clear."""
    bring_in(desk, csv_file(rows()), LIST, by=BY, at=NOON)
    with desk.register.read() as connection:
        line, *received = office_log.newest(connection, 4)
        kept = connection.execute(sa.select(APPLICATIONS)).all()
    assert (line.action, line.detail["rows"], line.detail["new"]) == (OfficeAction.LIST_IMPORTED, 3, 3)
    assert [one.action for one in received] == [OfficeAction.APPLICATION_RECEIVED] * 3
    assert {one.detail["application"] for one in received} == {row.id for row in kept}
    assert not [value for row in kept for value in row if "林志远" in str(value) or NUMBERS[0] in str(value)]


def test_a_file_that_was_looked_at_waits_a_day_for_whoever_looked(desk):
    """Sealed until then; imported once; nobody else's; gone the day after."""
    data = csv_file(rows()).getvalue()
    draft = drafts.keep_draft(desk, data, LIST, by="person:a", at=NOON)
    folder = list(desk.attachments.rglob("*"))
    assert not any("林志远".encode() in path.read_bytes() for path in folder if path.is_file())
    with pytest.raises(RefusedError):
        drafts.finish(desk, draft, by="person:b", at=NOON, rows_most=99, skip_faulty=False)
    assert drafts.finish(desk, draft, by="person:a", at=NOON, rows_most=99, skip_faulty=False).new == 3
    with pytest.raises(RefusedError):
        drafts.finish(desk, draft, by="person:a", at=NOON, rows_most=99, skip_faulty=False)
    late = drafts.keep_draft(desk, data, LIST, by="person:a", at=NOON)
    with pytest.raises(RefusedError):
        drafts.finish(desk, late, by="person:a", at=NOON + 2 * DAY, rows_most=99, skip_faulty=False)
    assert drafts.sweep(desk, NOON + 2 * DAY) == 1
    with desk.register.read() as connection:
        assert connection.execute(sa.select(IMPORTS.c.id)).scalars().all() == [draft]


def people(count):
    """So many rows of a list."""
    for place in range(count):
        day = date(1950, 1, 1) + timedelta(days=place // 900)
        yield "林志远", resident_id(day.strftime("%Y%m%d"), place % 900 + 1), "白云区某公司"


def many(count):
    """A list of so many people, as bytes of a CSV file."""
    return io.BytesIO("\n".join(",".join(line) for line in (HEADS[:3], *people(count))).encode())


def file_of(path, form, count):
    """A list of so many people as Chinese Excel saves it, in a file."""
    if form == "csv gb18030":
        path.write_text("\r\n".join(",".join(line) for line in (HEADS[:3], *people(count))), "gb18030", newline="")
        return path
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for line in (HEADS[:3], *people(count)):
        sheet.append(line)
    book.save(path)
    return path


def imported(folder, form, count):
    """What a process of its own tells of the import of so many people."""
    folder.mkdir()
    make_desk(folder).close()
    file = file_of(folder / "list", form, count)
    command = [sys.executable, "-m", "tests.issuer.import_memory", str(folder), str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def peak(work):
    """The most memory that Python held at once while something ran, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _gone_through(file):
    with open_sheet(file) as sheet:
        for _ in sheet.rows:
            pass


@pytest.mark.slow
def test_memory_stays_flat_however_long_the_file(desk):
    """Eight times the rows want nowhere near eight times the memory: rows are read and checked a part at a time."""
    short, long = many(500), many(4000)
    peak(lambda: look(desk, many(10), LIST, at=NOON))  # what is loaded once is not counted
    small, large = (peak(lambda file=file: look(desk, file, LIST, at=NOON)) for file in (short, long))
    assert large < small + 2_000_000
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for place in range(4000):
        sheet.append(["林志远", f"{place}", "某公司"])
    target = io.BytesIO()
    book.save(target)
    assert peak(lambda: _gone_through(target)) < 8_000_000


def test_too_many_rows_for_a_page_are_said_to_be(desk):
    """The command line takes what a page does not wait for."""
    with pytest.raises(BadSheet) as caught:
        look(desk, csv_file(rows(4)), LIST, at=NOON, rows_most=3)
    assert caught.value.code == "too-many-rows"


def test_a_cell_far_to_the_right_is_refused_and_not_filled_up_to(desk):
    """A single cell in the last column that Excel has: said to be too many columns, and little memory is taken."""
    target = xlsx_file(rows(2))
    wide = io.BytesIO()
    with zipfile.ZipFile(target) as there, zipfile.ZipFile(wide, "w", zipfile.ZIP_DEFLATED) as made:
        for one in there.infolist():
            data = there.read(one)
            if one.filename.endswith("sheet1.xml"):
                head, last, tail = data.rpartition(b'2" t="')
                data = head[:-1] + b"XFD" + last + tail
                assert data.count(b'r="XFD2"') == 1
            made.writestr(one, data)
    with pytest.raises(BadSheet) as caught:
        look(desk, wide, LIST, at=NOON)
    assert caught.value.code == "too-many-columns"

    def refused():
        with pytest.raises(BadSheet):
            _gone_through(wide)

    assert peak(refused) < 8_000_000


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv gb18030", "xlsx"])
def test_a_whole_import_wants_little_memory_and_the_same_file_again_changes_nothing(tmp_path, form):
    """The short form of what follows: imported to its end in a process of its own, with its memory and its progress."""
    told = imported(tmp_path / "long", form, 2_000)
    assert (told["form"], told["new"], told["known"], told["made"]) == (form, 2_000, 2_000, 0)
    assert told["steady"]
    assert told["steps"] >= 5
    assert told["megabytes"] < MEGABYTES


@pytest.mark.soak
@pytest.mark.parametrize("form", ["csv gb18030", "xlsx"])
def test_a_hundred_thousand_rows(tmp_path, form):
    """Fifty times the rows of the short form, and the same bound of memory; known again; no step of progress back."""
    told = imported(tmp_path / "long", form, 100_000)
    assert (told["form"], told["new"], told["known"], told["made"]) == (form, 100_000, 100_000, 0)
    assert told["steady"]
    assert told["steps"] >= 250
    assert told["megabytes"] < MEGABYTES
