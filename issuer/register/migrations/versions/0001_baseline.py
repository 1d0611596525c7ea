"""The register's first tables, and the guards that keep the office log append-only.

The tables are written out here and not taken from `issuer.register.tables`: this file says what version 0001 was,
whatever the tables become.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSED = "the office log is append-only"


def upgrade() -> None:
    """Make the tables, then the guards."""
    for create in _TABLES:
        create()
    for verb in ("UPDATE", "DELETE"):
        _guard(verb)


def _guard(verb: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER office_log_no_{verb.lower()} BEFORE {verb} ON office_log "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION office_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER office_log_no_{verb.lower()} BEFORE {verb} ON office_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION office_log_refuse()"
    )


def downgrade() -> None:
    """Refuse: the version before the first has no tables for cards."""
    raise NotImplementedError("there is nothing before the first tables")


def _holders() -> None:
    op.create_table(
        "holders",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("masked_name", sa.String(length=100), nullable=False),
        sa.Column("id_type", sa.String(length=20), nullable=False),
        sa.Column("id_country", sa.String(length=3), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holders")),
        sa.UniqueConstraint("id_hash", name=op.f("uq_holders_id_hash")),
    )


def _office_log() -> None:
    op.create_table(
        "office_log",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("holder_id", sa.String(length=22), nullable=True),
        sa.Column("card_id", sa.String(length=22), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_office_log")),
    )
    op.create_index(op.f("ix_office_log_card_id"), "office_log", ["card_id"], unique=False)
    op.create_index(op.f("ix_office_log_holder_id"), "office_log", ["holder_id"], unique=False)


def _publications() -> None:
    op.create_table(
        "publications",
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_publications")),
    )


def _register_facts() -> None:
    op.create_table(
        "register_facts",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_register_facts")),
    )


def _status_lists() -> None:
    op.create_table(
        "status_lists",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_status_lists")),
    )


def _trust_bundles() -> None:
    op.create_table(
        "trust_bundles",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_trust_bundles")),
    )


def _wallet_attempts() -> None:
    op.create_table(
        "wallet_attempts",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_wallet_attempts")),
    )


def _wallet_proofs_seen() -> None:
    op.create_table(
        "wallet_proofs_seen",
        sa.Column("thumbprint", sa.String(length=43), nullable=False),
        sa.Column("proof_id", sa.String(length=128), nullable=False),
        sa.Column("forget_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("thumbprint", "proof_id", name=op.f("pk_wallet_proofs_seen")),
    )
    op.create_index(op.f("ix_wallet_proofs_seen_forget_at"), "wallet_proofs_seen", ["forget_at"], unique=False)


def _holder_grounds() -> None:
    op.create_table(
        "holder_grounds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.String(length=22), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("limb", sa.String(length=40), nullable=True),
        sa.Column("tier", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=True),
        sa.Column("body", sa.String(length=100), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("contract_ends", sa.Date(), nullable=True),
        sa.Column("permit_ends", sa.Date(), nullable=True),
        sa.Column("basis_ends", sa.Date(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["holder_id"], ["holders.id"], name=op.f("fk_holder_grounds_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holder_grounds")),
    )
    op.create_index(op.f("ix_holder_grounds_holder_id"), "holder_grounds", ["holder_id"], unique=False)


def _holder_marks() -> None:
    op.create_table(
        "holder_marks",
        sa.Column("holder_id", sa.String(length=22), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holders.id"], name=op.f("fk_holder_marks_holder_id")),
        sa.PrimaryKeyConstraint("holder_id", "kind", "value", name=op.f("pk_holder_marks")),
    )


def _holder_photos() -> None:
    op.create_table(
        "holder_photos",
        sa.Column("holder_id", sa.String(length=22), nullable=False),
        sa.Column("photo", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holders.id"], name=op.f("fk_holder_photos_holder_id")),
        sa.PrimaryKeyConstraint("holder_id", name=op.f("pk_holder_photos")),
    )


def _status_indexes() -> None:
    op.create_table(
        "status_indexes",
        sa.Column("list", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("card_id", sa.String(length=22), nullable=True),
        sa.Column("reusable_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["list"], ["status_lists.number"], name=op.f("fk_status_indexes_list")),
        sa.PrimaryKeyConstraint("list", "index", name=op.f("pk_status_indexes")),
        sa.UniqueConstraint("card_id", name=op.f("uq_status_indexes_card_id")),
    )
    op.create_index(op.f("ix_status_indexes_state"), "status_indexes", ["state"], unique=False)


def _cards() -> None:
    op.create_table(
        "cards",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("holder_id", sa.String(length=22), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("tier", sa.String(length=32), nullable=False),
        sa.Column("ground_id", sa.Integer(), nullable=False),
        sa.Column("status_list", sa.Integer(), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("suspended_by", sa.String(length=10), nullable=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.JSON(), nullable=True),
        sa.Column("key_thumbprint", sa.String(length=43), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("recovery_hash", sa.String(length=64), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_because", sa.String(length=40), nullable=True),
        sa.Column("replaced_by", sa.String(length=22), nullable=True),
        sa.CheckConstraint("state IN ('valid', 'suspended', 'revoked', 'replaced')", name="ck_cards_state"),
        sa.ForeignKeyConstraint(["ground_id"], ["holder_grounds.id"], name=op.f("fk_cards_ground_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["holders.id"], name=op.f("fk_cards_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("number", name=op.f("uq_cards_number")),
    )
    op.create_index(op.f("ix_cards_holder_id"), "cards", ["holder_id"], unique=False)
    op.create_index("ix_cards_standing", "cards", ["id", "state"], unique=False)
    op.create_index(op.f("ix_cards_key_thumbprint"), "cards", ["key_thumbprint"], unique=False)


def _enrolment_codes() -> None:
    op.create_table(
        "enrolment_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("holder_id", sa.String(length=22), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("card_id", sa.String(length=22), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_enrolment_codes_card_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["holders.id"], name=op.f("fk_enrolment_codes_holder_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_enrolment_codes")),
    )
    op.create_index(op.f("ix_enrolment_codes_holder_id"), "enrolment_codes", ["holder_id"], unique=False)


# In this order: a table comes after the tables that it refers to.
_TABLES = (
    _holders,
    _office_log,
    _publications,
    _register_facts,
    _status_lists,
    _trust_bundles,
    _wallet_attempts,
    _wallet_proofs_seen,
    _holder_grounds,
    _holder_marks,
    _holder_photos,
    _status_indexes,
    _cards,
    _enrolment_codes,
)
