"""The tables of the register. Names, ID numbers, photos, notes and tokens are sealed; codes are hashes."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from edge.database import NAMING, InstantColumn

ID = sa.String(22)
HASH = sa.String(64)


class CardState(StrEnum):
    """The state of a card. `revoked` and `replaced` are final, and both are published as revoked."""

    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    REPLACED = "replaced"

    @property
    def live(self) -> bool:
        """Return whether the card is valid or may become valid again."""
        return self in (CardState.VALID, CardState.SUSPENDED)


class IndexState(StrEnum):
    """The state of a status index: to be published as valid soon, published and free, or used by a card."""

    POOLED = "pooled"
    READY = "ready"
    ASSIGNED = "assigned"


METADATA = sa.MetaData(naming_convention=NAMING)

FACTS = sa.Table(
    "register_facts",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)

HOLDERS = sa.Table(
    "holders",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", sa.LargeBinary, nullable=False),
    sa.Column("masked_name", sa.String(100), nullable=False),
    sa.Column("id_type", sa.String(20), nullable=False),
    sa.Column("id_country", sa.String(3), nullable=False),
    sa.Column("id_number", sa.LargeBinary, nullable=False),
    sa.Column("id_hash", HASH, nullable=False, unique=True),
    sa.Column("phone", sa.LargeBinary),
    sa.Column("added_at", InstantColumn, nullable=False),
    sa.Column("name_hash", HASH, index=True),
    sa.Column("masked_id_hash", HASH, index=True),
    sa.Column("erased_at", InstantColumn),
)

# Keyed hashes of erased identities, until the quotas of their year are over. They name no holder.
ERASED_IDENTITIES = sa.Table(
    "erased_identities",
    METADATA,
    sa.Column("id_hash", HASH, primary_key=True),
    sa.Column("until", InstantColumn, nullable=False),
)

PHOTOS = sa.Table(
    "holder_photos",
    METADATA,
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), primary_key=True),
    sa.Column("photo", sa.LargeBinary, nullable=False),
    sa.Column("added_at", InstantColumn, nullable=False),
)

GROUNDS = sa.Table(
    "holder_grounds",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), nullable=False, index=True),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("limb", sa.String(40)),
    sa.Column("tier", sa.String(32), nullable=False),
    sa.Column("reference", sa.String(100)),
    sa.Column("body", sa.String(100)),
    sa.Column("note", sa.LargeBinary),
    sa.Column("contract_ends", sa.Date),
    sa.Column("permit_ends", sa.Date),
    sa.Column("basis_ends", sa.Date),
    sa.Column("added_at", InstantColumn, nullable=False),
    sa.Column("withdrawn_at", InstantColumn),
)

MARKS = sa.Table(
    "holder_marks",
    METADATA,
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("value", sa.String(64), primary_key=True),
    sa.Column("since", InstantColumn, nullable=False),
)

UNPRINTED = sa.text("printed_at IS NULL AND form <> 'phone'")
"""Live cards for printing that were never printed. The text must equal the index's, or no database uses the index."""

CARDS = sa.Table(
    "cards",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), nullable=False, index=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("form", sa.String(8), nullable=False),
    sa.Column("tier", sa.String(32), nullable=False),
    sa.Column("ground_id", sa.Integer, sa.ForeignKey("holder_grounds.id"), nullable=False),
    sa.Column("status_list", sa.Integer, nullable=False),
    sa.Column("status_index", sa.Integer, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("suspended_by", sa.String(10)),
    sa.Column("issued_at", InstantColumn, nullable=False),
    sa.Column("not_before", InstantColumn, nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False),
    sa.Column("valid_until", InstantColumn, nullable=False),
    sa.Column("key", sa.JSON),
    sa.Column("key_thumbprint", sa.String(43), index=True),
    sa.Column("token", sa.LargeBinary, nullable=False),
    sa.Column("recovery_hash", HASH),
    sa.Column("ended_at", InstantColumn),
    sa.Column("ended_because", sa.String(40)),
    sa.Column("replaced_by", ID),
    sa.Column("printed_at", InstantColumn),
    sa.Index("ix_cards_standing", "id", "state"),  # What publishing reads of every card, without its tokens
    sa.Index("ix_cards_ends", "valid_until", "state", "holder_id"),
    sa.Index("ix_cards_of_holder", "holder_id", "state", "valid_until"),
    sa.Index("ix_cards_unprinted", "issued_at", "id", sqlite_where=UNPRINTED, postgresql_where=UNPRINTED),
    sa.CheckConstraint("state IN ('valid', 'suspended', 'revoked', 'replaced')", name="ck_cards_state"),
)

STATUS_LISTS = sa.Table(
    "status_lists",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("created_at", InstantColumn, nullable=False),
)

# The primary key keeps two cards off one index. An index without a row is unassigned and published as revoked.
# `card_id` is drawn when an index enters the pool. `binding` belongs to a card's index (cards/binding.py) and is None
# until known.
STATUS_INDEXES = sa.Table(
    "status_indexes",
    METADATA,
    sa.Column("list", sa.Integer, sa.ForeignKey("status_lists.number"), primary_key=True, autoincrement=False),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("card_id", ID, unique=True),
    sa.Column("reusable_at", InstantColumn),
    sa.Column("binding", sa.LargeBinary),
)

ENROLMENT_CODES = sa.Table(
    "enrolment_codes",
    METADATA,
    sa.Column("code_hash", HASH, primary_key=True),
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), nullable=False, index=True),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("cancelled_at", InstantColumn),
    sa.Column("used_at", InstantColumn),
    sa.Column("card_id", ID, sa.ForeignKey("cards.id")),
    sa.Column("phone_hash", HASH),  # The mark in the phone's browser; NULL if the phone showed none
)

# What is guessed at and from where, by keyed hash: how often it failed, and when last. Names nobody.
ATTEMPTS = sa.Table(
    "wallet_attempts",
    METADATA,
    sa.Column("subject", HASH, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("since", InstantColumn, nullable=False),
)

PROOFS_SEEN = sa.Table(
    "wallet_proofs_seen",
    METADATA,
    sa.Column("thumbprint", sa.String(43), primary_key=True),
    sa.Column("proof_id", sa.String(128), primary_key=True),
    sa.Column("forget_at", InstantColumn, nullable=False, index=True),
)

BUNDLES = sa.Table(
    "trust_bundles",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content", HASH, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("issued_at", InstantColumn, nullable=False),
    sa.Column("expires_at", InstantColumn, nullable=False),
)

PUBLICATIONS = sa.Table(
    "publications",
    METADATA,
    sa.Column("serial", sa.Integer, primary_key=True),
    sa.Column("begun_at", InstantColumn, nullable=False),
    sa.Column("finished_at", InstantColumn),
)

OFFICE_LOG = sa.Table(
    "office_log",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", InstantColumn, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("holder_id", ID, index=True),
    sa.Column("card_id", ID, index=True),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Index("ix_office_log_action", "action", "seq"),
)

OFFICE_CHAIN = sa.Table(
    "office_chain",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("link", HASH, nullable=False),
)
