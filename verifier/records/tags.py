"""Tags that count their readings (NTAG 424 DNA): the card of each tag, its key, and the highest count seen.

An attacker who can change this store can make an old link valid again, or put another card behind a tag. Keys are
sealed, each for one tag, so that a stolen store is useless for forgery without the server's secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from cards.claims import CARD
from cards.sun import KEY_BYTES, UID_BYTES, PiccData, SunMessage, holds, open_picc
from edge.database import Database
from edge.encoding import b64u
from edge.instants import to_epoch
from edge.sealing import Sealer, Unsealable, derive, keyed_hash
from keys.errors import TokenError
from keys.tokens import parse_unverified
from verifier.records.tables import TAG_META_KEYS, TAGS

SAME_READING: Final = timedelta(seconds=120)
"""How long the device that read a count may use it again: for a retry, a compared ID, or a confirmed look
(docs/design.md §5).
"""


class BadTagRecord(ValueError):
    """A record from personalisation cannot be used. The message says why and shows no key."""


@dataclass(frozen=True, slots=True)
class TagRead:
    """One reading of a known tag. `name` is the tag's name in this store; `authentic` says whether its MAC is right."""

    name: bytes
    counter: int
    authentic: bool

    @property
    def proof(self) -> str:
        """The name under which the ledger claims this reading, once."""
        return f"sun:{self.counter}"


@dataclass(frozen=True, slots=True)
class TagRecord:
    """A personalisation's record of one tag, for a verifier. No `repr` shows the keys."""

    uid: bytes
    token: str
    file_key: bytes
    meta_key: bytes

    def __repr__(self) -> str:
        return f"TagRecord({len(self.token)} characters)"

    @classmethod
    def of(cls, record: object) -> TagRecord:
        """Read a record that `devices personalise tag424` wrote. Raises BadTagRecord otherwise."""
        match record:
            case {"uid": str(uid), "card": str(token), "file_key": str(file_key), "meta_key": str(meta_key)}:
                made = cls(_hex(uid, "uid", UID_BYTES), token, _hex(file_key, "file_key"), _hex(meta_key, "meta_key"))
            case _:
                raise BadTagRecord("a record has uid, card, file_key and meta_key")
        if not token.isascii() or token.count(".") != 2:
            raise BadTagRecord("card is not a card token")
        return made


