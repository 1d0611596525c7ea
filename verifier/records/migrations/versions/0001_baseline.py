"""Cards seen, looks, notes and the access log, as first shipped."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "known_cards",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("subject", sa.String(22), nullable=False, index=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "looks",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("presentation", sa.LargeBinary, nullable=False),
        sa.Column("looked_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "accesses",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(64)),
        sa.Column("point", sa.String(64)),
        sa.Column("holder", sa.String(43)),
        sa.Column("what", sa.String(400), nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("entry", sa.String(20), primary_key=True),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("erase_at", sa.BigInteger, nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("notes", "accesses", "looks", "known_cards"):
        op.drop_table(table)
