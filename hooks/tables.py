"""The tables of webhooks, beside the accounts: who is told, how far each log was read, what waits. No person's name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from edge.database import NAMING, Database, InstantColumn

MIGRATIONS: Final = Path(__file__).parent / "migrations"
ID: Final = sa.String(22)
METADATA = sa.MetaData(naming_convention=NAMING)

HOOKS = sa.Table(
    "hooks",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("integrator", ID, nullable=False, index=True),
    sa.Column("url", sa.String(400), nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("points", sa.JSON, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("old_secret", sa.LargeBinary, comment="sealed; signs too until old_until"),
    sa.Column("old_until", InstantColumn),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("starts_at", InstantColumn, nullable=False, comment="nothing that happened before is told"),
    sa.Column("stopped_at", InstantColumn),
    sa.Column("stopped_why", sa.String(16)),
    sa.Column("failures", sa.Integer, nullable=False, comment="failed calls since the last one that was taken"),
    sa.Column("rest_until", InstantColumn, comment="after several failures in a row"),
    sa.Column("sent_at", InstantColumn, comment="when the receiver took something last"),
    sa.Column("fault_at", InstantColumn),
    sa.Column("fault", sa.String(60)),
)

CURSORS = sa.Table(
    "hook_cursors",
    METADATA,
    sa.Column("hook", ID, sa.ForeignKey("hooks.id"), primary_key=True),
    sa.Column("log", sa.String(16), primary_key=True),
    sa.Column("places", sa.JSON, nullable=False, comment="the last number read, by partition"),
    sa.Column("version", sa.Integer, nullable=False),
)

DELIVERIES = sa.Table(
    "hook_deliveries",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hook", ID, sa.ForeignKey("hooks.id"), nullable=False),
    sa.Column("name", sa.String(80), nullable=False, unique=True, comment="the webhook-id"),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("queued_at", InstantColumn, nullable=False),
    sa.Column("next_at", InstantColumn, comment="none once it was sent or given up"),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("fault", sa.String(60)),
    sa.Column("sent_at", InstantColumn, index=True),
    sa.Column("dead_at", InstantColumn, index=True),
    sa.Index("ix_hook_deliveries_waiting", "hook", "next_at"),
)


def open_tables(url: str) -> Database:
    """Open the database of the accounts for the tables of webhooks. Their version is kept in `hooks_version`."""
    return Database.open(url, room="hooks", migrations=MIGRATIONS)
