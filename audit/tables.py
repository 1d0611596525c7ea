"""The tables of the auditors' figures: usage counted by day, and reviews. All of them except reviews are rebuilt from
the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from edge.database import Database

MIGRATIONS: Final = Path(__file__).parent / "migrations"
METADATA = sa.MetaData()

USAGE_COUNTED = sa.Table(
    "usage_counted",
    METADATA,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="how many entries of the published log are counted"),
)


USAGE_COUNTS = sa.Table(
    "usage_counts",
    METADATA,
    sa.Column("day", sa.String(10), primary_key=True, comment="local date of the use, in the programme's zone"),
    sa.Column("hour", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("point", sa.String(200), primary_key=True),
    sa.Column("service", sa.String(200), primary_key=True),
    sa.Column("tier", sa.String(200), primary_key=True, comment="empty where no card was verified"),
    sa.Column("outcome", sa.String(8), primary_key=True, comment="granted, denied, voided"),
    sa.Column("reason", sa.String(200), primary_key=True, comment="empty for a grant"),
    sa.Column("count", sa.BigInteger, nullable=False),
)


USAGE_TAKEN = sa.Table(
    "usage_taken",
    METADATA,
    sa.Column("period", sa.String(7), primary_key=True),
    sa.Column("quota", sa.String(200), primary_key=True),
    sa.Column("tier", sa.String(200), primary_key=True),
    sa.Column("holder", sa.String(43), primary_key=True, comment="the holder's name in the log, never a sub"),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("maximum", sa.Integer, nullable=False),
)


REVIEWS = sa.Table(
    "reviews",
    METADATA,
    sa.Column("caller", sa.String(64), primary_key=True),
    sa.Column("operation", sa.String(64), primary_key=True, comment="sent again, it is the same review"),
    sa.Column("anomaly", sa.String(160), nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False, comment="sealed: who, in words, and the note"),
)


def open_figures(url: str) -> Database:
    """Open the database of the figures and bring its tables to this release. It is the verifier's database, or any
    other.

    `url` is `sqlite:///file` or `postgresql://…`. The room keeps its own version in the table `audit_version`.
    """
    return Database.open(url, room="audit", migrations=MIGRATIONS)
