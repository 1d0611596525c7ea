"""The entry of each offline record, and the offline grants of each device to a holder in a period."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("offline_records", sa.Column("entry", sa.String(20)))
    op.create_index("ix_offline_records_entry", "offline_records", ["entry"])
    op.create_table(
        "offline_grants",
        sa.Column("device", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(64), primary_key=True),
        sa.Column("holder", sa.LargeBinary(32), primary_key=True),
        sa.Column("period", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(43), nullable=False, unique=True),
        sa.Column("ends_at", sa.BigInteger),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("offline_grants")
    op.drop_index("ix_offline_records_entry", "offline_records")
    op.drop_column("offline_records", "entry")
