"""Applications with papers, files, history and notices; the office log's chain; hashes for finding holders.

The chain is added to the existing lines, in their order.
"""

import json
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_REFUSED = "the office log is append-only"
_FIRST = "0" * 64


def upgrade() -> None:
    """Make the tables, chain the lines of the office log, and guard the append-only tables."""
    for create in (_applications, _papers, _files, _events, _notices, _chain, _holders):
        create()
    _chain_old_lines()
    for table in ("office_chain", "application_events"):
        for verb in ("UPDATE", "DELETE"):
            _guard(table, verb)


def downgrade() -> None:
    """Refuse: applications would be lost."""
    raise NotImplementedError("applications cannot be put back into tables that have no place for them")


def _guard(table: str, verb: str) -> None:
    name = f"{table}_no_{verb.lower()}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END")
        return
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION office_log_refuse()"
    )


def _chain_old_lines() -> None:
    bind, link = op.get_bind(), _FIRST
    asked = "SELECT seq, at, actor, action, holder_id, card_id, detail FROM office_log ORDER BY seq"
    for row in bind.execute(sa.text(asked)).all():
        detail = json.loads(row.detail) if isinstance(row.detail, str) else row.detail
        line = [row.seq, row.at, row.actor, row.action, row.holder_id, row.card_id, detail]
        text = json.dumps([link, *line], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        link = sha256(text.encode()).hexdigest()
        bind.execute(sa.text("INSERT INTO office_chain (seq, link) VALUES (:s, :l)"), {"s": row.seq, "l": link})


def _applications() -> None:
    text, day, instant = sa.String, sa.Date(), sa.BigInteger()
    op.create_table(
        "applications",
        sa.Column("id", text(22), nullable=False),
        sa.Column("receipt", text(24), nullable=False),
        sa.Column("channel", text(40), nullable=False),
        sa.Column("channel_receipt", text(64), nullable=True),
        sa.Column("code_hash", text(64), nullable=True),
        sa.Column("state", text(12), nullable=False),
        sa.Column("ground", text(40), nullable=True),
        sa.Column("limb", text(40), nullable=True),
        sa.Column("tier", text(32), nullable=True),
        sa.Column("department", text(40), nullable=True),
        sa.Column("masked_name", text(100), nullable=False),
        sa.Column("name_hash", text(64), nullable=True),
        sa.Column("id_hash", text(64), nullable=True),
        sa.Column("masked_id_hash", text(64), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", text(64), nullable=True),
        sa.Column("language", text(2), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("submitted_at", instant, nullable=True),
        sa.Column("due_on", day, nullable=True),
        sa.Column("office_due_on", day, nullable=True),
        sa.Column("asked_on", day, nullable=True),
        sa.Column("supplement", sa.LargeBinary(), nullable=True),
        sa.Column("lacking", sa.JSON(), nullable=False),
        sa.Column("recorded_by", text(80), nullable=False),
        sa.Column("claimed_by", text(80), nullable=True),
        sa.Column("reviewed_by", text(80), nullable=True),
        sa.Column("advice", text(10), nullable=True),
        sa.Column("decided_by", text(80), nullable=True),
        sa.Column("decided_at", instant, nullable=True),
        sa.Column("refusal", text(40), nullable=True),
        sa.Column("holder_id", text(22), nullable=True),
        sa.Column("card_id", text(22), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_applications_card_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["holders.id"], name=op.f("fk_applications_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        sa.UniqueConstraint("channel", "channel_receipt", name="uq_applications_channel_receipt"),
        sa.UniqueConstraint("receipt", name=op.f("uq_applications_receipt")),
    )
    op.create_index("ix_applications_worklist", "applications", ["state", "due_on", "id"], unique=False)
    for column in ("holder_id", "id_hash", "masked_id_hash", "name_hash"):
        op.create_index(op.f(f"ix_applications_{column}"), "applications", [column], unique=False)


def _papers() -> None:
    op.create_table(
        "application_papers",
        sa.Column("application_id", sa.String(22), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("variant", sa.String(40), nullable=True),
        sa.Column("begins", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("confirmed", sa.JSON(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("seen_by", sa.String(80), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name=op.f("fk_application_papers_application_id")
        ),
        sa.PrimaryKeyConstraint("application_id", "key", name=op.f("pk_application_papers")),
    )


def _files() -> None:
    op.create_table(
        "application_files",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("application_id", sa.String(22), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("media", sa.String(20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name=op.f("fk_application_files_application_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_files")),
    )
    op.create_index(op.f("ix_application_files_application_id"), "application_files", ["application_id"], unique=False)


def _events() -> None:
    op.create_table(
        "application_events",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.String(22), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name=op.f("fk_application_events_application_id")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_application_events")),
    )
    op.create_index(
        op.f("ix_application_events_application_id"), "application_events", ["application_id"], unique=False
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.String(22), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("transport", sa.String(8), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name=op.f("fk_notices_application_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_application_id"), "notices", ["application_id"], unique=False)
    op.create_index(op.f("ix_notices_next_at"), "notices", ["next_at"], unique=False)


def _chain() -> None:
    op.create_table(
        "office_chain",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_office_chain")),
    )


def _holders() -> None:
    # NULL until the register is next opened: only then is the key of the hashes available.
    with op.batch_alter_table("holders") as holders:
        holders.add_column(sa.Column("name_hash", sa.String(64), nullable=True))
        holders.add_column(sa.Column("masked_id_hash", sa.String(64), nullable=True))
    for column in ("name_hash", "masked_id_hash"):
        op.create_index(op.f(f"ix_holders_{column}"), "holders", [column], unique=False)
