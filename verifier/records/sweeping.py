"""What the erasable store deletes and when: every table with an expiry, in one place (docs/operations.md)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from edge.database import Database
from edge.instants import to_epoch
from verifier.records.tables import (
    BOOKING_DETAILS,
    CHALLENGES,
    DELEGATIONS,
    DUE_MAILS,
    KNOWN_CARDS,
    LOOKS,
    NOTES,
    PLACES,
    WALLET_PROOFS,
)

EXPIRIES: Final[tuple[tuple[sa.Column[int], timedelta], ...]] = (
    (KNOWN_CARDS.c.expires_at, timedelta(days=1)),  # A booking whose window has just closed is judged by its card
    (LOOKS.c.expires_at, timedelta()),
    (CHALLENGES.c.expires_at, timedelta()),
    (NOTES.c.erase_at, timedelta()),
    (BOOKING_DETAILS.c.erase_at, timedelta()),
    (WALLET_PROOFS.c.forget_at, timedelta()),
    (DELEGATIONS.c.ends_at, timedelta(days=30)),
    (PLACES.c.ends_at, timedelta(days=7)),
    (DUE_MAILS.c.begun_at, timedelta(days=30)),
)
"""The column with the expiry of a row, and how long the row is kept after that."""


def erase_expired(database: Database, at: datetime) -> int:
    """Erase every row that has expired at `at`. Return their number. Each table is one transaction."""
    return sum(_erase(database, column, at - kept) for column, kept in EXPIRIES)


def _erase(database: Database, column: sa.Column[int], before: datetime) -> int:
    with database.write() as connection:
        return connection.execute(column.table.delete().where(column < to_epoch(before))).rowcount
