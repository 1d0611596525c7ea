"""Baseline: people, devices, integrators, operators, their sessions, and the account log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table, and make the account log append-only."""
    _people()
    _person_sessions()
    _enrolment_codes()
    _devices()
    _integrators()
    _operators()
    _operator_sessions()
    _sign_in_attempts()
    _account_log()
    _append_only()


def downgrade() -> None:
    """Refuse: there is nothing before the baseline."""
    raise NotImplementedError("the baseline has nothing before it")


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=43), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("name_key", name=op.f("uq_people_name_key")),
    )


def _person_sessions() -> None:
    op.create_table(
        "person_sessions",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("person_id", sa.String(length=22), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_person_sessions_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_person_sessions")),
    )
    op.create_index(op.f("ix_person_sessions_expires_at"), "person_sessions", ["expires_at"])
    op.create_index(op.f("ix_person_sessions_person_id"), "person_sessions", ["person_id"])


def _enrolment_codes() -> None:
    op.create_table(
        "enrolment_codes",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("code_hash", sa.String(length=43), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrolment_codes_code_hash")),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("jwk", sa.JSON(), nullable=False),
        sa.Column("thumbprint", sa.String(length=43), nullable=False),
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_devices_token_hash")),
    )
    live = sa.text("revoked_at IS NULL")
    op.create_index(
        "ix_devices_live_key", "devices", ["thumbprint"], unique=True, sqlite_where=live, postgresql_where=live
    )


def _integrators() -> None:
    op.create_table(
        "integrators",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrators")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_integrators_token_hash")),
    )


def _operators() -> None:
    op.create_table(
        "operators",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("pin", sa.String(length=200), nullable=True),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operators")),
        sa.UniqueConstraint("code", name=op.f("uq_operators_code")),
    )


def _operator_sessions() -> None:
    op.create_table(
        "operator_sessions",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=False),
        sa.Column("device_id", sa.String(length=22), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_operator_sessions_device_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=op.f("fk_operator_sessions_operator_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_operator_sessions")),
    )
    op.create_index(op.f("ix_operator_sessions_device_id"), "operator_sessions", ["device_id"])
    op.create_index(op.f("ix_operator_sessions_expires_at"), "operator_sessions", ["expires_at"])
    op.create_index(op.f("ix_operator_sessions_operator_id"), "operator_sessions", ["operator_id"])


def _sign_in_attempts() -> None:
    op.create_table(
        "sign_in_attempts",
        sa.Column("subject", sa.String(length=43), nullable=False),
        sa.Column("source", sa.String(length=43), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subject", "source", name=op.f("pk_sign_in_attempts")),
    )
    op.create_index(op.f("ix_sign_in_attempts_failed_at"), "sign_in_attempts", ["failed_at"])


def _account_log() -> None:
    op.create_table(
        "account_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=22), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_log")),
    )


def _append_only() -> None:
    # Against mistakes and injected statements. The owner of the database can drop a trigger (see accounts/store.py).
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION account_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the account log is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER account_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION account_log_is_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER account_log_no_{change.lower()} BEFORE {change} ON account_log "
            "BEGIN SELECT RAISE(ABORT, 'the account log is append-only'); END"
        )
