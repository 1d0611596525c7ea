"""The tables of applications. Personal data are sealed here, and searchable data are keyed hashes."""

from __future__ import annotations

import sqlalchemy as sa

from edge.database import InstantColumn
from issuer.register.tables import HASH, ID, METADATA

FROM_ELSEWHERE = sa.text("channel_receipt IS NOT NULL")
"""An index with mostly empty values would look cheap to the database and still serve no search."""

APPLICATIONS = sa.Table(
    "applications",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("receipt", sa.String(24), nullable=False, unique=True),
    sa.Column("channel", sa.String(40), nullable=False),
    sa.Column("channel_receipt", sa.String(64)),
    sa.Column("code_hash", HASH),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("ground", sa.String(40)),
    sa.Column("limb", sa.String(40)),
    sa.Column("tier", sa.String(32)),
    sa.Column("department", sa.String(40)),
    sa.Column("masked_name", sa.String(100), nullable=False),
    sa.Column("name_hash", HASH, index=True),
    sa.Column("id_hash", HASH, index=True),
    sa.Column("masked_id_hash", HASH, index=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("content_hash", HASH),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("submitted_at", InstantColumn),
    sa.Column("due_on", sa.Date),
    sa.Column("office_due_on", sa.Date),
    sa.Column("asked_on", sa.Date),
    sa.Column("supplement", sa.LargeBinary),
    sa.Column("lacking", sa.JSON, nullable=False),
    sa.Column("recorded_by", sa.String(80), nullable=False),
    sa.Column("claimed_by", sa.String(80)),
    sa.Column("reviewed_by", sa.String(80)),
    sa.Column("advice", sa.String(10)),
    sa.Column("decided_by", sa.String(80)),
    sa.Column("decided_at", InstantColumn),
    sa.Column("refusal", sa.String(40)),
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), index=True),
    sa.Column("card_id", ID, sa.ForeignKey("cards.id")),
    sa.UniqueConstraint("channel", "channel_receipt", name="uq_applications_channel_receipt"),
    sa.Index("ix_applications_worklist", "state", "due_on", "id"),
    sa.Index("ix_applications_ended", "state", "submitted_at", "id"),
    sa.Index(
        "ix_applications_channel_receipt",
        "channel_receipt",
        sqlite_where=FROM_ELSEWHERE,
        postgresql_where=FROM_ELSEWHERE,
    ),
)

APPLICATION_PAPERS = sa.Table(
    "application_papers",
    METADATA,
    sa.Column("application_id", ID, sa.ForeignKey("applications.id"), primary_key=True),
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("variant", sa.String(40)),
    sa.Column("begins", sa.Date),
    sa.Column("ends", sa.Date),
    sa.Column("confirmed", sa.JSON, nullable=False),
    sa.Column("seen", sa.JSON, nullable=False),
    sa.Column("seen_by", sa.String(80)),
    sa.Column("seen_at", InstantColumn),
)

# A file's id is its name in the folder of attachments. The client's name for it is stored nowhere.
APPLICATION_FILES = sa.Table(
    "application_files",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("application_id", ID, sa.ForeignKey("applications.id"), nullable=False, index=True),
    sa.Column("key", sa.String(40), nullable=False),
    sa.Column("media", sa.String(20), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.Column("added_at", InstantColumn, nullable=False),
    sa.Column("removed_at", InstantColumn),
)

# A file on its way in pieces (`issuer/applications/uploads.py`). `digest`: the keyed hash of the SHA-256 that was
# announced; `pieces`: their names among the staged attachments, in order.
APPLICATION_UPLOADS = sa.Table(
    "application_uploads",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("application_id", ID, sa.ForeignKey("applications.id"), nullable=False),
    sa.Column("key", sa.String(40), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("digest", HASH, nullable=False),
    sa.Column("received", sa.Integer, nullable=False),
    sa.Column("pieces", sa.JSON, nullable=False),
    sa.Column("at", InstantColumn, nullable=False, index=True),
    sa.UniqueConstraint("application_id", "key", name="uq_application_uploads_paper"),
)

APPLICATION_EVENTS = sa.Table(
    "application_events",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("application_id", ID, sa.ForeignKey("applications.id"), nullable=False, index=True),
    sa.Column("at", InstantColumn, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("act", sa.String(20), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("note", sa.LargeBinary),
)

# A notice belongs to an application, or to a holder without an application. `once` names a notice that is sent only
# once.
NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("application_id", ID, sa.ForeignKey("applications.id"), index=True),
    sa.Column("holder_id", ID, sa.ForeignKey("holders.id"), index=True),
    sa.Column("once", sa.String(80), unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("transport", sa.String(8), nullable=False),
    sa.Column("address", sa.LargeBinary, nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("created_at", InstantColumn, nullable=False),
    sa.Column("next_at", InstantColumn, index=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("sent_at", InstantColumn),
    sa.Column("fault", sa.String(40)),
    sa.Column("given_up_at", InstantColumn),
    sa.Index("ix_notices_unsent", "sent_at", "id"),
)

# A file that was checked before its import. Until then, its bytes are sealed among the attachments under `id`.
IMPORTS = sa.Table(
    "imports",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("at", InstantColumn, nullable=False, index=True),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("sha256", HASH, nullable=False),
    sa.Column("done_at", InstantColumn),
)
