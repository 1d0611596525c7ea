"""The log's tree: appending, proofs, checking, exporting, and searching the ledger behind the audit pages."""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ledger import change
from bench.rows import Row, microseconds, percentile
from edge.clock import SystemClock
from edge.encoding import b64u
from keys.ed25519 import Ed25519Signer
from keys.merkle import fold, verify_inclusion
from keys.notes import Checkpoint, Ed25519NoteSigner, Note, open_checkpoint
from verifier.audit.checkexport import check_export, open_head, read_head
from verifier.audit.checking import Checked, check_tiles
from verifier.audit.exporting import Exported, Filter, json_lines, write_lines
from verifier.audit.leaf import FIRST_PREV, entry_id, leaf_hash
from verifier.audit.place import Place
from verifier.audit.sequencer import LogHome, Sequencer
from verifier.audit.tiles import FolderSource, Tree, split_hashes, tile_path
from verifier.audit.tilewriter import TileWriter
from verifier.ledger.interface import Query
from verifier.ledger.sqlite import SqliteLedger
from verifier.ledger.sqlite.schema import row_of

ORIGIN = "bench.example/v1/log"
START_MS = 1_767_225_600_000  # 2026-01-01, and one entry every three seconds: ten million take a year
REASONS = ("quota-spent", "already-in", "stale-proof", "not-entitled", "proof-used")
POINTS = ("gym", "museum", "library", "hosp-2", "hosp-3", "hosp-baiyun", "air-dom", "gov-green")


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure a log of 50,000 entries, a million hashes, and a ledger's search; with `full` ten times and more."""
    entries = 1_000_000 if full else 50_000
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*_appending(folder, entries), *_proofs(folder, entries)]
        rows += _checking(folder, entries)
        rows += _exporting(folder, entries)
        rows += _hashes_alone(10_000_000 if full else 1_000_000)
    rows += _sequencing(20_000 if full else 3_000)
    rows += _searching(10_000_000 if full else 200_000)
    return rows + _beside_load(entries)


def leaves(count: int, partitions: int = 256) -> Iterator[bytes]:
    """Yield leaves of a true log, in the order of their instants."""
    heads: dict[int, tuple[int, bytes]] = {}
    for number in range(count):
        partition = number * 7 % partitions
        seq, last = heads.get(partition, (0, FIRST_PREV))
        data = json.dumps(_fields(number, partition, seq + 1, last), separators=(",", ":")).encode()
        heads[partition] = (seq + 1, leaf_hash(data))
        yield data


def _fields(number: int, partition: int, seq: int, last: bytes) -> dict[str, object]:
    denied = number % 6 == 0
    fields: dict[str, object] = {
        "assurance": "proved", "at": START_MS + number * 3000, "beneficiary": "holder", "bundle": 3, "caller": "device",
        "department": "culture-bureau", "device": f"tablet-{number % 40}", "form": "phone",
        "holder": b64u(hashlib.sha256(b"%d" % (number % 20_011)).digest()), "id": entry_id(partition, seq),
        "kind": "check-in", "operation": f"operation-{number:012d}", "outcome": "denied" if denied else "granted",
        "partition": partition, "point": POINTS[number % len(POINTS)], "prev": b64u(last), "programme": "2026.1",
    }  # fmt: skip
    if denied:
        fields["reason"] = REASONS[number % len(REASONS)]
    return {**fields, "seq": seq, "service": "gym-visit", "tier": "silver", "v": 1}


def _appending(folder: Path, count: int) -> list[Row]:
    """A log's tiles written in batches, against hashing the same leaves alone."""
    writer, spent, batch = TileWriter(folder, 0), 0.0, list[bytes]()
    floor = microseconds(lambda: hashlib.sha256(b"\x00" + bytes(480)).digest())
    for data in leaves(count):
        batch.append(data)
        if len(batch) == 8192:
            spent += _timed(lambda batch=batch: writer.append(batch))
            batch.clear()
    spent += _timed(lambda: writer.append(batch))
    return [Row("append to durable tiles, a leaf", spent / count * 1e6, "µs", floor, "SHA-256 of a leaf")]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _proofs(folder: Path, size: int) -> list[Row]:
    tree, rng = Tree(FolderSource(folder), size), random.Random(1)
    root = tree.root()
    cold, warm = list[float](), list[float]()
    for _ in range(200):
        index = rng.randrange(size)
        cold.append(_timed(lambda index=index: Tree(FolderSource(folder), size).inclusion(index)) * 1e6)
        tree.inclusion(index)
        warm.append(_timed(lambda index=index: tree.inclusion(index)) * 1e6)
    index, leaf = size // 3, tree.node(0, size // 3)
    proof = tree.inclusion(index)
    check = microseconds(lambda: verify_inclusion(leaf, index, size, proof, root))
    return [
        Row(f"proof from {size:,} entries' tiles, nothing cached, p50", percentile(cold, 0.5), "µs"),
        Row(f"proof from {size:,} entries' tiles, cached, p50", percentile(warm, 0.5), "µs"),
        Row(f"proof of {len(proof)} steps checked", check, "µs"),
    ]


