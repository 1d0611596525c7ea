"""Whether a device needs an operator, and which services it serves. Existing devices need none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
_TABLES = ("enrolment_codes", "devices")


def upgrade() -> None:
    """Add the columns. Earlier enrolments stay as they were."""
    for table in _TABLES:
        op.add_column(table, sa.Column("needs_operator", sa.Boolean(), nullable=False, server_default=sa.false()))
        op.add_column(table, sa.Column("services", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop them."""
    for table in _TABLES:
        op.drop_column(table, "services")
        op.drop_column(table, "needs_operator")
