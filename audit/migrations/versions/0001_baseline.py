"""The audit room's tables. Databases from before this room already have them from the verifier's migration 0004."""

from alembic import op

from audit.tables import METADATA

revision = "0001"
down_revision = None

TABLES = ("usage_counted", "usage_counts", "usage_taken", "reviews")


def upgrade() -> None:
    """Create the missing tables; existing tables stay as they are."""
    METADATA.create_all(op.get_bind(), [METADATA.tables[name] for name in TABLES], checkfirst=True)


def downgrade() -> None:
    """Drop the tables."""
    for name in reversed(TABLES):
        op.drop_table(name)
