"""What a file really is: scripts under another name, files that are two things, bombs and marks of a phone."""

import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from edge.sealing import Unsealable
from issuer.applications.attachments import Attachments
from issuer.applications.files import JPEG, PDF, BadFile, plain_file
from issuer.register.errors import RefusedError
from tests.issuer.applying import pdf
from tests.issuer.builders import photo


def taken(data, *, most_bytes=10_000_000, pages_most=30):
    """Return what is kept of a file."""
    return plain_file(data, most_bytes=most_bytes, pages_most=pages_most)


def why_not(data, **bounds):
    """Return why a file is not taken."""
    with pytest.raises(BadFile) as caught:
        taken(data, **bounds)
    return caught.value.code


def made(change):
    """Return a PDF that `change` did something to."""
    writer, target = PdfWriter(), BytesIO()
    page = writer.add_blank_page(200, 200)
    change(writer, page)
    writer.write(target)
    return target.getvalue()


def launching(writer, page):
    """Let a link start a program."""
    action = DictionaryObject({NameObject("/S"): NameObject("/Launch"), NameObject("/F"): TextStringObject("cmd.exe")})
    link = DictionaryObject({NameObject("/Subtype"): NameObject("/Link"), NameObject("/A"): action})
    page[NameObject("/Annots")] = ArrayObject([writer._add_object(link)])


def scripted(writer, page):
    """Let a script run when the document is opened."""
    action = DictionaryObject({NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("1")})
    writer._root_object[NameObject("/OpenAction")] = writer._add_object(action)


def with_form(writer, page):
    """Carry a form of the kind that holds scripts of its own."""
    form = DictionaryObject({NameObject("/XFA"): TextStringObject("x")})
    writer._root_object[NameObject("/AcroForm")] = form


def test_pictures_and_documents_are_kept_as_plain_copies():
    """A PDF keeps its pages, a picture its pixels, whatever the file was called."""
    kept = taken(pdf("HELLO"))
    assert (kept.media, kept.pages) == (PDF, 1)
    assert "HELLO" in PdfReader(BytesIO(kept.data)).pages[0].extract_text()
    for form in ("JPEG", "PNG"):
        assert taken(photo(form=form)).media == JPEG


@pytest.mark.parametrize(
    "data",
    [
        b"#!/bin/sh\nrm -rf /\n",
        b"<script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"MZ\x90\x00",
        b"PK\x03\x04" + b"\0" * 100,
        b"GIF89a" + b"\0" * 100,
        b"II*\x00" + b"\0" * 100,
        b"\0" * 1000,
        b" %PDF-1.4",
    ],
)
def test_what_is_no_picture_and_no_document_is_refused(data):
    """A script named .jpg is a script: the content alone tells what a file is."""
    assert why_not(data) == "unknown-kind"


def test_empty_and_too_large_files_are_refused():
    """The bound comes before anything is read."""
    assert why_not(b"") == "empty"
    assert why_not(pdf() + b"\0" * 100, most_bytes=99) == "too-large"
    assert why_not(pdf(), pages_most=0) == "too-many-pages"


@pytest.mark.parametrize(
    "change",
    [
        scripted,
        lambda writer, page: writer.add_attachment("evil.exe", b"MZ"),
        launching,
        lambda writer, page: page.update({NameObject("/AA"): DictionaryObject()}),
        with_form,
    ],
)
def test_a_document_that_acts_or_carries_files_is_refused(change):
    """Scripts, launches, embedded files, page actions and XFA forms are found wherever they stand."""
    assert why_not(made(change)) == "acts"


def test_a_document_with_a_password_is_refused():
    """What nobody can look into is not kept."""
    writer, target = PdfWriter(), BytesIO()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret")
    writer.write(target)
    assert why_not(target.getvalue()) == "encrypted"


def test_a_document_that_is_a_second_thing_too_is_refused():
    """A PDF with an archive behind it, or with a page of a browser in its head, is two files in one."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as inner:
        inner.writestr("evil.js", "alert(1)")
    assert why_not(pdf() + archive.getvalue()) == "polyglot"
    head, _, rest = pdf().partition(b"\n")
    assert why_not(head + b"\n%<script>alert(1)</script>\n" + rest) == "polyglot"


def test_nothing_of_a_phone_stays_in_a_picture():
    """Place, camera and comments are gone, and the picture stands upright."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SECRET-PHONE", 6
    file = BytesIO()
    Image.new("RGB", (40, 20), "white").save(file, "JPEG", exif=exif, comment=b"SECRET-COMMENT")
    kept = taken(file.getvalue() + b"SECRET-TAIL")
    assert b"SECRET" not in kept.data
    with Image.open(BytesIO(kept.data)) as picture:
        assert picture.size == (20, 40)


def test_a_picture_that_claims_to_be_huge_costs_nothing():
    """The size is read from the header before a pixel is decoded."""
    bomb = BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    assert why_not(bomb.getvalue()) == "too-large"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000), st.integers(0, 255))
def test_broken_documents_give_a_copy_or_one_error(place, value):
    """A changed byte never raises anything but BadFile."""
    broken = bytearray(pdf())
    broken[place % len(broken)] = value
    try:
        taken(bytes(broken))
    except BadFile:
        return


def test_a_page_tree_that_bites_its_tail_is_refused():
    """A document whose pages are their own parents' children does not keep the server busy."""
    looped = pdf().replace(b"/Kids [", b"/Kids [ 3 0 R 3 0 R ", 1)
    try:
        assert taken(looped).pages <= 30
    except BadFile:
        return


def test_a_kept_file_opens_under_its_own_name_alone(desk):
    """Sealed bytes moved to another file's name do not open; a path of a client is no name."""
    store = Attachments(desk.attachments, desk.register)
    one, two = store.keep(b"one"), store.keep(b"two")
    assert store.open(one) == b"one"
    paths = {path.name: path for path in desk.attachments.rglob("*") if path.is_file()}
    assert {path.stat().st_mode & 0o777 for path in paths.values()} == {0o600}
    paths[two].write_bytes(paths[one].read_bytes())
    with pytest.raises(Unsealable):
        store.open(two)
    for name in ("../../secret", "/etc/passwd", "", one + "/", "." + one[1:]):
        with pytest.raises(RefusedError):
            store.open(name)
    store.remove(one)
    store.remove(one)
    with pytest.raises(RefusedError, match="gone"):
        store.open(one)
