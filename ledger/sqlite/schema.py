"""The tables of the SQLite ledger. `entries` holds the log. All other tables follow from it, except `holders` (salts),
`operations` and `proofs` (answers and markers, kept for a time).
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x59554E4A  # "YUNJ"
VERSION = 4

# `n` is an entry's partition and seq in one integer. It is the row's own key, so neither needs an index. `sub` stands
# in `holders` alone: all other tables use the pseudonym, and erasing a person erases one row.
TABLES = """
CREATE TABLE holders (
    sub TEXT PRIMARY KEY, partition INTEGER NOT NULL, salt BLOB NOT NULL, holder TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE heads (
    partition INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL, last_at INTEGER NOT NULL
) STRICT;
CREATE TABLE entries (
    n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, point TEXT NOT NULL, service TEXT NOT NULL,
    device TEXT NOT NULL, outcome TEXT, reason TEXT, holder TEXT, leaf BLOB NOT NULL
) STRICT;
CREATE INDEX entries_at ON entries (at);
CREATE INDEX entries_point ON entries (point, at);
CREATE INDEX entries_holder ON entries (holder, at) WHERE holder IS NOT NULL;
CREATE TABLE states (
    n INTEGER PRIMARY KEY, voided_by INTEGER, left_by INTEGER
) STRICT;
CREATE TABLE counters (
    partition INTEGER NOT NULL, holder TEXT NOT NULL, quota TEXT NOT NULL, period TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (partition, holder, quota, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE choices (
    partition INTEGER NOT NULL, holder TEXT NOT NULL, family TEXT NOT NULL, period TEXT NOT NULL,
    member TEXT NOT NULL, uses INTEGER NOT NULL, service TEXT NOT NULL, at INTEGER NOT NULL, entry INTEGER NOT NULL,
    PRIMARY KEY (partition, holder, family, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE visits (
    partition INTEGER NOT NULL, holder TEXT NOT NULL, service TEXT NOT NULL, point TEXT NOT NULL,
    entry INTEGER NOT NULL, started_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, re_entries INTEGER NOT NULL,
    left_at INTEGER, inside INTEGER NOT NULL, inside_at INTEGER NOT NULL,
    PRIMARY KEY (partition, holder, service, point)
) STRICT, WITHOUT ROWID;
CREATE TABLE operations (
    partition INTEGER NOT NULL, scope TEXT NOT NULL, device TEXT NOT NULL, id TEXT NOT NULL,
    request BLOB NOT NULL, answer BLOB NOT NULL, keep_until INTEGER NOT NULL,
    PRIMARY KEY (partition, scope, device, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE proofs (
    partition INTEGER NOT NULL, card TEXT NOT NULL, proof TEXT NOT NULL,
    device TEXT NOT NULL, spent INTEGER NOT NULL, keep_until INTEGER NOT NULL,
    PRIMARY KEY (partition, card, proof)
) STRICT, WITHOUT ROWID;
CREATE TABLE probe (one INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
"""

# The tables and columns that later versions added, in their order. A file of an earlier version is upgraded.
ADDED: dict[int, str] = {
    2: """
CREATE TABLE bookings (
    n INTEGER PRIMARY KEY, holder TEXT NOT NULL, service TEXT NOT NULL, point TEXT NOT NULL, state TEXT NOT NULL,
    holds INTEGER NOT NULL, held_by INTEGER NOT NULL, used_by INTEGER, scheduled_at INTEGER NOT NULL,
    expected_at INTEGER NOT NULL, opens_at INTEGER NOT NULL, closes_at INTEGER NOT NULL
) STRICT;
CREATE INDEX bookings_holder ON bookings (holder);
CREATE INDEX bookings_point ON bookings (point, expected_at);
CREATE INDEX bookings_expected ON bookings (expected_at);
CREATE INDEX bookings_closing ON bookings (closes_at) WHERE state = 'held';
""",
    # Uses that can open a visit, in their order. Earlier uses are read from their leaves.
    3: """
CREATE TABLE stays (
    partition INTEGER NOT NULL, holder TEXT NOT NULL, service TEXT NOT NULL, point TEXT NOT NULL,
    at INTEGER NOT NULL, n INTEGER NOT NULL, ends_at INTEGER NOT NULL, opens INTEGER NOT NULL,
    PRIMARY KEY (partition, holder, service, point, at, n)
) STRICT, WITHOUT ROWID;
INSERT INTO stays
    SELECT entries.n >> 40, holder, service, point, at, entries.n,
        json_extract(CAST(leaf AS TEXT), '$.visit.ends_at'), 1
    FROM entries LEFT JOIN states ON states.n = entries.n
    WHERE kind = 'check-in' AND outcome = 'granted' AND voided_by IS NULL
        AND json_extract(CAST(leaf AS TEXT), '$.visit.started_at') = at
        AND json_extract(CAST(leaf AS TEXT), '$.visit.entry') IS NULL;
""",
    # An operation's id belongs to the device: it is looked for without knowing the card that it was used with.
    4: """
CREATE INDEX operations_device ON operations (device, id);
""",
}


class ForeignFile(sqlite3.DatabaseError):
    """The file is a database of another program, or of a later version of the ledger."""


def prepare_schema(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file, or add what an earlier version lacks. Raises ForeignFile for another database.

    The caller holds the file lock.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        made = _version_made(db)
        for version in range(made + 1, VERSION + 1):
            for statement in (TABLES if version == 1 else ADDED[version]).split(";"):
                db.execute(statement)
        if made < VERSION:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version_made(db: sqlite3.Connection) -> int:
    """Return the version of the tables in the file, or 0 for an empty file. Raises ForeignFile for any other file."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if (application, version, tables) == (0, 0, 0):
        return 0
    if application != APPLICATION_ID or not 1 <= version <= VERSION:
        raise ForeignFile("not a ledger of this version")
    return version
