"""Figures counted from the published log, and auditors' reviews of anomalies."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "usage_counted",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "usage_counts",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("hour", sa.SmallInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.String(200), primary_key=True) for name in ("point", "service", "tier")),
        sa.Column("outcome", sa.String(8), primary_key=True),
        sa.Column("reason", sa.String(200), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "usage_taken",
        sa.Column("period", sa.String(7), primary_key=True),
        *(sa.Column(name, sa.String(200), primary_key=True) for name in ("quota", "tier")),
        sa.Column("holder", sa.String(43), primary_key=True),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("maximum", sa.Integer, nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("caller", sa.String(64), primary_key=True),
        sa.Column("operation", sa.String(64), primary_key=True),
        sa.Column("anomaly", sa.String(160), nullable=False, index=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("reviews", "usage_taken", "usage_counts", "usage_counted"):
        op.drop_table(table)
