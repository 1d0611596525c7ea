"""Months that departments closed, and their figures."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "statement_closings",
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("closed_at", sa.BigInteger, nullable=False),
        sa.Column("closed_by", sa.String(64), nullable=False),
    )
    op.create_table(
        "statement_lines",
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("settled_in", sa.String(7), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("point", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(64), primary_key=True),
        *[
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("paid", "re_entries", "companions", "voided", "overrides", "held")
        ],
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("statement_lines")
    op.drop_table("statement_closings")
