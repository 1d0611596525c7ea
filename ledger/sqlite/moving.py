"""Reads the contents of a SQLite ledger, partition by partition, and computes its tables again from the contents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ledger.contents import Contents, KeptAnswer, KeptHolder, KeptProof, Rebuilt
from ledger.following import of_kind, rows_of
from ledger.holders import keyed
from ledger.leaf import FIRST_PREV
from ledger.sqlite import rows
from ledger.sqlite.rows import row_of
from ledger.sqlite.tables import FOLLOWING, insert
from ledger.values import LedgerError


def dump(db: sqlite3.Connection, partition: int, now: int) -> Contents:
    """Return the contents of a partition, in one snapshot. Answers and markers that have expired at `now` are left
    out.
    """
    db.execute("BEGIN")
    try:
        bounds = (row_of(partition, 0), row_of(partition + 1, 0))
        leaves = db.execute("SELECT leaf FROM entries WHERE n >= ? AND n < ? ORDER BY n", bounds)
        kept = (partition, now)
        return Contents(
            partition,
            tuple(data for (data,) in leaves),
            tuple(sorted(KeptHolder(*row) for row in _rows(db, "sub, salt", "holders", partition))),
            tuple(
                sorted(KeptAnswer(*row) for row in _kept(db, "scope, device, id, request, answer", "operations", kept))
            ),
            tuple(
                sorted(
                    KeptProof(card, proof, device, bool(spent), until)
                    for card, proof, device, spent, until in _kept(db, "card, proof, device, spent", "proofs", kept)
                )
            ),
        )
    finally:
        db.execute("COMMIT")


def restore(db: sqlite3.Connection, contents: Contents, rebuilt: Rebuilt) -> None:
    """Write a partition that is still empty. Raises LedgerError if it is not."""
    partition = contents.partition
    _require_empty(db, partition)
    if contents.leaves:
        db.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", (partition, rebuilt.seq, rebuilt.hash, rebuilt.at))
    lines = zip(rebuilt.lines.values(), contents.leaves, strict=True)
    _insert(db, "entries", ((row_of(partition, line.seq), *rows.index_columns(line), data) for line, data in lines))
    named = ((one.subject, partition, one.salt, keyed(one.salt, one.subject)) for one in contents.holders)
    _insert(db, "holders", named)
    _insert(
        db,
        "operations",
        (
            (partition, one.scope, one.device, one.operation, one.request, one.answer, one.keep_until)
            for one in contents.answers
        ),
    )
    _insert(
        db,
        "proofs",
        ((partition, one.card, one.proof, one.device, int(one.spent), one.keep_until) for one in contents.proofs),
    )
    following = list(rows_of(rebuilt.replay))
    for table in FOLLOWING:
        insert(db, table, partition, of_kind(following, table.kind))


def replace(db: sqlite3.Connection, held: Contents, wanted: Contents, rebuilt: Rebuilt) -> None:
    """Replace `held` by `wanted`. Raises LedgerError if the partition no longer ends as `held` does."""
    partition = held.partition
    head = db.execute("SELECT seq, hash FROM heads WHERE partition = ?", (partition,)).fetchone()
    if (head or (0, FIRST_PREV)) != held.end:
        raise LedgerError(f"partition {partition:02x} was written to meanwhile")
    for table in ("heads", "holders", "operations", "proofs"):
        db.execute(f"DELETE FROM {table} WHERE partition = ?", (partition,))  # noqa: S608 - constants alone
    db.execute("DELETE FROM entries WHERE n >= ? AND n < ?", (row_of(partition, 0), row_of(partition + 1, 0)))
    for following in FOLLOWING:
        condition, bounds = following.bounds(partition)
        db.execute(f"DELETE FROM {following.name} WHERE {condition}", bounds)  # noqa: S608 - constants alone
    restore(db, wanted, rebuilt)


def _insert(db: sqlite3.Connection, table: str, values: Iterable[tuple[object, ...]]) -> None:
    listed = list(values)
    if listed:
        marks = ", ".join("?" * len(listed[0]))
        db.executemany(f"INSERT INTO {table} VALUES ({marks})", listed)  # noqa: S608 - constants alone


def _require_empty(db: sqlite3.Connection, partition: int) -> None:
    for table in ("heads", "holders", "operations", "proofs"):
        if db.execute(f"SELECT 1 FROM {table} WHERE partition = ? LIMIT 1", (partition,)).fetchone():  # noqa: S608 - constants alone
            raise LedgerError(f"partition {partition:02x} is not empty")


def _rows(db: sqlite3.Connection, columns: str, table: str, partition: int) -> Iterable[tuple[str, bytes]]:
    return db.execute(f"SELECT {columns} FROM {table} WHERE partition = ?", (partition,))  # noqa: S608 - constants alone


def _kept(db: sqlite3.Connection, columns: str, table: str, bounds: tuple[int, int]) -> sqlite3.Cursor:
    return db.execute(
        f"SELECT {columns}, keep_until FROM {table} WHERE partition = ? AND keep_until >= ?",  # noqa: S608 - constants alone
        bounds,
    )
