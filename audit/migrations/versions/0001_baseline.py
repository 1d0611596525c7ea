"""The audit room's tables. Databases made before the room existed hold them already, made by the verifier's 0004."""

from alembic import op

from audit.tables import METADATA

revision = "0001"
down_revision = None

TABLES = ("usage_counted", "usage_counts", "usage_taken", "reviews")


def upgrade() -> None:
    """Create the tables that are absent; the others stay as they are."""
    METADATA.create_all(op.get_bind(), [METADATA.tables[name] for name in TABLES], checkfirst=True)


def downgrade() -> None:
    """Drop them."""
    for name in reversed(TABLES):
        op.drop_table(name)