def _signed(folder: Path, size: int) -> Exported:
    signer = Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())
    text = Checkpoint(ORIGIN, size, Tree(FolderSource(folder), size).root()).text
    note = Note(text, (signer.sign(text),)).encode()
    return Exported(FolderSource(folder), open_checkpoint(note, [signer.key]))


def _checking(folder: Path, size: int) -> list[Row]:
    """The whole check against SHA-256 over the same bytes, read from the same files."""
    log = _signed(folder, size)
    floor = _timed(lambda: [hashlib.sha256(entry).digest() for entry in log.tree().entries()])
    bare = list(log.tree().entries())[:50_000]
    hashed = _timed(lambda: [hashlib.sha256(entry).digest() for entry in bare]) / len(bare)
    spent = _timed(lambda: _all_good(check_tiles(log.source, log.checkpoint.checkpoint)))
    return [
        Row("SHA-256 over the entries, in memory", 1 / hashed, "/s"),
        Row("entries read and hashed, no check", size / floor, "/s"),
        Row("entries checked (tiles, chains, root)", size / spent, "/s", 1 / hashed, "SHA-256 alone"),
    ]


def _all_good(steps: Iterator[object]) -> None:
    for step in steps:
        if not isinstance(step, Checked):
            raise SystemExit(f"the log of the benchmark has a fault: {step}")


