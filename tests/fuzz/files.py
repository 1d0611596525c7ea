"""Targets: files that others hand in: programmes, workbooks, papers, photos, a moved ledger, settings."""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path

from hypothesis import strategies as st

from cards.programme.load import ProgrammeError, parse_programme
from edge.settings import SettingsError, describe_settings, load_settings
from issuer.applications.columns import NoColumns
from issuer.applications.files import BadFile, plain_file
from issuer.applications.importing import ImportOptions, look
from issuer.applications.sheets import BadSheet, open_sheet
from issuer.register.errors import RefusedError
from issuer.register.photo import BadPhoto, background_is_white, check_photo
from ledger import moving_file
from ledger.contents import Damaged
from ledger.sqlite import SqliteLedger
from tests.cards.programme.builders import baiyun, example_text
from tests.fuzz.target import mangled, mangled_text, target
from tests.issuer import builders as office
from tests.issuer.applying import pdf
from tests.issuer.test_application_files import launching, made, scripted
from tests.issuer.test_importing import FORMS, LIST, PLATFORM

EXAMPLE = example_text()
LINES = EXAMPLE.splitlines(keepends=True)
VALUES = [
    "0",
    "-1",
    "1.5",
    "true",
    "[]",
    "{}",
    '""',
    '"x"',
    "1979-05-27",
    '["a", 1]',
    "9223372036854775807",
    "inf",
    "nan",
]
WORDS = ['"(a+)+"', '"\\u0000"', '{ zh = "甲" }', "[[1, 2], [3]]", "07:30:00", '"baiyun"', '"2026-02-30"', "1e400"]


@st.composite
def _programmes(draw) -> str:
    """The small programme with lines moved, removed, doubled, and values exchanged for odd ones."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "value", "value", "drop", "double", "move"])):
            case "value" if "=" in lines[at]:
                lines[at] = f"{lines[at].partition('=')[0]}= {draw(st.sampled_from(VALUES + WORDS))}\n"
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
    return "".join(lines)


@target(lambda: st.one_of(_programmes(), _programmes(), mangled_text([EXAMPLE])), examples=25)
def programme_file(text: str) -> None:
    """A programme file is a whole programme or a list of faults, each with its remedy."""
    try:
        parse_programme(text.encode("utf-8", "surrogatepass"), "fuzz.toml")
    except ProgrammeError as refused:
        assert refused.faults
        assert all(one.place is not None and one.problem and one.remedy for one in refused.faults)


SHEET = FORMS["xlsx"].getvalue()


@cache
def _members() -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(SHEET)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


CELLS = [
    *('<c r="A1" t="n"><v>1e999</v></c>', '<c r="A1"><v>nan</v></c>', '<c r="ZZZ1" t="s"><v>99</v></c>'),
    *('<c r="A1" t="d"><v>2027-12-31T25:00</v></c>', '<c r="A1" t="b"><v>7</v></c>', '<c t="inlineStr"><is/></c>'),
    *('<c r="E5" s="1"><v>-5</v></c>', '<c r="E5" s="1"><v>1e308</v></c>', '<c r="A0"><v>1</v></c>', "<row r='0'/>"),
    *("<c r='E2' s='999'><v>46752</v></c>", '<row r="9999999"><c/></row>', '<c r="B2"><f>1+1</f></c>', "&#0;", "&x;"),
]


@st.composite
def _workbooks(draw) -> bytes:
    """A workbook whose parts were spoilt inside, whose cells are odd, or that was spoilt as a file."""
    members = dict(_members())
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(members)))
        if draw(st.booleans()):
            members[name] = draw(mangled([members[name]]))
        else:
            sheet = members["xl/worksheets/sheet1.xml"]
            places = [at + 6 for at in range(len(sheet)) if sheet.startswith(b"<row r=", at)] or [0]
            at = sheet.find(b">", draw(st.sampled_from(places))) + 1
            members["xl/worksheets/sheet1.xml"] = sheet[:at] + draw(st.sampled_from(CELLS)).encode() + sheet[at:]
    out = BytesIO()
    with zipfile.ZipFile(out, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


TABLES = [file.getvalue() for name, file in FORMS.items() if not name.startswith("xlsx")]


def _sheets() -> st.SearchStrategy[bytes]:
    return st.one_of(_workbooks(), mangled([SHEET]), mangled(TABLES), _workbooks().flatmap(lambda one: mangled([one])))


@target(_sheets)
def workbook(data: bytes) -> None:
    """A file of an office gives rows in bounds, or is refused with its remedy."""
    try:
        with open_sheet(BytesIO(data)) as sheet:
            for row in sheet.rows:
                assert row.number >= 1
    except BadSheet as refused:
        assert refused.code


@cache
def _desk():
    return office.make_desk(Path(tempfile.mkdtemp(prefix="fuzz-")))


OPTIONS = [LIST, PLATFORM, ImportOptions("platform", channel="province", ground="gold-6", skip_faulty=True)]


@target(lambda: st.tuples(_sheets(), st.sampled_from(OPTIONS)), examples=40)
def list_of_applications(given: tuple[bytes, ImportOptions]) -> None:
    """A list looked at is told row by row, fault by fault, or refused as a whole; nothing fails on a cell."""
    data, options = given
    try:
        found = look(_desk(), BytesIO(data), options, at=office.NOON)
    except (BadSheet, NoColumns, RefusedError):
        return
    assert found.faulty <= found.rows


PAPERS = [pdf(), made(launching), made(scripted), office.photo(400, 500), office.photo(30, 40, form="PNG", mode="RGBA")]
PICTURE = office.photo(413, 531)
PDF_WORDS = [
    "/Type /Pages",
    "/Kids [1 0 R]",
    "/Count 99999999",
    "/Length 4294967295",
    "/Filter /FlateDecode",
    "/Encrypt 1 0 R",
]
PDF_WORDS += [
    "<<" * 30,
    "[" * 60,
    "/Prev 0",
    "/XRefStm 9",
    "/Parent 2 0 R",
    "/MediaBox [0 0 1e99 nan]",
    "/JS (x)",
    "%%EOF\n",
]


@st.composite
def _pdfs(draw) -> bytes:
    """A PDF with words of its own grammar strewn in."""
    data = draw(mangled(PAPERS[:3]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from(PDF_WORDS)).encode() + data[at:]
    return data + draw(st.sampled_from([b"", b"\n%%EOF\n"]))


@target(lambda: st.one_of(_pdfs(), mangled(PAPERS)), examples=80)
def paper(data: bytes) -> None:
    """A paper of an applicant is copied plainly, within bounds, or refused with its remedy."""
    try:
        kept = plain_file(data, most_bytes=10_000_000, pages_most=30)
    except BadFile as refused:
        assert refused.code
        return
    assert 1 <= kept.pages <= 30
    assert plain_file(kept.data, most_bytes=100_000_000, pages_most=30).media == kept.media


@target(lambda: mangled([PICTURE, office.photo(900, 1155), office.photo(413, 531, mode="L")]), examples=40)
def portrait(data: bytes) -> None:
    """A photo is written anew in the programme's size, or refused."""
    rule = baiyun().photo
    assert rule is not None
    try:
        kept = check_photo(data, rule)
    except BadPhoto:
        return
    assert len(kept) <= rule.most_bytes
    background_is_white(kept)


