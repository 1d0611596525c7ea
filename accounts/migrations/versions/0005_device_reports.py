"""Devices' reports about themselves, their earlier points, and the last use of integrators."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is known yet about earlier devices and integrators."""
    with op.batch_alter_table("devices") as devices:
        devices.add_column(sa.Column("former", sa.JSON(), nullable=False, server_default="[]"))
        devices.add_column(sa.Column("reported_at", sa.BigInteger(), nullable=True))
        devices.add_column(sa.Column("version", sa.String(length=40), nullable=True))
        devices.add_column(sa.Column("queued", sa.Integer(), nullable=True))
        devices.add_column(sa.Column("clock_seconds", sa.Integer(), nullable=True))
    with op.batch_alter_table("integrators") as integrators:
        integrators.add_column(sa.Column("used_at", sa.BigInteger(), nullable=True))
