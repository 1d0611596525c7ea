"""The tables of the verifier's erasable store (docs/design.md §7): cards, looks, notes, codes, places. They never hold
a check-in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

METADATA = sa.MetaData()
MIGRATIONS: Final = Path(__file__).parent / "migrations"

KNOWN_CARDS = sa.Table(
    "known_cards",
    METADATA,
    sa.Column(
        "digest", sa.LargeBinary(32), primary_key=True, comment="SHA-256 of the card token: what a proof's ath names"
    ),
    sa.Column("subject", sa.String(22), nullable=False, index=True),
    sa.Column("token", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

LOOKS = sa.Table(
    "looks",
    METADATA,
    sa.Column("id", sa.String(22), primary_key=True),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("presentation", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("looked_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("tag", sa.LargeBinary(32), comment="the tag that was read, where one was"),
    sa.Column("counter", sa.BigInteger, comment="its count at that reading"),
    sa.Column("delegation", sa.String(22), comment="the delegation whose code was shown, where one was"),
)

CHALLENGES = sa.Table(
    "challenges",
    METADATA,
    sa.Column("nonce", sa.LargeBinary(32), primary_key=True, comment="SHA-256 of the nonce"),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("card", sa.LargeBinary(32), comment="digest of the card token that answered"),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

TAGS = sa.Table(
    "tags",
    METADATA,
    sa.Column("name", sa.LargeBinary(32), primary_key=True, comment="keyed hash of the UID, which is no identity"),
    sa.Column("token", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("file_key", sa.LargeBinary, nullable=False, comment="sealed; this tag's alone"),
    sa.Column("counter", sa.BigInteger, nullable=False, comment="the highest count taken, -1 before the first"),
    sa.Column("device", sa.String(64), comment="the device that took it"),
    sa.Column("read_at", sa.BigInteger),
)

TAG_META_KEYS = sa.Table(
    "tag_meta_keys",
    METADATA,
    sa.Column("name", sa.LargeBinary(32), primary_key=True),
    sa.Column("key", sa.LargeBinary, nullable=False, comment="sealed; opens UID and count, forges nothing"),
)

ACCESSES = sa.Table(
    "accesses",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False, comment="look, log, photo, export"),
    sa.Column("caller", sa.String(64), nullable=False),
    sa.Column("operator", sa.String(64)),
    sa.Column("point", sa.String(64)),
    sa.Column("holder", sa.String(43), comment="the holder's name in the log, never a sub"),
    sa.Column("what", sa.String(400), nullable=False),
)

NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("entry", sa.String(20), primary_key=True),
    sa.Column("note", sa.LargeBinary, nullable=False, comment="sealed; the entry holds a salted commitment"),
    sa.Column("erase_at", sa.BigInteger, nullable=False, index=True),
)

MATTERS = sa.Table(
    "matters",
    METADATA,
    sa.Column("id", sa.String(20), primary_key=True, comment="the check-in that opened it"),
    sa.Column("point", sa.String(64), nullable=False, index=True),
    sa.Column("department", sa.String(64), nullable=False),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False, comment="seq of the newest entry that was applied"),
    sa.Column("decides", sa.String(64)),
    sa.Column("reference", sa.String(200)),
    sa.Column("stage", sa.String(32), nullable=False),
    sa.Column("complete_at", sa.BigInteger),
    sa.Column("deadline", sa.BigInteger, index=True),
    sa.Column("closed_at", sa.BigInteger, index=True),
    sa.Column("outcome", sa.String(32)),
    sa.Index("ix_matters_listed", "point", "closed_at", "deadline"),
    sa.Index("ix_matters_decides", "decides"),
    comment="follows from the log; no person stands here",
)

STATEMENT_CLOSINGS = sa.Table(
    "statement_closings",
    METADATA,
    sa.Column("department", sa.String(64), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True, comment="2026-10, local"),
    sa.Column("closed_at", sa.BigInteger, nullable=False),
    sa.Column("closed_by", sa.String(64), nullable=False),
)

STATEMENT_LINES = sa.Table(
    "statement_lines",
    METADATA,
    sa.Column("department", sa.String(64), primary_key=True),
    sa.Column("settled_in", sa.String(7), primary_key=True, comment="the month whose closing settled it"),
    sa.Column("month", sa.String(7), primary_key=True, comment="earlier than settled_in: a correction"),
    sa.Column("point", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(64), primary_key=True),
    *[
        sa.Column(name, sa.Integer, nullable=False)
        for name in ("paid", "re_entries", "companions", "voided", "overrides", "held")
    ],
)

BOOKING_DETAILS = sa.Table(
    "booking_details",
    METADATA,
    sa.Column("booking", sa.String(20), primary_key=True, comment="the booking's id"),
    sa.Column("details", sa.LargeBinary, nullable=False, comment="sealed: whose, on which card, the fields"),
    sa.Column("erase_at", sa.BigInteger, nullable=False, index=True),
)

DELEGATIONS = sa.Table(
    "delegations",
    METADATA,
    sa.Column("id", sa.String(22), primary_key=True),
    sa.Column(
        "code", sa.LargeBinary(32), nullable=False, unique=True, comment="keyed hash of the code, never the code"
    ),
    sa.Column("subject", sa.String(22), nullable=False, index=True),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("details", sa.LargeBinary, nullable=False, comment="sealed: the card it was made with, the employer"),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("uses", sa.Integer, nullable=False, comment="told to the holder; the log alone proves them"),
    sa.Column("used_at", sa.BigInteger),
)

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("code", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("point", sa.String(64), nullable=False, index=True),
    sa.Column("name_zh", sa.String(200), nullable=False),
    sa.Column("name_en", sa.String(200), nullable=False),
    sa.Column("starts_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="rises with every change"),
    sa.Column("cancelled_at", sa.BigInteger),
)

NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reference", sa.String(60), comment="the number on the paper"),
    *[
        sa.Column(name, sa.String(10), nullable=False, comment="a local day, 2026-10-31; both ends count")
        for name in ("receipts_from", "receipts_until", "held_from", "held_until")
    ],
    sa.Column("kept_by", sa.String(64), nullable=False, comment="who entered it last"),
    sa.Column("kept_at", sa.BigInteger, nullable=False),
)

PLACE_TURNS = sa.Table(
    "place_turns",
    METADATA,
    sa.Column("resource", sa.String(200), primary_key=True),
    sa.Column("turn", sa.BigInteger, nullable=False, comment="whoever takes a place of it changes this row first"),
)

PLACES = sa.Table(
    "places",
    METADATA,
    sa.Column("id", sa.String(43), primary_key=True, comment="hash of the operation that takes it"),
    sa.Column("resource", sa.String(200), nullable=False, index=True, comment="a room of a point, an event"),
    sa.Column("starts_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("booking", sa.String(20), index=True, comment="whose it is; NULL until the ledger has answered"),
    sa.Column("asked", sa.LargeBinary, comment="sealed: the operation, to ask the ledger what became of it"),
    sa.Column("made_at", sa.BigInteger, nullable=False),
)

WALLET_PROOFS = sa.Table(
    "wallet_proofs",
    METADATA,
    sa.Column("key", sa.String(43), primary_key=True, comment="thumbprint of the phone's key"),
    sa.Column("proof", sa.String(128), primary_key=True),
    sa.Column("forget_at", sa.BigInteger, nullable=False, index=True),
)


OFFLINE_RECORDS = sa.Table(
    "offline_records",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(43), primary_key=True, comment="of the record's signing input; two are a fork"),
    sa.Column("prev", sa.String(43), nullable=False),
    sa.Column("prev_at", sa.BigInteger),
    sa.Column("made_at", sa.BigInteger, nullable=False, comment="the device's time"),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("point", sa.String(64), nullable=False),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("operator", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False, comment="applied, held, dismissed"),
    sa.Column("why", sa.String(32), comment="why it is held or was"),
    sa.Column("answer", sa.Text, comment="what was answered once it was applied"),
    sa.Column("record", sa.LargeBinary, comment="sealed; of a held one alone, gone once it is decided"),
    sa.Column("decided_by", sa.String(64), comment="the operator who released or dismissed it"),
    sa.Column("entry", sa.String(20), index=True, comment="in the log: of a held record the one that says so"),
    sa.Index("offline_records_held", "point", "state"),
)

OFFLINE_GRANTS = sa.Table(
    "offline_grants",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("holder", sa.LargeBinary(32), primary_key=True, comment="keyed hash of the subject"),
    sa.Column("period", sa.String(16), primary_key=True),
    sa.Column(
        "number", sa.Integer, primary_key=True, autoincrement=False, comment="from 1 to the service's offline_limit"
    ),
    sa.Column("digest", sa.String(43), nullable=False, unique=True, comment="the record that takes it"),
    sa.Column("ends_at", sa.BigInteger, comment="when it is forgotten; never where the period has no end"),
)

OFFLINE_INCIDENTS = sa.Table(
    "offline_incidents",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True, comment="gap, fork, broken-chain, forged"),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("until_seq", sa.BigInteger, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("first_at", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger, comment="a gap that was filled later"),
)

DUE_MAILS = sa.Table(
    "due_mails",
    METADATA,
    sa.Column("department", sa.String(64), primary_key=True),
    sa.Column("address", sa.String(400), primary_key=True, comment="of an office, as the setting names it"),
    sa.Column("day", sa.String(10), primary_key=True, comment="the local date"),
    sa.Column("begun_at", sa.BigInteger, nullable=False, index=True, comment="written before it is handed over"),
    sa.Column("next_at", sa.BigInteger, comment="when it is tried again, where the mail server was away"),
    sa.Column("sent_at", sa.BigInteger),
    sa.Column("fault", sa.String(60)),
)