@cache
def _moved() -> bytes:
    """A ledger's file."""
    from edge.clock import FixedClock
    from ledger.moving import export_to
    from tests.ledger.builders import START, a_check_out, a_gym_visit
    from tests.ledger.test_moving import untold

    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.db", FixedClock(START))
        told = ledger.check_in(a_gym_visit())
        ledger.check_out(a_check_out(told.entry))
        export_to(ledger, Path(folder) / "moved", untold)
        ledger.close()
        return (Path(folder) / "moved").read_bytes()


@target(lambda: mangled([_moved()]))
def moved_ledger(data: bytes) -> None:
    """A ledger's file is whole, or named damaged."""
    try:
        moving_file.read_header(BytesIO(data))
        list(moving_file.read(BytesIO(data)))
    except Damaged:
        return
    assert data == _moved()


NAMES = [name for name, *_ in describe_settings()]
SETTINGS = [
    "",
    " ",
    "0",
    "-1",
    "1e9",
    "true",
    "http://[::1",
    "https://h/",
    "sqlite:///x",
    "redis://h:99999/0",
    "10.0.0.0/33",
    "\0",
]
SETTINGS += [
    "99999999999999999999",
    "/",
    "/proc/self/mem",
    "mail://",
    "verifier,issuer",
    "２",
    "A" * 43,
    "postgresql://h/d",
    "1:2",
]


@target(
    lambda: st.dictionaries(
        st.sampled_from(NAMES), st.one_of(st.sampled_from(SETTINGS), st.text(max_size=20)), max_size=4
    )
)
def settings(environ: dict[str, str]) -> None:
    """Any settings are taken, or refused with every fault told."""
    try:
        found = load_settings({"YUNJU_VAR": tempfile.gettempdir()} | environ)
    except SettingsError as refused:
        assert str(refused)
        return
    assert repr(found)