class TagStore:
    """Keeps tags by a keyed hash of their UID. Every change is one transaction and durable on return."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Keys and tokens are sealed under the server's secret."""
        self._database = database
        self._sealer = Sealer(secret, "verifier-tags")
        self._names = derive(secret, "verifier-tag-names")

    def add(self, record: TagRecord) -> bool:
        """Keep a tag. Return False if it was known: its card and keys are replaced, and the highest count stays."""
        name = self._name(record.uid)
        values = {
            "token": self._sealer.seal(record.token.encode("ascii"), f"token:{b64u(name)}"),
            "file_key": self._sealer.seal(record.file_key, f"key:{b64u(name)}"),
        }
        with self._database.write() as connection:
            self._keep_meta_key(connection, record.meta_key)
            if connection.execute(TAGS.update().where(TAGS.c.name == name).values(values)).rowcount:
                return False
            connection.execute(TAGS.insert().values(name=name, counter=-1, **values))
        return True

    def find(self, message: SunMessage) -> tuple[str, TagRead] | None:
        """Return the card behind a tag and the reading, or None if no known tag can have written the message."""
        for meta_key in self._meta_keys():
            data = open_picc(meta_key, message.picc)
            found = None if data is None else self._read(data, message)
            if found is not None:
                return found
        return None

    def refusal(self, read: TagRead, device: str, at: datetime) -> str | None:
        """Take one reading. Return None if its count has risen, or if this device read it just now; otherwise return
        the reason.

        The highest count rises here, before the check-in is recorded. A later failure costs the visitor one more tap,
        and never allows a second use.
        """
        if not read.authentic:
            return "bad-proof"
        now = to_epoch(at)
        this = TAGS.c.name == read.name
        risen = {"counter": read.counter, "device": device, "read_at": now}
        same = sa.and_(
            this,
            TAGS.c.counter == read.counter,
            TAGS.c.device == device,
            TAGS.c.read_at >= now - int(SAME_READING.total_seconds()),
        )
        with self._database.write() as connection:
            if connection.execute(TAGS.update().where(this, TAGS.c.counter < read.counter).values(risen)).rowcount:
                return None
            return None if connection.execute(sa.select(sa.literal(1)).where(same)).first() else "proof-used"

    def would_refuse(self, read: TagRead) -> str | None:
        """Return what `refusal` would say to a device that has not read this count. Takes nothing."""
        if not read.authentic:
            return "bad-proof"
        with self._database.read() as connection:
            highest = connection.execute(sa.select(TAGS.c.counter).where(TAGS.c.name == read.name)).scalar()
        return None if highest is not None and read.counter > highest else "proof-used"

    def count(self) -> int:
        """Return the number of known tags."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(TAGS)).scalar_one()

    def erase(self, subject: str) -> int:
        """Delete the tags with a card of this holder. Return their number. Every card is opened, so call this
        rarely.
        """
        with self._database.write() as connection:
            rows = connection.execute(sa.select(TAGS.c.name, TAGS.c.token)).all()
            names = [row.name for row in rows if self._subject(row.name, row.token) == subject]
            connection.execute(TAGS.delete().where(TAGS.c.name.in_(names)))
        return len(names)

    def _subject(self, name: bytes, sealed: bytes) -> str | None:
        try:
            token = self._sealer.open(sealed, f"token:{b64u(name)}").decode("ascii")
            return str(parse_unverified(token, CARD).claims["sub"])
        except (Unsealable, TokenError):
            return None

    def _read(self, data: PiccData, message: SunMessage) -> tuple[str, TagRead] | None:
        name = self._name(data.uid)
        with self._database.read() as connection:
            row = connection.execute(sa.select(TAGS.c.token, TAGS.c.file_key).where(TAGS.c.name == name)).first()
        if row is None:
            return None
        try:
            token = self._sealer.open(row.token, f"token:{b64u(name)}").decode("ascii")
            file_key = self._sealer.open(row.file_key, f"key:{b64u(name)}")
        except Unsealable:
            return None
        return token, TagRead(name, data.counter, holds(message, file_key, data))

    def _name(self, uid: bytes) -> bytes:
        return keyed_hash(self._names, uid.hex())

    def _meta_keys(self) -> list[bytes]:
        with self._database.read() as connection:
            rows = connection.execute(sa.select(TAG_META_KEYS.c.name, TAG_META_KEYS.c.key)).all()
        found = []
        for row in rows:
            try:
                found.append(self._sealer.open(row.key, f"meta:{b64u(row.name)}"))
            except Unsealable:
                continue
        return found

    def _keep_meta_key(self, connection: sa.Connection, key: bytes) -> None:
        name = keyed_hash(self._names, "meta", key.hex())
        known = sa.select(sa.literal(1)).where(TAG_META_KEYS.c.name == name)
        if connection.execute(known).first() is None:
            sealed = self._sealer.seal(key, f"meta:{b64u(name)}")
            connection.execute(TAG_META_KEYS.insert().values(name=name, key=sealed))


def _hex(text: str, member: str, size: int = KEY_BYTES) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size:
        raise BadTagRecord(f"{member} is not {size} bytes in hexadecimal")
    return data


def read_records(rows: object) -> list[TagRecord]:
    """Read the records of a personalisation, one or a list. Raises BadTagRecord with the first bad record."""
    listed = [rows] if isinstance(rows, Mapping) else rows
    if not isinstance(listed, list) or not listed:
        raise BadTagRecord("give one record or a list of them")
    return [TagRecord.of(row) for row in listed]
