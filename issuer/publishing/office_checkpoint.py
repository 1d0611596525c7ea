"""A signed statement of the office log's end, published beside the lists. A reader who keeps one can detect a cut log.

Its form is C2SP's tlog-checkpoint: origin, number of the last line, its link. It is signed with an Ed25519 note key,
which is outside bundles and rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from issuer.publishing import folder as files
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import last_link
from issuer.register.tables import OFFICE_CHAIN
from keys.notes import Checkpoint, Ed25519NoteSigner, Note, NoteError, NoteKey, open_checkpoint

FILE = "office-checkpoint"
KEY = "office"
"""The name of the note key that signs them."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of the office log with a checkpoint: the last line of the checkpoint, and whether the log fits
    it.
    """

    last: int
    fits: bool


def note_key(issuer: Issuer) -> NoteKey:
    """Return the public key with which checkpoints are checked. An auditor pins this key."""
    return _signer(issuer).key


def signed_checkpoint(issuer: Issuer, connection: Connection) -> str:
    """Return the signed statement of the log's present end."""
    last, link = last_link(connection)
    text = Checkpoint(origin(issuer), last, bytes.fromhex(link)).text
    return Note(text, (_signer(issuer).sign(text),)).encode()


def compare(issuer: Issuer, connection: Connection, checkpoint: str) -> Comparison:
    """Compare the log with a checkpoint that somebody kept. Raises RefusedError for a checkpoint that this issuer did
    not sign.
    """
    try:
        found = open_checkpoint(checkpoint, [note_key(issuer)]).checkpoint
    except NoteError as error:
        raise RefusedError(
            f"this is no checkpoint of this office: {error}", "give the file as it was published"
        ) from None
    if found.origin != origin(issuer):
        raise RefusedError("this is a checkpoint of another log", "give one of the office log")
    asked = sa.select(OFFICE_CHAIN.c.link).where(OFFICE_CHAIN.c.seq == found.size)
    link = connection.execute(asked).scalar_one_or_none()
    empty = found.size == 0 and found.root == bytes(32)
    return Comparison(found.size, empty or (link is not None and bytes.fromhex(link) == found.root))


def published_checkpoint(issuer: Issuer) -> str | None:
    """Return the checkpoint that was published last, or None before the first."""
    found = files.read_file(issuer.published, FILE)
    return None if found is None else found.decode("utf-8", "replace")


def origin(issuer: Issuer) -> str:
    """Return the name of the office log, under which its key is pinned."""
    return f"{issuer.programme.issuer}/office"


def _signer(issuer: Issuer) -> Ed25519NoteSigner:
    return Ed25519NoteSigner(origin(issuer), issuer.keys.note_signer(KEY))
