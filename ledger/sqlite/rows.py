"""Statements on the working tables, one function a thing: what a step reads and writes. Runs inside a transaction."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from dataclasses import dataclass

from edge.encoding import b64u, unb64u
from ledger import leaf
from ledger.answers import visit_state
from ledger.millis import from_millis
from ledger.sqlite.schema import place_of, row_of
from ledger.values import Taken, VisitState

_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Holder:
    """A holder's name in the log, and the salt that hides who it is."""

    partition: int
    name: str
    salt: bytes

    def card(self, card_id: str) -> str:
        """Return a card's name in the log."""
        return keyed(self.salt, card_id)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a partition: its last `seq`, hash and instant."""

    partition: int
    seq: int = 0
    hash: bytes = leaf.FIRST_PREV
    last_at: int = 0


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit and the entry (opening or re-entry) by which its holder last came in. Times in milliseconds."""

    entry: int
    started_at: int
    ends_at: int
    re_entries: int
    left_at: int | None
    inside: int
    inside_at: int

    def state(self) -> VisitState:
        """Return the visit as callers see it."""
        return visit_state(name_of(self.entry), self.started_at, self.ends_at, self.re_entries, self.left_at)


def name_of(row: int) -> str:
    """Return the id of the entry in a row."""
    return leaf.entry_id(*place_of(row))


def row_named(entry_id: str) -> int:
    """Return the row of the entry with this id; LeafError when it is no id."""
    return row_of(*leaf.split_id(entry_id))


def keyed(salt: bytes, text: str) -> str:
    """Return HMAC-SHA256 of a text under a holder's salt, as the log writes it."""
    return b64u(hmac.digest(salt, text.encode(), "sha256"))


def find_holder(db: sqlite3.Connection, subject: str) -> Holder | None:
    """Return the holder of a `sub`, None when never seen or erased."""
    found = db.execute("SELECT partition, holder, salt FROM holders WHERE sub = ?", (subject,)).fetchone()
    return None if found is None else Holder(*found)


def subject_of(db: sqlite3.Connection, entry_id: str) -> str | None:
    """Return the `sub` behind an entry's holder, None for no entry, none of a holder's, or one erased."""
    try:
        row = row_named(entry_id)
    except leaf.LeafError:
        return None
    found = db.execute(
        "SELECT sub FROM holders WHERE partition = ? AND holder = (SELECT holder FROM entries WHERE n = ?)",
        (place_of(row)[0], row),
    ).fetchone()
    return None if found is None else str(found[0])


def new_holder(db: sqlite3.Connection, subject: str, partition: int) -> Holder:
    """Give a `sub` seen for the first time a salt and a name."""
    salt = secrets.token_bytes(_SALT_BYTES)
    holder = Holder(partition, keyed(salt, subject), salt)
    db.execute("INSERT INTO holders VALUES (?, ?, ?, ?)", (subject, partition, salt, holder.name))
    return holder


def erase_holder(db: sqlite3.Connection, subject: str) -> str | None:
    """Overwrite a holder's row with noughts and return the name it had; what else is kept goes by the name alone."""
    db.execute("PRAGMA secure_delete = ON")
    found = db.execute("DELETE FROM holders WHERE sub = ? RETURNING holder", (subject,)).fetchone()
    return None if found is None else str(found[0])


def find_operation(
    db: sqlite3.Connection, partition: int, scope: str, device: str, operation: str
) -> tuple[bytes, bytes] | None:
    """Return request hash and answer of an operation that is kept."""
    found: tuple[bytes, bytes] | None = db.execute(
        "SELECT request, answer FROM operations WHERE partition = ? AND scope = ? AND device = ? AND id = ?",
        (partition, scope, device, operation),
    ).fetchone()
    return found


def read_head(db: sqlite3.Connection, partition: int) -> Head:
    """Return the end of a partition."""
    found = db.execute("SELECT partition, seq, hash, last_at FROM heads WHERE partition = ?", (partition,)).fetchone()
    return Head(partition) if found is None else Head(*found)


def append(db: sqlite3.Connection, entry: leaf.Leaf) -> bytes:
    """Write an entry at the end of its partition and return its hash."""
    data = leaf.encode(entry)
    digest = leaf.leaf_hash(data)
    db.execute(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (row_of(entry.partition, entry.seq), *index_columns(entry), data),
    )
    db.execute(
        "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT (partition)"
        " DO UPDATE SET seq = excluded.seq, hash = excluded.hash, last_at = excluded.last_at",
        (entry.partition, entry.seq, digest, entry.at),
    )
    return digest


def index_columns(entry: leaf.Leaf) -> tuple[int, str, str, str, str, str | None, str | None, str | None]:
    """Return what stands beside a leaf so that it can be found."""
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
    """Return the leaf in a row."""
    found = db.execute("SELECT leaf FROM entries WHERE n = ?", (row,)).fetchone()
    return None if found is None else leaf.decode(found[0])


def is_free(db: sqlite3.Connection, key: tuple[int, str, str], device: str) -> bool:
    """Whether a proof (partition, card, proof) is this device's to use: not spent, and claimed by no other."""
    return rival_of(db, key, device) is None


def rival_of(db: sqlite3.Connection, key: tuple[int, str, str], device: str) -> str | None:
    """Return the device whose a proof is: this one where it spent it before; None while it is this one's to use."""
    found = db.execute(
        "SELECT device, spent FROM proofs WHERE partition = ? AND card = ? AND proof = ?", key
    ).fetchone()
    return None if found is None or found == (device, 0) else str(found[0])


