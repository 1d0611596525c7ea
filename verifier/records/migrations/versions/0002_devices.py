"""Challenges for chips, tags that count their readings, and looks that remember their reading."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables and the looks' columns."""
    op.create_table(
        "challenges",
        sa.Column("nonce", sa.LargeBinary(32), primary_key=True),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("card", sa.LargeBinary(32)),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "tags",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("file_key", sa.LargeBinary, nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("device", sa.String(64)),
        sa.Column("read_at", sa.BigInteger),
    )
    op.create_table(
        "tag_meta_keys",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
    op.add_column("looks", sa.Column("tag", sa.LargeBinary(32)))
    op.add_column("looks", sa.Column("counter", sa.BigInteger))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("looks", "counter")
    op.drop_column("looks", "tag")
    for table in ("tag_meta_keys", "tags", "challenges"):
        op.drop_table(table)
