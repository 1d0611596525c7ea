"""The result of a notice: why the last try failed, and when it was given up."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns, empty."""
    op.add_column("notices", sa.Column("fault", sa.String(40)))
    op.add_column("notices", sa.Column("given_up_at", sa.BigInteger))


def downgrade() -> None:
    """Remove both."""
    op.drop_column("notices", "given_up_at")
    op.drop_column("notices", "fault")