def claim_proof(
    db: sqlite3.Connection, key: tuple[int, str, str], device: str, keep_until: int, *, spent: bool
) -> None:
    """Claim a free proof for a device, and spend it when its use was granted."""
    db.execute(
        "INSERT INTO proofs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT"
        " DO UPDATE SET spent = max(spent, excluded.spent), keep_until = max(keep_until, excluded.keep_until)",
        (*key, device, int(spent), keep_until),
    )


def read_used(db: sqlite3.Connection, holder: tuple[int, str], limit: str, period: str) -> int:
    """Return what is used of a limit in a period."""
    found = db.execute(
        "SELECT used FROM counters WHERE partition = ? AND holder = ? AND quota = ? AND period = ?",
        (*holder, limit, period),
    ).fetchone()
    return 0 if found is None else int(found[0])


def add_used(db: sqlite3.Connection, holder: tuple[int, str], limit: str, period: str, units: int) -> None:
    """Add units (or, below nought, give them back)."""
    db.execute(
        "INSERT INTO counters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used = used + excluded.used",
        (*holder, limit, period, units),
    )


def read_taken(
    db: sqlite3.Connection, holder: tuple[int, str], group: str, period: str, least: int = 1
) -> Taken | None:
    """Return what an exclusion group is fixed to, if by at least so many uses."""
    found = db.execute(
        "SELECT member, service, at, entry FROM choices"
        " WHERE partition = ? AND holder = ? AND family = ? AND period = ? AND uses >= ?",
        (*holder, group, period, least),
    ).fetchone()
    if found is None:
        return None
    return Taken(group, found[0], found[1], from_millis(found[2]), name_of(found[3]))


def choose(db: sqlite3.Connection, entry: leaf.Leaf) -> None:
    """Count a use of the member that an entry chose; the first one fixes the group."""
    if entry.choice is None:
        return
    db.execute(
        "INSERT INTO choices VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET uses = uses + 1",
        (
            entry.partition,
            entry.holder,
            entry.choice.group,
            entry.choice.period,
            entry.choice.member,
            entry.service,
            entry.at,
            row_of(entry.partition, entry.seq),
        ),
    )


def unchoose(db: sqlite3.Connection, entry: leaf.Leaf) -> None:
    """Take a use of a member back; at none the group is free again."""
    if entry.choice is None:
        return
    key = (entry.partition, entry.holder, entry.choice.group, entry.choice.period)
    where = "WHERE partition = ? AND holder = ? AND family = ? AND period = ?"
    db.execute(f"UPDATE choices SET uses = uses - 1 {where}", key)  # noqa: S608 - a constant
    db.execute(f"DELETE FROM choices {where} AND uses = 0", key)  # noqa: S608 - a constant


def read_visit(db: sqlite3.Connection, holder: tuple[int, str], service: str, point: str) -> VisitRow | None:
    """Return the last visit at a service and point, over or not."""
    found = db.execute(
        "SELECT entry, started_at, ends_at, re_entries, left_at, inside, inside_at FROM visits"
        " WHERE partition = ? AND holder = ? AND service = ? AND point = ?",
        (*holder, service, point),
    ).fetchone()
    return None if found is None else VisitRow(*found)


def write_visit(db: sqlite3.Connection, holder: tuple[int, str], service: str, point: str, visit: VisitRow) -> None:
    """Put a visit in the place of the last one at its service and point."""
    db.execute(
        "REPLACE INTO visits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *holder,
            service,
            point,
            visit.entry,
            visit.started_at,
            visit.ends_at,
            visit.re_entries,
            visit.left_at,
            visit.inside,
            visit.inside_at,
        ),
    )


def delete_visit(db: sqlite3.Connection, holder: tuple[int, str], service: str, point: str) -> None:
    """Close a visit whose opening was taken back."""
    db.execute(
        "DELETE FROM visits WHERE partition = ? AND holder = ? AND service = ? AND point = ?", (*holder, service, point)
    )


def read_state(db: sqlite3.Connection, row: int) -> tuple[int | None, int | None]:
    """Return by which entries an entry was voided and left."""
    found: tuple[int | None, int | None] | None = db.execute(
        "SELECT voided_by, left_by FROM states WHERE n = ?", (row,)
    ).fetchone()
    return found or (None, None)


def mark_voided(db: sqlite3.Connection, row: int, by: int) -> None:
    """Note that an entry was taken back."""
    db.execute(
        "INSERT INTO states VALUES (?, ?, NULL) ON CONFLICT (n) DO UPDATE SET voided_by = excluded.voided_by", (row, by)
    )


def mark_left(db: sqlite3.Connection, row: int, by: int) -> None:
    """Note that the visit of an entry was left."""
    db.execute(
        "INSERT INTO states VALUES (?, NULL, ?) ON CONFLICT (n) DO UPDATE SET left_by = excluded.left_by", (row, by)
    )


def keep_answer(
    db: sqlite3.Connection, key: tuple[int, str, str, str], request: bytes, answer: bytes, keep_until: int
) -> None:
    """Keep the first answer to an operation."""
    db.execute("INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, request, answer, keep_until))


def prev_text(head: Head) -> str:
    """Return the hash before the next entry, as its leaf writes it."""
    return b64u(head.hash)


def hash_of(text: str) -> bytes:
    """Return the bytes of a hash as a leaf writes it."""
    return unb64u(text)
