"""Statements on entries, holders, kept answers and proof markers. They run in a transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ledger import answers, leaf
from ledger.holders import HolderName, proposed
from ledger.millis import to_millis
from ledger.values import Outcome
from ledger.writing import LogEnd

_SEQ_BITS = 40
_SEQ_MASK = (1 << _SEQ_BITS) - 1


def row_of(partition: int, seq: int) -> int:
    """Return the row number of an entry."""
    return partition << _SEQ_BITS | seq


def partition_and_seq(row: int) -> tuple[int, int]:
    """Return the partition and the `seq` of a row number."""
    return row >> _SEQ_BITS, row & _SEQ_MASK


def name_of(row: int) -> str:
    """Return the id of the entry in a row."""
    return leaf.entry_id(*partition_and_seq(row))


def row_named(entry_id: str) -> int:
    """Return the row number of the entry with this id. Raises LeafError if the text is no id."""
    return row_of(*leaf.split_id(entry_id))


def find_holder_name(db: sqlite3.Connection, subject: str) -> HolderName | None:
    """Return the holder of a `sub`, or None if the holder was never seen or is erased."""
    found = db.execute("SELECT holder, salt FROM holders WHERE sub = ?", (subject,)).fetchone()
    return None if found is None else HolderName(*found)


def subject_of_entry(db: sqlite3.Connection, entry_id: str) -> str | None:
    """Return the `sub` behind an entry's holder, or None if there is no entry, no holder, or the holder is erased."""
    try:
        row = row_named(entry_id)
    except leaf.LeafError:
        return None
    found = db.execute(
        "SELECT sub FROM holders WHERE partition = ? AND holder = (SELECT holder FROM entries WHERE n = ?)",
        (partition_and_seq(row)[0], row),
    ).fetchone()
    return None if found is None else str(found[0])


def new_holder(db: sqlite3.Connection, subject: str, partition: int) -> HolderName:
    """Give a new `sub` a salt and a name."""
    holder = proposed(subject)
    db.execute("INSERT INTO holders VALUES (?, ?, ?, ?)", (subject, partition, holder.salt, holder.name))
    return holder


def erase_holder(db: sqlite3.Connection, subject: str) -> str | None:
    """Remove a holder's row so that its bytes are overwritten. Return the holder's name in the log."""
    db.execute("PRAGMA secure_delete = ON")
    found = db.execute("DELETE FROM holders WHERE sub = ? RETURNING holder", (subject,)).fetchone()
    return None if found is None else str(found[0])


def find_operation(
    db: sqlite3.Connection, partition: int, scope: str, device: str, operation: str
) -> tuple[bytes, bytes] | None:
    """Return the request hash and the answer of a kept operation, or None."""
    found: tuple[bytes, bytes] | None = db.execute(
        "SELECT request, answer FROM operations WHERE partition = ? AND scope = ? AND device = ? AND id = ?",
        (partition, scope, device, operation),
    ).fetchone()
    return found


def operations_of(db: sqlite3.Connection, device: str, operation: str) -> list[tuple[bytes, bytes]]:
    """Return the request hashes and answers of all that a device asked for under an operation id, for any holder."""
    asked = "SELECT request, answer FROM operations WHERE device = ? AND id = ?"
    return db.execute(asked, (device, operation)).fetchall()


def keep_answer(
    db: sqlite3.Connection, key: tuple[int, str, str, str], request: bytes, outcome: Outcome, keep_until: datetime
) -> None:
    """Keep the first answer to an operation."""
    values = (*key, request, answers.write(outcome), to_millis(keep_until))
    db.execute("INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def read_end(db: sqlite3.Connection, partition: int) -> LogEnd:
    """Return the end of a partition's log."""
    found = db.execute("SELECT partition, seq, hash, last_at FROM heads WHERE partition = ?", (partition,)).fetchone()
    return LogEnd(partition) if found is None else LogEnd(*found)


def append(db: sqlite3.Connection, entry: leaf.Leaf) -> LogEnd:
    """Write an entry at the end of its partition. Return the new end."""
    columns = (row_of(entry.partition, entry.seq), *index_columns(entry))
    data = leaf.encode(entry)
    end = LogEnd(entry.partition, entry.seq, leaf.leaf_hash(data), entry.at)
    db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*columns, data))
    db.execute(
        "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT (partition)"
        " DO UPDATE SET seq = excluded.seq, hash = excluded.hash, last_at = excluded.last_at",
        (end.partition, end.seq, end.hash, end.at),
    )
    return end


def index_columns(entry: leaf.Leaf) -> tuple[int, str, str, str, str, str | None, str | None, str | None]:
    """Return the column values beside a leaf, by which searches find the leaf."""
    return (
        entry.at,
        entry.kind,
        entry.point,
        entry.service,
        entry.device,
        entry.outcome,
        entry.reason,
        entry.holder,
    )


def read_leaf(db: sqlite3.Connection, row: int) -> leaf.Leaf | None:
    """Return the leaf in a row, or None."""
    found = db.execute("SELECT leaf FROM entries WHERE n = ?", (row,)).fetchone()
    return None if found is None else leaf.decode(found[0])
