"""Matters, as the log tells them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "matters",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("point", sa.String(64), nullable=False, index=True),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("decides", sa.String(64)),
        sa.Column("reference", sa.String(200)),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("complete_at", sa.BigInteger),
        sa.Column("deadline", sa.BigInteger, index=True),
        sa.Column("closed_at", sa.BigInteger, index=True),
        sa.Column("outcome", sa.String(32)),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("matters")
