"""When a holder was erased, and which identities may not get new quotas in the same year.

An application's history stays append-only, except its notes: an erasure empties them, and nothing else can be changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


_REFUSED = "the office log is append-only"
_KEPT = ("seq", "application_id", "at", "actor", "act", "detail")


def upgrade() -> None:
    """Add the column and the table, both empty. Allow notes to be emptied."""
    op.add_column("holders", sa.Column("erased_at", sa.BigInteger))
    op.create_table(
        "erased_identities",
        sa.Column("id_hash", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_erased_identities")),
    )
    _let_notes_be_emptied()


def _let_notes_be_emptied() -> None:
    if op.get_bind().dialect.name == "sqlite":
        other = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _KEPT)
        op.execute("DROP TRIGGER application_events_no_update")
        op.execute(
            "CREATE TRIGGER application_events_no_update BEFORE UPDATE ON application_events "
            f"WHEN NEW.note IS NOT NULL OR {other} BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
        return
    other = " OR ".join(f"NEW.{name}::text IS DISTINCT FROM OLD.{name}::text" for name in _KEPT)
    op.execute("DROP TRIGGER application_events_no_update ON application_events")
    op.execute(
        "CREATE TRIGGER application_events_no_update BEFORE UPDATE ON application_events FOR EACH ROW "
        f"WHEN (NEW.note IS NOT NULL OR {other}) EXECUTE FUNCTION office_log_refuse()"
    )


def downgrade() -> None:
    """Refuse: emptied notes do not come back."""
    raise NotImplementedError("what was erased cannot be put back")
