"""Files that a person checked on a page and may import: sealed among the attachments, for a day, for this person."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import Final

import msgspec
import sqlalchemy as sa

from issuer.applications.attachments import Attachments
from issuer.applications.importing import FileSummary, ImportOptions, bring_in
from issuer.register.application_tables import IMPORTS
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer

KEPT: Final = timedelta(days=1)
"""How long a checked file waits for its import."""


def keep_draft(issuer: Issuer, data: bytes, options: ImportOptions, *, by: str, at: datetime) -> str:
    """Keep a checked file with its options. Return its id. Yesterday's files are removed."""
    store = Attachments(issuer.attachments, issuer.register)
    sweep(issuer, at)
    name = store.keep(data)
    values = {"id": name, "by": by, "at": at, "options": msgspec.to_builtins(options)}
    with issuer.register.change() as connection:
        connection.execute(IMPORTS.insert().values(values | {"sha256": sha256(data).hexdigest()}))
    return name


def finish(issuer: Issuer, draft: str, *, by: str, at: datetime, rows_most: int, skip_faulty: bool) -> FileSummary:
    """Import a file that this person checked.

    Raises RefusedError for any other file, and for a file that was already imported.
    """
    with issuer.register.read() as connection:
        row = connection.execute(sa.select(IMPORTS).where(IMPORTS.c.id == draft, IMPORTS.c.by == by)).one_or_none()
    if row is None or row.done_at is not None or at - row.at > KEPT:
        raise RefusedError("this file does not wait to be imported", "choose the file again")
    store = Attachments(issuer.attachments, issuer.register)
    options = msgspec.structs.replace(msgspec.convert(row.options, ImportOptions), skip_faulty=skip_faulty)
    found = bring_in(issuer, BytesIO(store.open(draft)), options, by=by, at=at, rows_most=rows_most)
    with issuer.register.change() as connection:
        connection.execute(IMPORTS.update().where(IMPORTS.c.id == draft).values(done_at=at))
    store.remove(draft)
    return found


def sweep(issuer: Issuer, at: datetime) -> int:
    """Remove files that were checked but never imported. Return their number."""
    old = sa.and_(IMPORTS.c.done_at.is_(None), IMPORTS.c.at < at - KEPT)
    with issuer.register.read() as connection:
        names = list(connection.execute(sa.select(IMPORTS.c.id).where(old)).scalars())
    store = Attachments(issuer.attachments, issuer.register)
    for name in names:
        store.remove(name)
    if names:
        with issuer.register.change() as connection:
            connection.execute(IMPORTS.delete().where(IMPORTS.c.id.in_(names)))
    return len(names)
