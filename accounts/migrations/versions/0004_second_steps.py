"""Second steps, recovery codes, sessions with their use and place, single sign-on, and the security log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Everybody must sign in again: an earlier session has neither its last use nor its second step."""
    _sessions()
    _factors()
    _codes_and_steps()
    _security_events()
    with op.batch_alter_table("people") as people:
        people.add_column(sa.Column("linked", sa.String(length=43), nullable=True))
        people.create_unique_constraint(op.f("uq_people_linked"), ["linked"])


def _sessions() -> None:
    op.drop_table("person_sessions")
    op.create_table(
        "person_sessions",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("person_id", sa.String(length=22), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=False),
        sa.Column("factor_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("place_hash", sa.String(length=43), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("new_place", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_person_sessions_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_person_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_person_sessions_id")),
    )
    op.create_index(op.f("ix_person_sessions_expires_at"), "person_sessions", ["expires_at"])
    op.create_index(op.f("ix_person_sessions_person_id"), "person_sessions", ["person_id"])


def _factors() -> None:
    op.create_table(
        "person_factors",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("person_id", sa.String(length=22), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=True),
        sa.Column("sign_count", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("last_step", sa.BigInteger(), nullable=False, server_default="-1"),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_person_factors_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_person_factors_credential_id")),
    )
    op.create_index(op.f("ix_person_factors_person_id"), "person_factors", ["person_id"])


def _codes_and_steps() -> None:
    op.create_table(
        "person_recovery_codes",
        sa.Column("code_hash", sa.String(length=43), nullable=False),
        sa.Column("person_id", sa.String(length=22), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_person_recovery_codes_person_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_person_recovery_codes")),
    )
    op.create_index(op.f("ix_person_recovery_codes_person_id"), "person_recovery_codes", ["person_id"])
    op.create_table(
        "sign_in_steps",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("person_id", sa.String(length=22), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("challenge", sa.String(length=128), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_in_steps_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_steps")),
    )
    op.create_index(op.f("ix_sign_in_steps_expires_at"), "sign_in_steps", ["expires_at"])
    op.create_index(op.f("ix_sign_in_steps_person_id"), "sign_in_steps", ["person_id"])


def _security_events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=22), nullable=True),
        sa.Column("place", sa.String(length=22), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
    )
    op.create_index(op.f("ix_security_events_at"), "security_events", ["at"])
    op.create_index(op.f("ix_security_events_subject"), "security_events", ["subject"])
    # Against mistakes and injected statements, as in the account log.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER security_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON security_events "
            "FOR EACH STATEMENT EXECUTE FUNCTION account_log_is_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER security_events_no_{change.lower()} BEFORE {change} ON security_events "
            "BEGIN SELECT RAISE(ABORT, 'the security log is append-only'); END"
        )
