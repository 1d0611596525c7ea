"""Indexes for departments' lists of requests and matters."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_matters_listed", "matters", ["point", "closed_at", "deadline"])
    op.create_index("ix_matters_decides", "matters", ["decides"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_matters_decides", "matters")
    op.drop_index("ix_matters_listed", "matters")
