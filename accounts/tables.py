"""The tables of the accounts store. Tokens, codes, passwords and PINs are never stored in clear text: only hashes
are.
"""

from __future__ import annotations

import sqlalchemy as sa

from edge.database import NAMING, InstantColumn

ID = sa.String(22)
HASH = sa.String(43)


METADATA = sa.MetaData(naming_convention=NAMING)

PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("name_key", HASH, nullable=False, unique=True),
    sa.Column("password", sa.String(200), nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("linked", HASH, unique=True),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("disabled_at", InstantColumn),
)

PERSON_SESSIONS = sa.Table(
    "person_sessions",
    METADATA,
    sa.Column("token_hash", HASH, primary_key=True),
    sa.Column("id", ID, nullable=False, unique=True),
    sa.Column("person_id", ID, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("opened_at", InstantColumn, nullable=False),
    sa.Column("used_at", InstantColumn, nullable=False),
    sa.Column("confirmed_at", InstantColumn, nullable=False),
    sa.Column("factor_at", InstantColumn),
    sa.Column("expires_at", InstantColumn, nullable=False, index=True),
    sa.Column("ended_at", InstantColumn),
    sa.Column("place", sa.String(64), nullable=False),
    sa.Column("place_hash", HASH, nullable=False),
    sa.Column("agent", sa.String(64), nullable=False),
    sa.Column("new_place", sa.Boolean, nullable=False),
)

PERSON_FACTORS = sa.Table(
    "person_factors",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("person_id", ID, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("credential_id", sa.String(1400), unique=True),
    sa.Column("sign_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_step", sa.BigInteger, nullable=False, server_default="-1"),
    sa.Column("added_at", InstantColumn, nullable=False),
    sa.Column("used_at", InstantColumn),
)

RECOVERY_CODES = sa.Table(
    "person_recovery_codes",
    METADATA,
    sa.Column("code_hash", HASH, primary_key=True),
    sa.Column("person_id", ID, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("made_at", InstantColumn, nullable=False),
    sa.Column("used_at", InstantColumn),
)

SIGN_IN_STEPS = sa.Table(
    "sign_in_steps",
    METADATA,
    sa.Column("token_hash", HASH, primary_key=True),
    sa.Column("person_id", ID, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("challenge", sa.String(128), nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False, index=True),
)

SECURITY_EVENTS = sa.Table(
    "security_events",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", InstantColumn, nullable=False, index=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("subject", ID, index=True),
    sa.Column("place", ID),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("more", sa.Boolean, nullable=False),
)

ENROLMENT_CODES = sa.Table(
    "enrolment_codes",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("code_hash", HASH, nullable=False, unique=True),
    sa.Column("point", sa.String(64), nullable=False),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("rights", sa.JSON, nullable=False),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False),
    sa.Column("used_at", InstantColumn),
    sa.Column("needs_operator", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("services", sa.JSON, nullable=False, server_default="[]"),
)

DEVICES = sa.Table(
    "devices",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("point", sa.String(64), nullable=False),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("rights", sa.JSON, nullable=False),
    sa.Column("jwk", sa.JSON, nullable=False),
    sa.Column("thumbprint", HASH, nullable=False),
    sa.Column("token_hash", HASH, nullable=False, unique=True),
    sa.Column("enrolled_at", InstantColumn, nullable=False),
    sa.Column("last_seen_at", InstantColumn, nullable=False),
    sa.Column("revoked_at", InstantColumn),
    sa.Column("needs_operator", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("services", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("former", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("reported_at", InstantColumn),
    sa.Column("version", sa.String(40)),
    sa.Column("queued", sa.Integer),
    sa.Column("clock_seconds", sa.Integer),
    # One key is one live device, even if two codes are used with it at the same moment.
    sa.Index(
        "ix_devices_live_key",
        "thumbprint",
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    ),
)

INTEGRATORS = sa.Table(
    "integrators",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("token_hash", HASH, nullable=False, unique=True),
    sa.Column("rights", sa.JSON, nullable=False),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False),
    sa.Column("revoked_at", InstantColumn),
    sa.Column("used_at", InstantColumn),
)

OPERATORS = sa.Table(
    "operators",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("code", sa.String(32), nullable=False, unique=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("pin", sa.String(200)),
    sa.Column("rights", sa.JSON, nullable=False),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("disabled_at", InstantColumn),
)

OPERATOR_SESSIONS = sa.Table(
    "operator_sessions",
    METADATA,
    sa.Column("token_hash", HASH, primary_key=True),
    sa.Column("operator_id", ID, sa.ForeignKey("operators.id"), nullable=False, index=True),
    sa.Column("device_id", ID, sa.ForeignKey("devices.id"), nullable=False, index=True),
    sa.Column("opened_at", InstantColumn, nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False, index=True),
    sa.Column("ended_at", InstantColumn),
)

SIGN_IN_ATTEMPTS = sa.Table(
    "sign_in_attempts",
    METADATA,
    sa.Column("subject", HASH, primary_key=True),
    sa.Column("source", HASH, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", InstantColumn, nullable=False, index=True),
    sa.Column("locked_until", InstantColumn),
    sa.Column("succeeded_at", InstantColumn),
)

ACCOUNT_LOG = sa.Table(
    "account_log",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", InstantColumn, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("subject", ID, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)
