"""Logs for the tests: thousands of leaves, a ledger that only feeds leaves, a log in a folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from audit.tree.place import CheckpointPlace
from audit.tree.sequencer import LogHome, Sequencer, TreeIncident
from edge.encoding import b64u
from keys.ed25519 import Ed25519Signer
from keys.notes import EcdsaNoteSigner, Ed25519NoteSigner
from keys.signer import FileSigner
from ledger.leaf import FIRST_PREV, entry_id, leaf_hash

START = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)
START_MS = 1_793_408_400_000
ORIGIN = "yunju.example/v1/log"
POINTS = (("gym", "gym-visit", "culture-bureau"), ("hosp-2", "hospital-payment", "health-bureau"))
REASONS = ("quota-spent", "already-in", "stale-proof", "not-entitled")


def a_leaf(partition: int, seq: int, prev: bytes, at: int, **changes: object) -> bytes:
    """One canonical leaf: a granted use of the gym unless changed; None takes a field away."""
    number = (partition << 24) + seq
    fields: dict[str, object] = {
        "assurance": "proved",
        "at": at,
        "beneficiary": "holder",
        "bundle": 1,
        "caller": "device",
        "department": "culture-bureau",
        "device": "tablet-1",
        "form": "phone",
        "holder": b64u(sha256(b"holder %d" % (number % 997)).digest()),
        "id": entry_id(partition, seq),
        "kind": "check-in",
        "operation": f"operation-{number:012d}",
        "outcome": "granted",
        "partition": partition,
        "point": "gym",
        "prev": b64u(prev),
        "programme": "2026.1",
        "seq": seq,
        "service": "gym-visit",
        "tier": ("silver", "gold", "diamond")[number % 3],
        "v": 1,
    }
    fields |= changes
    kept = {name: fields[name] for name in sorted(fields) if fields[name] is not None}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()


def varied(number: int) -> dict[str, object]:
    """What differs from entry to entry: two points, one denial in five."""
    point, service, department = POINTS[number % 2]
    changes: dict[str, object] = {"point": point, "service": service, "department": department}
    if number % 5 == 0:
        changes |= {"outcome": "denied", "reason": REASONS[number // 5 % len(REASONS)]}
    return changes


class FeedLedger:
    """The part of a ledger that the sequencer reads, in memory. Tests make changes that no real ledger makes."""

    def __init__(self) -> None:
        self.partitions: dict[int, list[bytes]] = defaultdict(list)
        self.name = "feed"

    def add(self, count: int, *, partitions: int = 7, start_ms: int = START_MS, step_ms: int = 1000) -> None:
        """Append entries, round robin over the partitions."""
        begun = sum(len(leaves) for leaves in self.partitions.values())
        for number in range(begun, begun + count):
            self.append(number % partitions, start_ms + number * step_ms, **varied(number))

    def append(self, partition: int, at: int, **changes: object) -> bytes:
        """Append one entry to a partition."""
        leaves = self.partitions[partition]
        prev = leaf_hash(leaves[-1]) if leaves else FIRST_PREV
        leaves.append(a_leaf(partition, len(leaves) + 1, prev, at, **changes))
        return leaves[-1]

    def store(self) -> str:
        return self.name

    def trim(self, _ends: dict[int, int], _at: datetime) -> int:
        return 0

    def heads(self) -> dict[int, int]:
        return {partition: len(leaves) for partition, leaves in self.partitions.items() if leaves}

    def after(self, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
        return tuple(self.partitions[partition][seq : seq + limit])


class LogWorld:
    """A home in a folder, the log's keys, a feed, and the incidents reported."""

    def __init__(
        self, folder: Path, feed: FeedLedger | None = None, *, origin: str = ORIGIN, signer: FileSigner | None = None
    ) -> None:
        self.folder = folder / "log"
        self.home = LogHome(self.folder, CheckpointPlace(folder / "apart" / "checkpoint"), origin)
        self.ed25519 = Ed25519NoteSigner(origin, Ed25519Signer.generate())
        self.signers = (EcdsaNoteSigner(origin, signer or FileSigner.generate()), self.ed25519)
        self.keys = [signer.key for signer in self.signers]
        self.feed = feed or FeedLedger()
        self.incidents: list[TreeIncident] = []
        self.now = START + timedelta(days=1)

    def sequencer(self, seen: Iterable = (), **options: object) -> Sequencer:
        """A new leader."""
        report = self.incidents.append
        return Sequencer(self.home, self.feed, self.signers, self.now, report=report, seen=seen, **options)

    def run(self) -> int:
        """Lead until nothing is new, then give the lead up; returns the size."""
        leader = self.sequencer()
        try:
            while leader.step(self.now):
                pass
            return leader.size
        finally:
            leader.close()


def a_published_log(folder: Path, count: int, *, partitions: int = 7) -> LogWorld:
    """A log of `count` entries, published."""
    world = LogWorld(folder)
    world.feed.add(count, partitions=partitions)
    world.run()
    return world
