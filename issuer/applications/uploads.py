"""A paper's file on its way in pieces, so that a broken connection costs one piece. Each piece lies sealed at once.

A piece is no paper: what arrived whole goes through the same door as a file that came at once (`service.attach`).
Trust: the sender names size and SHA-256 before the first piece; nothing else of the sender's is believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from edge.clock import Clock
from edge.ids import new_id
from edge.repeating import Job
from edge.sealing import Unsealable
from issuer.applications import drafts
from issuer.applications.attachments import Attachments
from issuer.applications.service import changeable
from issuer.register.application_tables import APPLICATION_UPLOADS
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer

PIECE: Final = 256 * 1024
"""Bytes of a piece; the last piece of a file is what remains."""
KEPT: Final = timedelta(days=1)
"""How long an upload waits for its next piece before it is swept."""
AT_ONCE: Final = 3
"""So many files of one application are on their way; one more takes the place of the one that waited longest."""
STAGED_MOST: Final = 1 << 30
"""The most bytes of all uploads together that wait on this office's disk."""
SWEEP_SECONDS: Final = 3600.0
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_U: Final = APPLICATION_UPLOADS


class BadUpload(ValueError):
    """A piece or a file that is not taken; `code` says why, `offset` where the upload goes on, where that is known."""

    def __init__(self, code: str, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.code, self.offset = code, offset


@dataclass(frozen=True, slots=True)
class Target:
    """The paper of an application that a file is for. Nobody reaches an upload but through its own application."""

    application_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way: of which paper, its whole size and what arrived, in bytes."""

    id: str
    key: str
    size: int
    received: int


def begin(issuer: Issuer, target: Target, size: int, digest: str, *, at: datetime) -> Upload:
    """Begin an upload, or find the one that broke off: the same paper, size and SHA-256 (hex) go on where they were.

    Another file of the same paper takes the place of the earlier one. BadUpload: `empty`, `too-large`, `malformed`,
    `full`. RefusedError for an application that is not changed any more.
    """
    _check_announced(size, digest, issuer.programme.applying.file_most_bytes)
    told, key, owner = _digest(issuer, digest), target.key, target.application_id
    with issuer.register.change() as connection:
        changeable(issuer, connection, owner)
        rows = connection.execute(sa.select(_U).where(_U.c.application_id == owner).order_by(_U.c.at, _U.c.id)).all()
        known = next((row for row in rows if (row.key, row.size, row.digest) == (key, size, told)), None)
        if known is not None:
            connection.execute(_U.update().where(_U.c.id == known.id).values(at=at))
            return _upload(known)
        gone = _forget(connection, _displaced(rows, key))
        _require_room(connection, size)
        made = Upload(new_id(), key, size, 0)
        values = {"id": made.id, "application_id": owner, "key": key, "size": size, "digest": told}
        connection.execute(_U.insert().values(values | {"received": 0, "pieces": [], "at": at}))
    remove_pieces(issuer, gone)
    return made


def add_piece(issuer: Issuer, target: Target, upload_id: str, offset: int, data: bytes, *, at: datetime) -> Upload:
    """Keep the next piece, durable when this returns; return what arrived so far.

    BadUpload: `no-upload` for any upload but this paper's own, `offset` with the right one, `length`. A piece that was
    sent twice is refused by its offset, and changes nothing.
    """
    store, kept = _store(issuer), []
    try:
        with issuer.register.change() as connection:
            changeable(issuer, connection, target.application_id)
            row = _row(connection, target, upload_id)
            _check_piece(row, offset, len(data))
            # Within the transaction, so that a sweep never takes a piece for one that nobody knows.
            kept.append(store.keep(data))
            arrived = row.received + len(data)
            values = {"received": arrived, "pieces": row.pieces + kept, "at": at}
            connection.execute(_U.update().where(_U.c.id == upload_id).values(values))
    except BaseException:
        remove_pieces(issuer, kept)
        raise
    return Upload(row.id, row.key, row.size, arrived)


def _check_piece(row: sa.Row[Any], offset: int, length: int) -> None:
    if offset != row.received:
        raise BadUpload("offset", "the file goes on elsewhere", row.received)
    if length != min(PIECE, row.size - row.received):
        raise BadUpload("length", f"a piece has {PIECE} bytes, the last one what remains", row.received)


def whole(issuer: Issuer, target: Target, upload_id: str) -> bytes:
    """Return the file of a finished upload.

    BadUpload: `no-upload`, `incomplete`, and `swapped` for bytes that are not those that were announced; such an
    upload is forgotten, since no piece of it can be trusted.
    """
    with issuer.register.read() as connection:
        row = _row(connection, target, upload_id)
    if row.received != row.size:
        raise BadUpload("incomplete", "the file has not arrived whole", row.received)
    try:
        data = b"".join(map(_store(issuer).open, row.pieces))
    except (Unsealable, RefusedError):
        data = b""
    if len(data) != row.size or _digest(issuer, sha256(data).hexdigest()) != row.digest:
        drop(issuer, target, upload_id)
        raise BadUpload("swapped", "what arrived is not the file that was announced: choose the file again")
    return data


def drop(issuer: Issuer, target: Target, upload_id: str) -> None:
    """Forget an upload and its pieces: its file was taken, or never will be. Nothing happens where there is none."""
    if not upload_id:
        return
    with issuer.register.change() as connection:
        own = (_U.c.id == upload_id, _U.c.application_id == target.application_id)
        gone = _forget(connection, connection.execute(sa.select(_U).where(*own)).all())
    remove_pieces(issuer, gone)


def on_the_way(issuer: Issuer, application_id: str) -> dict[str, Upload]:
    """Return the uploads of an application that have not become a file yet, by paper."""
    with issuer.register.read() as connection:
        rows = connection.execute(sa.select(_U).where(_U.c.application_id == application_id)).all()
    return {row.key: _upload(row) for row in rows}


def forget_in(connection: Connection, application_ids: Sequence[str]) -> list[str]:
    """Forget every upload of some applications inside a transaction; return the names for `remove_pieces`."""
    return _forget(connection, connection.execute(sa.select(_U).where(_U.c.application_id.in_(application_ids))).all())


def remove_pieces(issuer: Issuer, names: Sequence[str]) -> None:
    """Remove pieces that no upload names any more, after the transaction that forgot them."""
    store = _store(issuer)
    for name in names:
        store.remove(name)


def sweep(issuer: Issuer, at: datetime) -> int:
    """Remove uploads that nobody went on with for a day, and pieces that a crash left behind; tell how many pieces."""
    store = _store(issuer)
    with issuer.register.change() as connection:
        _forget(connection, connection.execute(sa.select(_U).where(_U.c.at < at - KEPT)).all())
        known = {name for pieces in connection.execute(sa.select(_U.c.pieces)).scalars() for name in pieces}
        gone = [name for name in store.names() if name not in known]
    remove_pieces(issuer, gone)
    return len(gone)


def sweeping(issuer: Issuer, clock: Clock) -> Job:
    """Return the job that removes what was left on the way: uploads in pieces, and files that wait to be imported."""

    def once() -> None:
        sweep(issuer, clock.now())
        drafts.sweep(issuer, clock.now())

    return Job("uploads", SWEEP_SECONDS, once)


def _check_announced(size: int, digest: str, most: int) -> None:
    if size < 1:
        raise BadUpload("empty", "the file is empty")
    if size > most:
        raise BadUpload("too-large", f"a file has {most} bytes at most")
    if not _DIGEST.fullmatch(digest):
        raise BadUpload("malformed", "say the file's SHA-256 in 64 hexadecimal digits")


def _require_room(connection: Connection, size: int) -> None:
    """What was announced counts, not what arrived: many uploads at once cannot grow beyond the bound together."""
    announced = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(_U.c.size), 0))).scalar_one()
    if announced + size > STAGED_MOST:
        raise BadUpload("full", "too many files are on their way: send this one at once, or try again later")


def _displaced(rows: Sequence[sa.Row[Any]], key: str) -> list[sa.Row[Any]]:
    """Return the uploads that a new one takes the place of: its own paper's, and the oldest beyond the bound."""
    same = [row for row in rows if row.key == key]
    others = [row for row in rows if row.key != key]
    return same + others[: max(0, len(others) - AT_ONCE + 1)]


def _row(connection: Connection, target: Target, upload_id: str) -> sa.Row[Any]:
    own = (_U.c.id == upload_id, _U.c.application_id == target.application_id, _U.c.key == target.key)
    row = connection.execute(sa.select(_U).where(*own)).one_or_none()
    if row is None:
        raise BadUpload("no-upload", "no such file is on its way: choose the file again")
    return row


def _forget(connection: Connection, rows: Sequence[sa.Row[Any]]) -> list[str]:
    connection.execute(_U.delete().where(_U.c.id.in_([row.id for row in rows])))
    return [name for row in rows for name in row.pieces]


def _store(issuer: Issuer) -> Attachments:
    """Pieces lie apart from papers: whatever lies there and no upload names can go."""
    return Attachments(issuer.attachments / "staged", issuer.register)


def _digest(issuer: Issuer, digest: str) -> str:
    """Keyed, so that the register does not tell whether a known document is on its way."""
    return issuer.register.hash("upload", digest)


def _upload(row: sa.Row[Any]) -> Upload:
    return Upload(row.id, row.key, row.size, row.received)