def _exporting(folder: Path, size: int) -> list[Row]:
    log, path = _signed(folder, size), folder / "export.jsonl"
    with path.open("wb") as file:
        spent = _timed(lambda: write_lines(json_lines(log, Filter()), file))
    with path.open("rb") as file:
        head = read_head(file.readline())
        opened = open_head(head, [each.key for each in log.checkpoint.signed])
        checked = _timed(lambda: _all_good(check_export(head, opened, file)))
    peaks = [_peak(log, most) for most in (size // 10, size)]
    path.unlink()
    return [
        Row(f"export of {size:,} entries with proofs", size / spent, "/s"),
        Row("exported entries checked", size / checked, "/s"),
        Row("memory of the export at its peak", peaks[1] / 1024, "KB", peaks[0] / 1024, "at a tenth", 1.5),
    ]


def _peak(log: Exported, most: int) -> int:
    """The memory of the first `most` lines, by the allocator's own count."""
    tracemalloc.start()
    for number, _ in enumerate(json_lines(log, Filter())):
        if number == min(most, 100_000):
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _hashes_alone(count: int) -> list[Row]:
    """A tree of hash tiles alone, for proofs at sizes whose entries would fill the disk."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        _fill_tiles(folder, count)
        tree, rng = Tree(FolderSource(folder), count), random.Random(2)
        cold = list[float]()
        for _ in range(200):
            index = rng.randrange(count)
            cold.append(_timed(lambda index=index: Tree(FolderSource(folder), count).inclusion(index)) * 1e6)
        tree.root()
        old = microseconds(lambda: tree.consistency(count // 3))
    return [
        Row(f"proof at {count:,} entries, nothing cached, p50", percentile(cold, 0.5), "µs"),
        Row(f"consistency proof at {count:,} entries, cached", old, "µs"),
    ]


def _fill_tiles(folder: Path, count: int) -> None:
    level, row = 0, b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(count))
    while row:
        above = []
        for at in range(0, len(row), 8192):
            hashes = split_hashes(row[at : at + 8192])
            path = folder / tile_path(level, at // 8192, len(hashes))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(row[at : at + 8192])
            above += [fold(hashes)] if len(hashes) == 256 else []
        level, row = level + 1, b"".join(above)


def _sequencing(count: int) -> list[Row]:
    """From a SQLite ledger's commit to the published checkpoint."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        ledger = SqliteLedger(folder / "ledger.db", SystemClock())
        _check_ins(ledger, count)
        home = LogHome(folder / "log", Place(folder / "apart"), ORIGIN)
        signer = Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())
        leader = Sequencer(home, ledger, [signer], datetime.now(UTC), report=lambda _incident: None)
        spent = _timed(lambda: [None for _ in iter(lambda: leader.step(datetime.now(UTC)), 0)])
        steps = []
        for _ in range(30):
            ledger.check_in(change())
            steps.append(_timed(lambda: leader.step(datetime.now(UTC))) * 1000)
        leader.close()
        ledger.close()
    return [
        Row("sequenced from the ledger, an entry", spent / count * 1e6, "µs"),
        Row("one entry into a published checkpoint, p50", percentile(steps, 0.5), "ms"),
    ]


def _check_ins(ledger: SqliteLedger, count: int) -> None:
    def work(number: int) -> None:
        for _ in range(number):
            ledger.check_in(change())

    threads = [threading.Thread(target=work, args=(count // 32,)) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _searching(count: int) -> list[Row]:
    """Pages of the log as auditors ask for them, in a ledger filled behind its back."""
    with TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        ledger = SqliteLedger(path, SystemClock())
        ledger.ready()
        _fill_entries(path, count)
        rng, times = random.Random(3), list[float]()
        for number in range(60):
            begun = START_MS + rng.randrange(count) * 3000
            until = datetime.fromtimestamp(begun / 1000, UTC)
            choice: tuple[Query, ...] = (
                Query(until=until),
                Query(until=until, point=POINTS[number % 8]),
                Query(until=until, reason=REASONS[number % 5]),
                Query(holder=b64u(hashlib.sha256(b"%d" % rng.randrange(20_011)).digest())),
                Query(since=until - timedelta(days=1), until=until, outcome="denied"),
            )
            times.append(_timed(lambda asked=choice[number % 5]: ledger.entries(asked)) * 1000)
        ledger.close()
    return [Row(f"a page of the log at {count:,} entries, p95", percentile(times, 0.95), "ms", 200.0, "the aim", 1.0)]


def _fill_entries(path: Path, count: int) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")

    def rows() -> Iterator[tuple[object, ...]]:
        for number, data in enumerate(leaves(count)):
            reason = REASONS[number % len(REASONS)] if number % 6 == 0 else None
            yield (
                row_of(number * 7 % 256, number // 256 + 1), START_MS + number * 3000, "check-in",
                POINTS[number % len(POINTS)], "gym-visit", f"tablet-{number % 40}",
                "denied" if reason else "granted", reason,
                b64u(hashlib.sha256(b"%d" % (number % 20_011)).digest()), data,
            )  # fmt: skip

    columns = "n, at, kind, point, service, device, outcome, reason, holder, leaf"
    db.executemany(f"INSERT INTO entries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())
    db.execute("COMMIT")
    db.close()


def _beside_load(entries: int) -> list[Row]:
    """Check-ins while another process exports the log: it reads tiles, so that no check-in waits for it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        writer = TileWriter(folder / "log", 0)
        writer.append(leaves(min(entries, 50_000)))
        ledger = SqliteLedger(folder / "ledger.db", SystemClock())
        alone = _rate(ledger)
        log = _signed(folder / "log", writer.size)
        child = os.fork()
        if child == 0:
            with Path(os.devnull).open("wb") as nowhere:
                while True:
                    write_lines(json_lines(log, Filter()), nowhere)
        time.sleep(0.2)
        beside = _rate(ledger)
        wal = (folder / "ledger.db-wal").stat().st_size / 1e6
        os.kill(child, 9)
        os.waitpid(child, 0)
        ledger.close()
    return [
        Row("a check-in beside a running export, p50", beside, "µs", alone, "alone", 1.2),
        Row("write-ahead log meanwhile", wal, "MB"),
    ]


def _rate(ledger: SqliteLedger) -> float:
    changes = [change() for _ in range(400)]
    return percentile([_timed(lambda asked=asked: ledger.check_in(asked)) * 1e6 for asked in changes], 0.5)
