"""The yearly notices that receipts answer."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "notices",
        sa.Column("service", sa.String(64), primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reference", sa.String(60)),
        *[
            sa.Column(name, sa.String(10), nullable=False)
            for name in ("receipts_from", "receipts_until", "held_from", "held_until")
        ],
        sa.Column("kept_by", sa.String(64), nullable=False),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("notices")
