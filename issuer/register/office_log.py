"""The office log: who did what to whom, and when; append-only. Ids and codes alone: no name, number or note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from issuer.register.tables import OFFICE_LOG


class OfficeAction(StrEnum):
    """Everything the office log can tell. Grammar: `<what>-<done>`."""

    HOLDER_ADDED = "holder-added"
    HOLDER_CORRECTED = "holder-corrected"
    HOLDER_SHOWN = "holder-shown"
    PHOTO_SET = "photo-set"
    PHOTO_SHOWN = "photo-shown"
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
    """Write one line, in the transaction of the change that it tells of."""
    line = {"at": at, "actor": by, "action": action.value, "holder_id": holder, "card_id": card, "detail": detail}
    connection.execute(OFFICE_LOG.insert().values(line))


def newest(connection: Connection, limit: int, *, holder: str | None = None) -> list[OfficeEntry]:
    """Return the last `limit` lines, newest first, of one holder if given."""
    asked = sa.select(OFFICE_LOG).order_by(OFFICE_LOG.c.seq.desc()).limit(limit)
    if holder is not None:
        asked = asked.where(OFFICE_LOG.c.holder_id == holder)
    rows = connection.execute(asked)
    return [
        OfficeEntry(row.seq, row.at, row.actor, OfficeAction(row.action), row.holder_id, row.card_id, row.detail)
        for row in rows
    ]
