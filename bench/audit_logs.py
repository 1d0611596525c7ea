"""Logs to measure on: millions of real leaves, a ledger that is filled directly, and tiles with a checkpoint."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from audit.evidence.exporting import Exported
from audit.tree.tiles import FolderSource, Tree
from audit.tree.tilewriter import TileWriter
from edge.encoding import b64u
from keys.ed25519 import Ed25519Signer
from keys.notes import Checkpoint, Ed25519NoteSigner, Note, open_checkpoint
from ledger.leaf import FIRST_PREV, entry_id, leaf_hash
from ledger.sqlite.rows import row_of

ORIGIN = "bench.example/v1/log"
START_MS = 1_767_225_600_000  # 2026-01-01, and one entry every two and a half seconds: ten million take 290 days
STEP_MS = 2500
HOLDERS = 20_011
REASONS = ("quota-spent", "already-in", "stale-proof", "not-entitled", "proof-used")
POINTS = ("gym", "museum", "library", "hosp-2", "hosp-3", "hosp-baiyun", "air-dom", "gov-green")
_COLUMNS = ("n", "at", "kind", "point", "service", "device", "outcome", "reason", "holder", "leaf")


def holder(number: int) -> str:
    """Return the pseudonym of a holder by number."""
    return b64u(hashlib.sha256(b"%d" % (number % HOLDERS)).digest())


def leaves(count: int, partitions: int = 256) -> Iterator[bytes]:
    """Yield leaves of a true log, in the order of their instants."""
    for _, data in _rows(count, partitions):
        yield data


def _rows(count: int, partitions: int = 256) -> Iterator[tuple[dict[str, object], bytes]]:
    heads: dict[int, tuple[int, bytes]] = {}
    encode = msgspec.json.Encoder().encode
    for number in range(count):
        partition = number * 7 % partitions
        seq, last = heads.get(partition, (0, FIRST_PREV))
        fields = _fields(number, partition, seq + 1, last)
        data = encode(fields)
        heads[partition] = (seq + 1, leaf_hash(data))
        yield fields, data


def _fields(number: int, partition: int, seq: int, last: bytes) -> dict[str, object]:
    """One entry in twenty has a diamond card, one in ten thousand a rare mark, one in six is refused."""
    denied, marked = number % 6 == 0, number % 10_000 == 77
    fields: dict[str, object] = {
        "assurance": "copyable" if number % 9 == 0 else "proved", "at": START_MS + number * STEP_MS,
        "beneficiary": "holder", "bundle": 3, "caller": "device", "department": "culture-bureau",
        "device": f"tablet-{number % 40}", "form": "phone", "holder": holder(number), "id": entry_id(partition, seq),
        "kind": "check-in", **({"marks": ["overdrawn"]} if marked else {}), "operation": f"operation-{number:012d}",
        "operator": str(1000 + number % 60), "outcome": "denied" if denied else "granted", "partition": partition,
        "point": POINTS[number % len(POINTS)], "prev": b64u(last), "programme": "2026.1",
    }  # fmt: skip
    if denied:
        fields["reason"] = REASONS[number // 6 % len(REASONS)]
    tier = "diamond" if number % 20 == 0 else ("gold" if number % 3 == 0 else "silver")
    return {**fields, "seq": seq, "service": "gym-visit", "tier": tier, "v": 1}


def fill_ledger(path: Path, count: int) -> None:
    """Write entries and heads into a ledger's own tables; the indexes are made at the end, which is faster."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    indexes = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'entries'").fetchall()
    indexes = [(name, sql) for name, sql in indexes if sql]
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    db.execute("BEGIN")
    heads: dict[int, tuple[object, ...]] = {}
    db.executemany(f"INSERT INTO entries VALUES ({', '.join('?' * len(_COLUMNS))})", _entries(count, heads))
    db.executemany("INSERT INTO heads VALUES (?, ?, ?, ?)", heads.values())
    for _, sql in indexes:
        db.execute(sql)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _entries(count: int, heads: dict[int, tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    for fields, data in _rows(count):
        partition, seq = int(str(fields["partition"])), int(str(fields["seq"]))
        heads[partition] = (partition, seq, leaf_hash(data), fields["at"])
        yield (row_of(partition, seq), *(fields.get(name) for name in _COLUMNS[1:-1]), data)


def write_log(folder: Path, count: int) -> Exported:
    """Write a log's tiles, some thousand leaves at a time, and return it with its checkpoint."""
    writer, left = TileWriter(folder, 0), leaves(count)
    while some := list(islice(left, 8192)):
        writer.append(some)
    return signed(folder, writer.size)


def signed(folder: Path, size: int) -> Exported:
    """Return the log whose tiles lie in a folder, with a checkpoint that verifies."""
    signer = Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())
    text = Checkpoint(ORIGIN, size, Tree(FolderSource(folder), size).root()).text
    note = Note(text, (signer.sign(text),)).encode()
    return Exported(FolderSource(folder), open_checkpoint(note, [signer.key]))
