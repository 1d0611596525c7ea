"""The office log: who did what to whom, and when. It is append-only and chained. It has ids and codes alone, no name
and no note.

Each line's link is SHA-256 over the link before it and the line. An altered or removed line breaks every later link,
and the signed checkpoints over such a link.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from edge.instants import to_epoch
from issuer.register.tables import OFFICE_CHAIN, OFFICE_LOG

FIRST_LINK: Final = "0" * 64
_CHECKED_AT_ONCE: Final = 1000


class OfficeAction(StrEnum):
    """All actions in the office log. Grammar: `<what>-<done>`."""

    HOLDER_ADDED = "holder-added"
    HOLDER_CORRECTED = "holder-corrected"
    HOLDER_SHOWN = "holder-shown"
    PHOTO_SET = "photo-set"
    PHOTO_SHOWN = "photo-shown"
    PHONE_SHOWN = "phone-shown"
    GROUND_ADDED = "ground-added"
    GROUND_WITHDRAWN = "ground-withdrawn"
    MARK_SET = "mark-set"
    CARD_ISSUED = "card-issued"
    CARD_SUSPENDED = "card-suspended"
    CARD_RESUMED = "card-resumed"
    CARD_REVOKED = "card-revoked"
    CARD_REPLACED = "card-replaced"
    CARD_REFRESHED = "card-refreshed"
    CARD_PRINTED = "card-printed"
    CODE_MADE = "code-made"
    CODE_CANCELLED = "code-cancelled"
    BUNDLE_SIGNED = "bundle-signed"
    APPLICATION_RECEIVED = "application-received"
    APPLICATION_CLAIMED = "application-claimed"
    APPLICATION_RELEASED = "application-released"
    APPLICATION_CHECKED = "application-checked"
    APPLICATION_SHOWN = "application-shown"
    APPLICATION_ATTACHED = "application-attached"
    APPLICATION_DETACHED = "application-detached"
    APPLICATION_NOTED = "application-noted"
    APPLICATION_ASKED = "application-asked"
    APPLICATION_SUPPLIED = "application-supplied"
    APPLICATION_REVIEWED = "application-reviewed"
    APPLICATION_RETURNED = "application-returned"
    APPLICATION_APPROVED = "application-approved"
    APPLICATION_REFUSED = "application-refused"
    APPLICATION_WITHDRAWN = "application-withdrawn"
    LIST_IMPORTED = "list-imported"
    NOTICE_AGAIN = "notice-again"
    BROKEN_GLASS = "broken-glass"
    HOLDER_ERASED = "holder-erased"
    HOLDER_DIED = "holder-died"
    KEY_ROTATED = "key-rotated"
    KEY_COMPROMISED = "key-compromised"
    LETTER_PRINTED = "letter-printed"


@dataclass(frozen=True, slots=True)
class OfficeEntry:
    """One line. `actor` is `cli:<user of the machine>`, `person:<id>`, `wallet` or `publisher`."""

    seq: int
    at: datetime
    actor: str
    action: OfficeAction
    holder_id: str | None
    card_id: str | None
    detail: Mapping[str, object]


def append(
    connection: Connection,
    action: OfficeAction,
    *,
    by: str,
    at: datetime,
    holder: str | None = None,
    card: str | None = None,
    **detail: object,
) -> None:
    """Write one line, in the transaction of its change."""
    line = {"at": at, "actor": by, "action": action.value, "holder_id": holder, "card_id": card, "detail": detail}
    seq = connection.execute(OFFICE_LOG.insert().values(line).returning(OFFICE_LOG.c.seq)).scalar_one()
    last = sa.select(OFFICE_CHAIN.c.link).order_by(OFFICE_CHAIN.c.seq.desc()).limit(1)
    before = connection.execute(last).scalar_one_or_none() or FIRST_LINK
    connection.execute(OFFICE_CHAIN.insert().values(seq=seq, link=link_of(before, seq, line)))


def link_of(before: str, seq: int, line: Mapping[str, object]) -> str:
    """Return a line's link: SHA-256 (hexadecimal) over the link before the line and the line itself."""
    at = line["at"]
    epoch = to_epoch(at) if isinstance(at, datetime) else at
    told = [before, seq, epoch, line["actor"], line["action"], line["holder_id"], line["card_id"], line["detail"]]
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Chain:
    """The office log's end: the number of lines, the last line's number and link. `broken_at` is the first wrong
    line.
    """

    lines: int
    last: int
    link: str
    broken_at: int | None = None


def chain_end(connection: Connection) -> Chain:
    """Return the end of the chain without checking it. Every line is counted."""
    last, link = last_link(connection)
    return Chain(connection.execute(sa.select(sa.func.count()).select_from(OFFICE_CHAIN)).scalar_one(), last, link)


def last_link(connection: Connection) -> tuple[int, str]:
    """Return the last line's number and link; for an empty log, 0 and the first link. Counts nothing."""
    asked = sa.select(OFFICE_CHAIN.c.seq, OFFICE_CHAIN.c.link).order_by(OFFICE_CHAIN.c.seq.desc()).limit(1)
    found = connection.execute(asked).one_or_none()
    return (0, FIRST_LINK) if found is None else (found.seq, found.link)


def check_chain(connection: Connection) -> Chain:
    """Check the whole log and its chain. `broken_at` names the first line that was altered, added or removed."""
    before, lines, last = FIRST_LINK, 0, 0
    for line, link in _linked_lines(connection):
        found = link_of(before, line["seq"], line)
        if found != link:
            return Chain(lines, last, before, broken_at=line["seq"])
        before, lines, last = found, lines + 1, line["seq"]
    end = chain_end(connection)
    return Chain(lines, last, before, None if end.lines == lines else last + 1)


def _linked_lines(connection: Connection) -> Iterator[tuple[dict[str, Any], str | None]]:
    joined = OFFICE_LOG.outerjoin(OFFICE_CHAIN, OFFICE_CHAIN.c.seq == OFFICE_LOG.c.seq)
    after = 0
    while True:
        asked = sa.select(OFFICE_LOG, OFFICE_CHAIN.c.link).select_from(joined).where(OFFICE_LOG.c.seq > after)
        rows = connection.execute(asked.order_by(OFFICE_LOG.c.seq).limit(_CHECKED_AT_ONCE)).mappings().all()
        if not rows:
            return
        for row in rows:
            line = dict(row)
            yield line, line.pop("link")
        after = rows[-1]["seq"]


def newest(
    connection: Connection,
    limit: int,
    *,
    offset: int = 0,
    holder: str | None = None,
    actor: str | None = None,
    action: str | None = None,
) -> list[OfficeEntry]:
    """Return `limit` lines, newest first, after the first `offset`; only those of a holder, actor or action if
    given.
    """
    asked = sa.select(OFFICE_LOG).order_by(OFFICE_LOG.c.seq.desc()).limit(limit).offset(offset)
    for column, wanted in (("holder_id", holder), ("actor", actor), ("action", action)):
        if wanted is not None:
            asked = asked.where(OFFICE_LOG.c[column] == wanted)
    rows = connection.execute(asked)
    return [
        OfficeEntry(row.seq, row.at, row.actor, OfficeAction(row.action), row.holder_id, row.card_id, row.detail)
        for row in rows
    ]
