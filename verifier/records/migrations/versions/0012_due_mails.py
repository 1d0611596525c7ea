"""The daily mails of due matters that were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "due_mails",
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("address", sa.String(400), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("begun_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("fault", sa.String(60)),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("due_mails")
