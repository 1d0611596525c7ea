"""Finds what in the log deserves a second look, and says why: one pass over a span of leaves. Pure; it accuses nobody.

Each finding has an id that stays the same while the log grows, so that a review stays with its finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from audit.figures.thresholds import Thresholds
from audit.tree.tiles import TileError, TileSource, Tree
from ledger.leaf import USES


class AnomalyKind(StrEnum):
    """The closed set of anomalies. The pages explain each (`anomaly.<kind>` in the translations)."""

    TOO_FAR = "too-far"
    REFUSED_PROOFS = "refused-proofs"
    VOIDS = "voids"
    UNCHECKED_COPY = "unchecked-copy"
    OVERDRAWN = "overdrawn"
    REPLAYED = "replayed"
    CLOCK = "clock"
    REVOKED_OFFLINE = "revoked-offline"
    FORGED_OFFLINE = "forged-offline"
    UNPROVED_OFFLINE = "unproved-offline"
    BEYOND_OFFLINE = "beyond-offline"
    LATE_OFFLINE = "late-offline"
    CONTRADICTED_OFFLINE = "contradicted-offline"
    OFF_HOURS = "off-hours"
    SAME_PAIR = "same-pair"
    MOST_USED = "most-used"


GRAVE: Final = frozenset(
    {
        AnomalyKind.REPLAYED,
        AnomalyKind.REVOKED_OFFLINE,
        AnomalyKind.FORGED_OFFLINE,
        AnomalyKind.UNPROVED_OFFLINE,
        AnomalyKind.BEYOND_OFFLINE,
        AnomalyKind.UNCHECKED_COPY,
        AnomalyKind.REFUSED_PROOFS,
    }
)
"""The kinds to look at first: a rule was broken, or somebody tried to break one."""

ENTRIES_SHOWN: Final = 20
_PROOF_REASONS: Final = frozenset({"bad-signature", "unknown-key", "bad-proof", "stale-proof", "proof-used"})
_ENDED: Final = frozenset({"revoked", "suspended", "expired"})
_NOT_GENUINE: Final = frozenset({"unknown-key", "bad-signature", "bad-claims"})
_UNPROVED: Final = frozenset(
    {
        "proof-missing",
        "bad-proof",
        "stale-proof",
        "clock-ahead",
        "proof-used",
        "id-check-needed",
        "assurance-too-low",
        "operator-unproved",
    }
)
_LATE: Final = frozenset({"late", "revoked-device"})


class SeenLeaf(msgspec.Struct, frozen=True):
    """The fields of a leaf that the search reads."""

    at: int
    device: str
    id: str
    kind: str
    point: str
    service: str
    assurance: str | None = None
    client_time: int | None = None
    holder: str | None = None
    id_checked: bool | None = None
    linked: str | None = None
    marks: tuple[str, ...] = ()
    operator: str | None = None
    outcome: str | None = None
    reason: str | None = None
    used_at: int | None = None

    @property
    def when(self) -> int:
        """The instant of the use (epoch milliseconds)."""
        return self.at if self.used_at is None else self.used_at

    @property
    def granted(self) -> bool:
        """Whether this is a use that was granted."""
        return self.kind in USES and self.outcome == "granted"

    @property
    def staff(self) -> str:
        """Who acted: the operator, or the device if no operator was signed in."""
        return self.operator or self.device


@dataclass(slots=True)
class Anomaly:
    """One finding. `about` holds the values for the explanation; `entries` holds the first of the `count` entries
    behind it.
    """

    id: str
    kind: AnomalyKind
    at: int
    about: dict[str, str]
    entries: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def grave(self) -> bool:
        """Whether an auditor should look at this finding first."""
        return self.kind in GRAVE

    def add(self, leaf: SeenLeaf) -> None:
        """Add one more entry to the finding."""
        self.count += 1
        self.at = max(self.at, leaf.when)
        if len(self.entries) < ENTRIES_SHOWN:
            self.entries.append(leaf.id)


_DECODER: Final = msgspec.json.Decoder(SeenLeaf)


def find_anomalies(leaves: Iterable[bytes], zone: ZoneInfo, thresholds: Thresholds | None = None) -> list[Anomaly]:
    """Return the anomalies among leaves: the gravest first, then the newest."""
    search = _Search(zone, thresholds or Thresholds())
    for data in leaves:
        search.look(_DECODER.decode(data))
    found = [*search.found.values(), *search.end()]
    return sorted(found, key=lambda one: (not one.grave, -one.at, one.id))


class _Search:
    """The search's memory. Holders, devices and staff bound its size, never entries."""

    def __init__(self, zone: ZoneInfo, thresholds: Thresholds) -> None:
        self.found: dict[str, Anomaly] = {}
        self._zone, self._bounds = zone, thresholds
        self._ended: set[str] = set()
        self._last: dict[str, SeenLeaf] = {}
        self._refused: dict[str, list[SeenLeaf]] = {}
        self._voids: dict[tuple[str, str], list[SeenLeaf]] = {}
        self._pairs: dict[str, Anomaly] = {}
        self._uses: dict[str, Anomaly] = {}

    def look(self, leaf: SeenLeaf) -> None:
        self._by_itself(leaf)
        self._by_clock(leaf)
        if leaf.kind == "void":
            self._void(leaf)
        if leaf.kind in USES and leaf.reason in _PROOF_REASONS:
            self._refused_proof(leaf)
        if leaf.granted and leaf.holder is not None:
            self._use(leaf, leaf.holder)

    def end(self) -> Iterator[Anomaly]:
        """Yield the anomalies that show only after the last entry."""
        bounds = self._bounds
        yield from (pair for pair in self._pairs.values() if pair.count >= bounds.same_pair)
        usual = median([use.count for use in self._uses.values()] or [0])
        yield from (
            use for use in self._uses.values() if use.count >= max(bounds.most_used, bounds.most_used_times * usual)
        )

    def _by_itself(self, leaf: SeenLeaf) -> None:
        """Check what one entry shows by itself."""
        marks = set(leaf.marks)
        checked = leaf.id_checked or not marks.isdisjoint({"id-checked", "represented"})
        if leaf.granted and leaf.assurance in ("copyable", "counted") and not checked:
            self._note(AnomalyKind.UNCHECKED_COPY, leaf.id, leaf)
        if "overdrawn" in marks:
            self._note(AnomalyKind.OVERDRAWN, leaf.id, leaf)
        if "replayed" in marks:
            self._note(AnomalyKind.REPLAYED, leaf.id, leaf)
        kind = _let_in(leaf) if "granted-offline" in marks else None
        if kind is not None:
            self._note(kind, leaf.id, leaf)
        self._ended_offline(leaf)

    def _ended_offline(self, leaf: SeenLeaf) -> None:
        """Check a use that a device granted offline although the server refuses it. The server's refusal stands before
        the use.
        """
        if leaf.kind == "offline" and leaf.outcome == "denied" and leaf.reason in _ENDED:
            self._ended.add(leaf.id)
        if leaf.kind == "offline" and leaf.granted and leaf.linked in self._ended:
            self._note(AnomalyKind.REVOKED_OFFLINE, leaf.id, leaf)

    def _by_clock(self, leaf: SeenLeaf) -> None:
        """Check the hour and the device's clock: one finding for each device or point, and day."""
        local = self._local(leaf.when)
        day = local.date().isoformat()
        most = timedelta(minutes=self._bounds.clock_minutes) / timedelta(milliseconds=1)
        off = leaf.client_time is not None and abs(leaf.client_time - leaf.at) > most
        if leaf.kind in USES and ((off and leaf.kind == "check-in") or "clock-doubt" in leaf.marks):
            self._note(AnomalyKind.CLOCK, f"{leaf.device}:{day}", leaf, minutes=self._bounds.clock_minutes)
        hours = self._bounds.hours_of(leaf.point)
        if leaf.granted and local.time() not in hours:
            self._note(AnomalyKind.OFF_HOURS, f"{leaf.point}:{day}", leaf, hours=hours)

    def _local(self, millis: int) -> datetime:
        return datetime.fromtimestamp(millis / 1000, UTC).astimezone(self._zone)

    def _void(self, leaf: SeenLeaf) -> None:
        day = self._local(leaf.at).date().isoformat()
        mine = self._voids.setdefault((leaf.staff, day), [])
        mine.append(leaf)
        if len(mine) >= self._bounds.voids:
            self._group(AnomalyKind.VOIDS, f"{leaf.staff}:{day}", mine)

    def _refused_proof(self, leaf: SeenLeaf) -> None:
        mine = self._refused.setdefault(leaf.device, [])
        mine.append(leaf)
        minutes = self._bounds.refused_proofs_minutes
        mine[:] = [one for one in mine if one.when > leaf.when - timedelta(minutes=minutes) / timedelta(milliseconds=1)]
        if len(mine) >= self._bounds.refused_proofs:
            self._group(AnomalyKind.REFUSED_PROOFS, f"{leaf.device}:{mine[0].id}", mine, minutes=minutes)
            mine.clear()

    def _use(self, leaf: SeenLeaf, holder: str) -> None:
        last = self._last.get(holder)
        if last is not None and last.point != leaf.point and not self._bounds.is_apart(abs(leaf.when - last.when)):
            self._far_apart(last, leaf, holder)
        self._last[holder] = leaf
        self._count(self._pairs, AnomalyKind.SAME_PAIR, f"{leaf.staff}:{holder}", leaf)
        self._count(self._uses, AnomalyKind.MOST_USED, holder, leaf, times=self._bounds.most_used_times)

    def _far_apart(self, last: SeenLeaf, leaf: SeenLeaf, holder: str) -> None:
        """Check two uses far apart: one finding for each holder and day."""
        day = self._local(leaf.when).date().isoformat()
        name = f"{AnomalyKind.TOO_FAR}:{holder}:{day}"
        about = _about(leaf, other=last.point, minutes=self._bounds.too_far_minutes)
        found = self.found.setdefault(name, Anomaly(name, AnomalyKind.TOO_FAR, leaf.when, about))
        if last.id not in found.entries:
            found.add(last)
        found.add(leaf)

    def _count(self, table: dict[str, Anomaly], kind: AnomalyKind, key: str, leaf: SeenLeaf, **bound: object) -> None:
        name = f"{kind}:{key}"
        if name not in table:
            table[name] = Anomaly(name, kind, leaf.when, _about(leaf, **bound))
        table[name].add(leaf)

    def _note(self, kind: AnomalyKind, key: str, leaf: SeenLeaf, **bound: object) -> None:
        self._count(self.found, kind, key, leaf, **bound)

    def _group(self, kind: AnomalyKind, key: str, leaves: list[SeenLeaf], **bound: object) -> None:
        name = f"{kind}:{key}"
        made = Anomaly(name, kind, leaves[0].when, _about(leaves[-1], **bound))
        for leaf in leaves:
            made.add(leaf)
        self.found[name] = made


