"""Recognises an uploaded file's kind, and makes the plain copy to keep. Reads only the given bytes.

A picture is decoded and written again, so that everything else in the file stays behind. A PDF with active parts is
refused. The pages of any other PDF are written into a new file: bytes before, after and between the pages are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps
from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, PdfObject

PDF: Final = "application/pdf"
JPEG: Final = "image/jpeg"
_JPEG_START: Final = b"\xff\xd8\xff"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PDF_START: Final = b"%PDF-"
_PIXELS_MOST: Final = 60_000_000
_SIDE_MOST: Final = 4000
_QUALITY: Final = 85
_OBJECTS_MOST: Final = 20_000
_AFTER_END_MOST: Final = 32
_ACTS: Final = frozenset(
    {
        *("/JavaScript", "/JS", "/Launch", "/Rendition", "/Movie", "/Sound", "/3D", "/RichMedia", "/XFA"),
        *("/EmbeddedFile", "/EmbeddedFiles", "/EF", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/AA"),
    }
)
"""Names in a PDF that act by themselves or carry other files (ISO 32000-1, 7.11, 12.6, 13)."""

# pypdf warns about every oddity in a file, with words from the file. The verdict is this module's to give.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class BadFile(ValueError):
    """The file is not accepted. `code` (a key of the words) says why, and the message adds the remedy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file as it is kept: without active or hidden parts."""

    media: str
    pages: int
    data: bytes = field(repr=False)


def plain_file(data: bytes, *, most_bytes: int, pages_most: int) -> PlainFile:
    """Return the plain copy of a PDF, JPEG or PNG file, recognised by its content. Raises BadFile for anything else."""
    if len(data) > most_bytes:
        raise BadFile("too-large", f"a file has {most_bytes} bytes at most")
    if not data:
        raise BadFile("empty", "the file is empty")
    if data.startswith((_JPEG_START, _PNG_START)):
        return _picture(data)
    if data.startswith(_PDF_START):
        return _document(data, pages_most)
    raise BadFile("unknown-kind", "send a PDF, JPEG or PNG file; what a file is is told by its content")


def _picture(data: bytes) -> PlainFile:
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > _PIXELS_MOST:
                raise BadFile("too-large", f"a picture has {_PIXELS_MOST} pixels at most")
            turned = ImageOps.exif_transpose(image)
            turned.thumbnail((_SIDE_MOST, _SIDE_MOST))
            plain = Image.new("RGB", turned.size, "white")
            seen = turned.convert("RGBA")
            plain.paste(seen, mask=seen.getchannel("A"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile("unreadable", "the picture cannot be read: save it again") from None
    target = BytesIO()
    plain.save(target, "JPEG", quality=_QUALITY)
    return PlainFile(JPEG, 1, target.getvalue())


def _document(data: bytes, pages_most: int) -> PlainFile:
    _refuse_second_nature(data)
    try:
        return _pages_alone(PdfReader(BytesIO(data), strict=False), pages_most)
    except BadFile:
        raise
    except (PyPdfError, RecursionError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError):
        # A hostile file can fail anywhere inside the reader, so such an error counts as the file's fault.
        raise BadFile("unreadable", "the PDF cannot be read: print it to a PDF anew") from None


def _pages_alone(reader: PdfReader, pages_most: int) -> PlainFile:
    if reader.is_encrypted:
        raise BadFile("encrypted", "the PDF is protected by a password: save it without one")
    pages = len(reader.pages)
    if not 1 <= pages <= pages_most:
        raise BadFile("too-many-pages", f"a PDF has {pages_most} pages at most")
    _refuse_acts(reader)
    writer = PdfWriter()
    for page in reader.pages:
        writer.add_page(page)
    target = BytesIO()
    writer.write(target)
    # A broken file can give its pages without giving the way to them: what is kept is looked at as well.
    _refuse_acts(PdfReader(target))
    return PlainFile(PDF, pages, target.getvalue())


def _refuse_acts(reader: PdfReader) -> None:
    if any(name in _ACTS for name in _names(reader)):
        raise BadFile("acts", "the PDF holds a script, an action or another file: print it to a PDF anew")


def _refuse_second_nature(data: bytes) -> None:
    """Refuse a PDF that is also another kind of file: bytes after its end, or the start of another file inside."""
    end = data.rfind(b"%%EOF")
    if end < 0 or len(data) - end - len(b"%%EOF") > _AFTER_END_MOST:
        raise BadFile("polyglot", "the PDF has something after its end: print it to a PDF anew")
    head = data[:1024].lower()
    if any(mark in head for mark in (b"<script", b"<html", b"<?php", b"pk\x03\x04", b"mz\x90\x00")):
        raise BadFile("polyglot", "the file is a PDF and something else: print it to a PDF anew")


def _names(reader: PdfReader) -> Iterator[str]:
    """Yield every key and every action's name of a PDF, each object once. Raises BadFile for too many objects."""
    waiting: list[PdfObject] = [reader.trailer]
    seen: set[tuple[int, int]] = set()
    walked = 0
    while waiting:
        item = waiting.pop()
        walked += 1
        if walked > _OBJECTS_MOST * 10 or len(seen) > _OBJECTS_MOST:
            raise BadFile("too-large", "the PDF has too many parts: print it to a PDF anew")
        if isinstance(item, IndirectObject):
            named = (item.idnum, item.generation)
            found = item.get_object() if named not in seen else None
            seen.add(named)
            waiting += [found] if found is not None else []
        elif isinstance(item, DictionaryObject):
            yield from map(str, item)
            yield from (str(item.raw_get(key)) for key in ("/S", "/Type", "/Subtype") if key in item)
            waiting += [item.raw_get(key) for key in item]
        elif isinstance(item, ArrayObject):
            waiting += list(item)
