"""The log's tree: appending, proofs, checking and exporting, and the searches of the audit pages."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.evidence.checkexport import check_export, open_head, read_head
from audit.evidence.checking import CheckProgress, check_tiles
from audit.evidence.exporting import Exported, LogFilter, json_lines, write_lines
from audit.tree.place import CheckpointPlace
from audit.tree.sequencer import LogHome, Sequencer
from audit.tree.tiles import FolderSource, Tree, split_hashes, tile_path
from audit.tree.tilewriter import TileWriter
from bench import audit_scale
from bench.audit_logs import ORIGIN, leaves, signed
from bench.ledger import change
from bench.rows import Row, microseconds, percentile
from edge.clock import SystemClock
from keys.ed25519 import Ed25519Signer
from keys.merkle import fold, verify_inclusion
from keys.notes import Ed25519NoteSigner
from ledger.sqlite import SqliteLedger


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure a log of 50,000 entries and a million hashes; with `full` ten times and more."""
    entries = 1_000_000 if full else 50_000
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*_appending(folder, entries), *_proofs(folder, entries)]
        rows += _checking(folder, entries)
        rows += _exporting(folder, entries)
        rows += _hashes_alone(10_000_000 if full else 1_000_000)
    rows += _sequencing(20_000 if full else 3_000)
    return rows + audit_scale.run(full)


def _appending(folder: Path, count: int) -> list[Row]:
    """A log's tiles written in batches, against hashing the same leaves alone."""
    writer, spent, batch = TileWriter(folder, 0), 0.0, list[bytes]()
    floor = microseconds(lambda: hashlib.sha256(b"\x00" + bytes(480)).digest())
    for data in leaves(count):
        batch.append(data)
        if len(batch) == 8192:
            spent += _timed(partial(writer.append, batch))
            batch.clear()
    spent += _timed(lambda: writer.append(batch))
    return [Row("append to durable tiles, a leaf", spent / count * 1e6, "µs", floor, "SHA-256 of a leaf")]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _inclusion(folder: Path, size: int, index: int) -> None:
    """Prove an entry with nothing read before."""
    Tree(FolderSource(folder), size).inclusion(index)


def _proofs(folder: Path, size: int) -> list[Row]:
    tree, rng = Tree(FolderSource(folder), size), random.Random(1)
    root = tree.root()
    cold, warm = list[float](), list[float]()
    for _ in range(200):
        index = rng.randrange(size)
        cold.append(_timed(partial(_inclusion, folder, size, index)) * 1e6)
        tree.inclusion(index)
        warm.append(_timed(partial(tree.inclusion, index)) * 1e6)
    index, leaf = size // 3, tree.node(0, size // 3)
    proof = tree.inclusion(index)
    check = microseconds(lambda: verify_inclusion(leaf, index, size, proof, root))
    return [
        Row(f"proof from {size:,} entries' tiles, nothing cached, p50", percentile(cold, 0.5), "µs"),
        Row(f"proof from {size:,} entries' tiles, cached, p50", percentile(warm, 0.5), "µs"),
        Row(f"proof of {len(proof)} steps checked", check, "µs"),
    ]


def _checking(folder: Path, size: int) -> list[Row]:
    """The whole check against SHA-256 over the same bytes, read from the same files."""
    log = signed(folder, size)
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
        if not isinstance(step, CheckProgress):
            raise SystemExit(f"the log of the benchmark has a fault: {step}")


def _exporting(folder: Path, size: int) -> list[Row]:
    log, path = signed(folder, size), folder / "export.jsonl"
    with path.open("wb") as file:
        spent = _timed(lambda: write_lines(json_lines(log, LogFilter()), file))
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
    for number, _ in enumerate(json_lines(log, LogFilter())):
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
            cold.append(_timed(partial(_inclusion, folder, count, index)) * 1e6)
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
        home = LogHome(folder / "log", CheckpointPlace(folder / "apart"), ORIGIN)
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
