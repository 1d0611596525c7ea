"""The phone that used an enrolment code, by keyed hash: the same phone enrolled again is not a further phone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Nothing is known of earlier codes, so each counts as a phone."""
    op.add_column("enrolment_codes", sa.Column("phone_hash", sa.String(64)))


def downgrade() -> None:
    """Delete the phones."""
    op.drop_column("enrolment_codes", "phone_hash")
