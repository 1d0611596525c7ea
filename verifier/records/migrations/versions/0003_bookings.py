"""Bookings' personal details, sealed and erasable, and the wallet's used proofs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "booking_details",
        sa.Column("booking", sa.String(20), primary_key=True),
        sa.Column("details", sa.LargeBinary, nullable=False),
        sa.Column("erase_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "wallet_proofs",
        sa.Column("key", sa.String(43), primary_key=True),
        sa.Column("proof", sa.String(128), primary_key=True),
        sa.Column("forget_at", sa.BigInteger, nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("wallet_proofs", "booking_details"):
        op.drop_table(table)
