"""Records of offline devices: the records seen, the records that wait for a supervisor, and faults in numbering."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "offline_records",
        sa.Column("device", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(43), primary_key=True),
        sa.Column("prev", sa.String(43), nullable=False),
        sa.Column("prev_at", sa.BigInteger),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("point", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.String(32)),
        sa.Column("answer", sa.Text),
        sa.Column("record", sa.LargeBinary),
        sa.Column("decided_by", sa.String(64)),
        sa.Index("offline_records_held", "point", "state"),
    )
    op.create_table(
        "offline_incidents",
        sa.Column("device", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until_seq", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("offline_incidents", "offline_records"):
        op.drop_table(table)
