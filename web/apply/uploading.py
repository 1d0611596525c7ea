"""A paper's file in pieces, for the page's script: begun or found again, then piece by piece. Answers in JSON.

The script then sends the paper's plain form with the upload's id in place of the file; `papers` takes it from there.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from edge.http import answer, body_limit, request_instant
from issuer.applications import uploads
from issuer.applications.records import Application
from issuer.applications.uploads import PIECE, BadUpload, Target, Upload
from issuer.register.errors import RefusedError
from web.apply.asked import asked_of
from web.apply.shared import ApplyPages

PIECE_SPARE: Final = 8_000
"""Bytes of a piece's form beside the piece itself."""
_STATUS: Final = {"no-upload": 404, "offset": 409, "closed": 409, "too-large": 413, "full": 503}
_DIGITS_MOST: Final = 12


def add_uploading(found: Blueprint, pages: ApplyPages) -> None:
    """Add the two calls of the script."""

    @found.post("/apply/papers/<key>/upload")
    def announce(key: str) -> Response:
        held = _of_paper(pages, key)
        if held is None:
            return _refused(BadUpload("no-upload", ""))
        pages.limit_uploads()
        size, digest = _number("size"), request.form.get("sha256", "")
        try:
            return _told(uploads.begin(pages.issuer, Target(held.id, key), size, digest, at=request_instant()))
        except (BadUpload, RefusedError) as error:
            return _refused(error)

    @found.post("/apply/papers/<key>/upload/<upload>")
    @body_limit(PIECE + PIECE_SPARE)
    def piece(key: str, upload: str) -> Response:
        held = _of_paper(pages, key)
        if held is None:
            return _refused(BadUpload("no-upload", ""))
        pages.limit_pieces()
        sent = request.files.get("piece")
        data = b"" if sent is None else sent.stream.read()
        target, offset = Target(held.id, key), _number("offset")
        try:
            return _told(uploads.add_piece(pages.issuer, target, upload, offset, data, at=request_instant()))
        except (BadUpload, RefusedError) as error:
            return _refused(error)


def _of_paper(pages: ApplyPages, key: str) -> Application | None:
    """Return this browser's application where it asks for such a paper."""
    held = pages.held()
    return held if any(one.key == key for one in asked_of(pages, held)) else None


def _number(name: str) -> int:
    """Return a whole number of the form, -1 for anything else: no size and no offset is negative."""
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MOST else -1


def _told(upload: Upload) -> Response:
    return answer({"upload": upload.id, "offset": upload.received, "piece": PIECE})


def _refused(error: BadUpload | RefusedError) -> Response:
    code = error.code if isinstance(error, BadUpload) else "closed"
    offset = error.offset if isinstance(error, BadUpload) else None
    told = {"code": code} if offset is None else {"code": code, "offset": offset}
    return answer(told, _STATUS.get(code, 422))
