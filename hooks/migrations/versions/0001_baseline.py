"""Webhooks: who is told, how far each log was read, and what waits."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _instant(name: str, *, nullable: bool = True, index: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, index=index)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "hooks",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("integrator", sa.String(22), nullable=False, index=True),
        sa.Column("url", sa.String(400), nullable=False),
        sa.Column("kinds", sa.JSON, nullable=False),
        sa.Column("points", sa.JSON, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("old_secret", sa.LargeBinary),
        _instant("old_until"),
        _instant("created_at", nullable=False),
        _instant("starts_at", nullable=False),
        _instant("stopped_at"),
        sa.Column("stopped_why", sa.String(16)),
        sa.Column("failures", sa.Integer, nullable=False),
        _instant("rest_until"),
        _instant("sent_at"),
        _instant("fault_at"),
        sa.Column("fault", sa.String(60)),
    )
    op.create_table(
        "hook_cursors",
        sa.Column("hook", sa.String(22), sa.ForeignKey("hooks.id"), primary_key=True),
        sa.Column("log", sa.String(16), primary_key=True),
        sa.Column("places", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "hook_deliveries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("hook", sa.String(22), sa.ForeignKey("hooks.id"), nullable=False),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        _instant("queued_at", nullable=False),
        _instant("next_at"),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("fault", sa.String(60)),
        _instant("sent_at", index=True),
        _instant("dead_at", index=True),
        sa.Index("ix_hook_deliveries_waiting", "hook", "next_at"),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("hook_deliveries", "hook_cursors", "hooks"):
        op.drop_table(name)
