"""Which phone used an enrolment code, by keyed hash: the same phone enrolled again is no further phone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of codes that were used before nothing is known, and each counts as a phone."""
    op.add_column("enrolment_codes", sa.Column("phone_hash", sa.String(64)))


def downgrade() -> None:
    """Forget the phones."""
    op.drop_column("enrolment_codes", "phone_hash")
