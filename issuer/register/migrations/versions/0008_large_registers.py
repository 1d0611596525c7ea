"""Indexes for what each page asks of a large register. A notice may belong to a holder, and some are sent only once.

`cards.printed_at` repeats the time of each card's first print from the office log, so that the list of cards to print
does not read printed cards.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FROM_ELSEWHERE = sa.text("channel_receipt IS NOT NULL")
_UNPRINTED = sa.text("printed_at IS NULL AND form <> 'phone'")


def upgrade() -> None:
    """Add the columns, fill them from the office log, and make the indexes."""
    _notices()
    op.add_column("cards", sa.Column("printed_at", sa.BigInteger))
    op.execute(
        "UPDATE cards SET printed_at = (SELECT min(l.at) FROM office_log l WHERE l.card_id = cards.id "
        "AND l.action = 'card-printed')"
    )
    op.create_index(
        "ix_cards_unprinted",
        "cards",
        ["issued_at", "id"],
        sqlite_where=_UNPRINTED,
        postgresql_where=_UNPRINTED,
    )
    op.create_index("ix_cards_ends", "cards", ["valid_until", "state", "holder_id"])
    op.create_index("ix_cards_of_holder", "cards", ["holder_id", "state", "valid_until"])
    op.create_index("ix_office_log_action", "office_log", ["action", "seq"])
    op.create_index("ix_applications_ended", "applications", ["state", "submitted_at", "id"])
    op.create_index(
        "ix_applications_channel_receipt",
        "applications",
        ["channel_receipt"],
        sqlite_where=_FROM_ELSEWHERE,
        postgresql_where=_FROM_ELSEWHERE,
    )
    op.create_index("ix_notices_unsent", "notices", ["sent_at", "id"])


def _notices() -> None:
    with op.batch_alter_table("notices") as notices:
        notices.alter_column("application_id", existing_type=sa.String(22), nullable=True)
        notices.add_column(sa.Column("holder_id", sa.String(22)))
        notices.add_column(sa.Column("once", sa.String(80)))
        notices.create_foreign_key(op.f("fk_notices_holder_id"), "holders", ["holder_id"], ["id"])
        notices.create_unique_constraint(op.f("uq_notices_once"), ["once"])
    op.create_index(op.f("ix_notices_holder_id"), "notices", ["holder_id"])


def downgrade() -> None:
    """Refuse: the earlier table has no place for notices of holders."""
    raise NotImplementedError("notices to holders cannot be put back into a table of applications' notices")
