"""Files of applications that are on their way in pieces."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "application_uploads",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("application_id", sa.String(22), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name=op.f("fk_application_uploads_application_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_uploads")),
        sa.UniqueConstraint("application_id", "key", name="uq_application_uploads_paper"),
    )
    op.create_index(op.f("ix_application_uploads_at"), "application_uploads", ["at"], unique=False)


def downgrade() -> None:
    """Drop it; what was on its way begins anew."""
    op.drop_table("application_uploads")
