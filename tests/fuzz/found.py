"""The inputs with which fuzzing found faults that are mended now. Every run tries each input again."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO

from tests.fuzz.files import SHEET, _members
from tests.issuer.test_application_files import launching, made
from tests.issuer.test_importing import LIST


def repacked(members: dict[str, bytes]) -> bytes:
    """The good workbook with parts replaced."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in _members().items():
            archive.writestr(name, members.get(name, data))
    return out.getvalue()


def _directory_outside() -> bytes:
    """A ZIP file whose directory says that a member begins before the file."""
    data = bytearray(SHEET)
    at = data.rfind(b"PK\5\6") + 16
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little") + 28).to_bytes(4, "little")
    return bytes(data)


def _broken_stream() -> bytes:
    """A ZIP file with a member that no deflater wrote."""
    data = bytearray(SHEET)
    with zipfile.ZipFile(BytesIO(SHEET)) as archive:
        one = archive.infolist()[0]
    start = one.header_offset + 30 + len(one.filename)
    data[start : start + 20] = b"\xff" * 20
    return bytes(data)


def _endless_number() -> bytes:
    """A list whose day is a number without end: `1e999`."""
    sheet = _members()["xl/worksheets/sheet1.xml"]
    at = sheet.index(b'<c r="E2"')
    whole = sheet[:at] + b'<c r="E2" t="n"><v>1e999</v></c>' + sheet[sheet.index(b"</c>", at) + 4 :]
    return repacked({"xl/worksheets/sheet1.xml": whole})


def launching_without_root() -> bytes:
    """A PDF that starts a program, and whose trailer names no root: its pages are found all the same."""
    return made(launching).replace(b"/Root 3 0 R", b"/Root 3 R    ")


def cases() -> Iterator[tuple[str, object]]:
    """Every found input with its target's name."""
    yield "export-file", b'{"format":"\xb4"}'
    yield "export-file", b'{"format":"yunju-log-export/1","size":' + b"[" * 100_000
    for data in (_directory_outside(), _broken_stream(), repacked({"[Content_Types].xml": b"<a>\xff</a>"})):
        yield "workbook", data
    yield "list-of-applications", (_endless_number(), LIST)
    yield "paper", launching_without_root()
    yield "server-answer", (200, b"{}", "")