def _let_in(leaf: SeenLeaf) -> AnomalyKind | None:
    """Return why the server refuses a person whom a device let in, or None. Nothing is guessed.

    The result is None for a card that ended later and whose use counts: the use itself shows this (`REVOKED_OFFLINE`).
    """
    if leaf.holder is None or leaf.reason in _NOT_GENUINE:
        return AnomalyKind.FORGED_OFFLINE
    if leaf.reason in _UNPROVED:
        return AnomalyKind.UNPROVED_OFFLINE
    if leaf.reason in _LATE:
        return AnomalyKind.LATE_OFFLINE
    if "held" in leaf.marks:
        return AnomalyKind.BEYOND_OFFLINE
    return None if leaf.reason in _ENDED else AnomalyKind.CONTRADICTED_OFFLINE


def _about(leaf: SeenLeaf, **bound: object) -> dict[str, str]:
    """Return the values for the explanation: those of the entry, and the threshold that it passed."""
    named: Mapping[str, object] = {
        "point": leaf.point,
        "service": leaf.service,
        "device": leaf.device,
        "operator": leaf.operator,
        "holder": leaf.holder,
        **bound,
    }
    return {name: str(value) for name, value in named.items() if value is not None}


def leaves_between(source: TileSource, size: int, since: int, until: int, most: int) -> Iterator[bytes]:
    """Yield at most `most` leaves received in [`since`, `until`) (epoch milliseconds). Raises TileError.

    Across partitions, the order of the log is exact to one minute. So one more minute is read on both sides.
    """
    tree, slack = Tree(source, size), 120_000
    for data in tree.entries(_first_since(tree, since - slack)):
        at = _DECODER.decode(data).at
        if at >= until + slack or most <= 0:
            return
        if since <= at < until:
            most -= 1
            yield data


def _first_since(tree: Tree, since: int) -> int:
    """Return the index of the first entry received at `since` or later, by bisection."""
    low, high = 0, tree.size
    while low < high:
        middle = (low + high) // 2
        if _is_older(tree, middle, since):
            low = middle + 1
        else:
            high = middle
    if low > 0:
        tree.entry(low - 1)  # If the entry before cannot be read, nobody knows that it is older: TileError
    return low


def _is_older(tree: Tree, index: int, since: int) -> bool:
    """Return whether an entry is older. An entry in an unavailable archive is older, because an archive takes a log
    from its beginning.
    """
    try:
        return _DECODER.decode(tree.entry(index)).at < since
    except TileError:
        if _is_here(tree, 0):
            raise
        return True


def _is_here(tree: Tree, index: int) -> bool:
    try:
        tree.entry(index)
    except TileError:
        return False
    return True
