"""Delegation codes, events, and places taken: rooms at an hour, seats of an event."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "delegations",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("code", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("subject", sa.String(22), nullable=False, index=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("details", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.add_column("looks", sa.Column("delegation", sa.String(22)))
    op.create_table(
        "events",
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("point", sa.String(64), nullable=False, index=True),
        sa.Column("name_zh", sa.String(200), nullable=False),
        sa.Column("name_en", sa.String(200), nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("cancelled_at", sa.BigInteger),
    )
    op.create_table(
        "place_turns",
        sa.Column("resource", sa.String(200), primary_key=True),
        sa.Column("turn", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "places",
        sa.Column("id", sa.String(43), primary_key=True),
        sa.Column("resource", sa.String(200), nullable=False, index=True),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("booking", sa.String(20), index=True),
        sa.Column("asked", sa.LargeBinary),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("places", "place_turns", "events", "delegations"):
        op.drop_table(table)
    op.drop_column("looks", "delegation")
