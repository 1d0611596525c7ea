"""Reads the whole log of a Redis ledger again: chain, missing numbers, form, and that all data beside the log follows
from it.

Partitions are read one by one, and their entries are streamed. Others go on writing meanwhile. A partition is compared
if its head did not move while its working state was read; otherwise the new entries are replayed first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from edge.encoding import b64u
from ledger import leaf
from ledger.bookings import BookingState
from ledger.following import differences, of_kind, rows_of
from ledger.holders import holder_with
from ledger.redis import keys
from ledger.redis.servers import Servers
from ledger.redis.state import HolderState, read_booking, read_state, read_stay, states_of
from ledger.redis.strays import find_strays
from ledger.redis.workspace import sign_of
from ledger.replaying import Replay
from ledger.state import BookingRow, ChoiceRow, CounterRow, KeptRow, MarkRow, RowT, StayRow, VisitRow
from ledger.values import PARTITIONS, Fault, LedgerUnavailable

_PROGRESS = 1000  # entries between two reports
_SLICE = 500
_TRIES = 50
_SEQ_BYTES = 6


def check_ledger(servers: Servers) -> Iterator[Fault | int]:
    """Yield faults. Also yield the number of entries read so far, from time to time and at the end."""
    done = 0
    for partition in _inhabited(servers):
        checked = _Partition(servers, partition)
        try:
            yield from checked.check()
        except (LedgerUnavailable, ValueError) as error:
            yield Fault(f"partition {partition:02x}", str(error))
        before, done = done, done + checked.seq
        if done // _PROGRESS > before // _PROGRESS:
            yield done
    yield from find_strays(servers)
    yield done


def _inhabited(servers: Servers) -> list[int]:
    """Return the partitions that hold anything."""
    names = (keys.head, keys.log, keys.subs, keys.times, keys.voided, keys.left)
    counts = servers.read(
        [(partition, ("EXISTS", *(name(partition) for name in names))) for partition in range(PARTITIONS)]
    )
    return [partition for partition, count in enumerate(counts) if count]


@dataclass(slots=True)
class _Partition:
    """The check of one partition: first its entries in order, then the data beside them."""

    servers: Servers
    partition: int
    seq: int = 0
    at: int = 0
    hash: bytes = leaf.FIRST_PREV
    lines: dict[str, leaf.Leaf] = field(default_factory=dict)
    own: dict[str, list[int]] = field(default_factory=dict)
    points: dict[str, list[tuple[int, int, bytes]]] = field(default_factory=dict)
    replay: Replay = field(init=False)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.replay = Replay(self.lines.get)

    def check(self) -> Iterator[Fault]:
        """Read on and compare, until nobody wrote between the two steps."""
        for _ in range(_TRIES):
            self._read_on()
            found = list(self._compare())
            if self._head()[0] == self.seq:
                break
        else:
            found = [Fault(f"partition {self.partition:02x}", "is written to so fast that it cannot be compared")]
        yield from self.faults
        yield from found

    def _ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        return self.servers.read([(self.partition, command) for command in commands])

    def _head(self) -> tuple[int, int, dict[str, int]]:
        (found,) = self._ask(("HMGET", keys.head(self.partition), "seq", "at", "g", "d", "o"))
        seq, at, *signs = (int(value or 0) for value in found)
        return seq, at, dict(zip("gdo", signs, strict=True))

    def _fault(self, place: str, message: str) -> None:
        self.faults.append(Fault(place, message))

    def _read_on(self) -> None:
        while True:
            (found,) = self._ask(("XRANGE", keys.log(self.partition), f"({self.seq}-0", "+", "COUNT", _SLICE))
            for place, fields in found:
                self._entry(place, fields.get(b"l", b""))
            if len(found) < _SLICE:
                return

    def _entry(self, place: bytes, data: bytes) -> None:
        seq = int(place.partition(b"-")[0])
        name, expected = leaf.entry_id(self.partition, seq), leaf.entry_id(self.partition, self.seq + 1)
        if place != b"%d-0" % (self.seq + 1):
            self._fault(name, f"entry {expected} was expected here")
        try:
            line = leaf.decode(data)
        except leaf.LeafError as error:
            self._fault(name, f"the leaf is damaged: {error}")
        else:
            self._line(name, line)
            self.at = line.at
        self.seq, self.hash = seq, leaf.leaf_hash(data)

    def _line(self, name: str, line: leaf.Leaf) -> None:
        if line.id != name:
            self._fault(name, "the leaf names another place in the log")
        if line.prev != b64u(self.hash):
            self._fault(name, "the chain of hashes is broken before this entry")
        if line.at < self.at:
            self._fault(name, "the instant goes back")
        self.lines[line.id] = line
        self.points.setdefault(line.point, []).append((line.at, line.seq, sign_of(line).encode()))
        if line.holder is not None:
            self.own.setdefault(line.holder, []).append(line.seq)
        if wrong := self.replay.add(line):
            self._fault(name, wrong)

    def _compare(self) -> Iterator[Fault]:
        yield from self._compare_head()
        yield from self._compare_indexes()
        yield from self._compare_salts()
        said = list(rows_of(self.replay))
        yield from self._compare_holders(said)
        yield from self._compare_stays(of_kind(said, StayRow))
        yield from self._compare_marks(of_kind(said, MarkRow))
        yield from self._compare_bookings(of_kind(said, BookingRow))

    def _compare_head(self) -> Iterator[Fault]:
        signs = {"g": 0, "d": 0, "o": 0}
        for places in self.points.values():
            for _, _, sign in places:
                signs[sign.decode()] += 1
        kept, said = self._head(), (self.seq, self.at, signs)
        if kept != said and kept[0] == self.seq:
            yield Fault(keys.head(self.partition), f"kept is {kept}, the log says {said}")
        if kept[0] < self.seq:
            yield Fault(keys.head(self.partition), "the head kept is not the end of the log")

    def _compare_indexes(self) -> Iterator[Fault]:
        everything = sorted(place for places in self.points.values() for place in places)
        wanted = {keys.times(self.partition): everything}
        wanted |= {keys.point(self.partition, code): places for code, places in self.points.items()}
        for key, said in wanted.items():
            if list(self._index(key)) != said:
                yield Fault(key, "the index by time differs from the log")

    def _index(self, key: str) -> Iterator[tuple[int, int, bytes]]:
        start = "-"
        while True:
            (found,) = self._ask(("XRANGE", key, start, "+", "COUNT", _SLICE))
            for place, fields in found:
                at, _, seq = place.partition(b"-")
                yield int(at), int(seq), fields.get(b"o", b"")
            if len(found) < _SLICE:
                return
            start = f"({found[-1][0].decode()}"

    def _compare_salts(self) -> Iterator[Fault]:
        cursor: object = 0
        while True:
            ((cursor, found),) = self._ask(("HSCAN", keys.subs(self.partition), cursor, "COUNT", _SLICE))
            for sub, kept in found.items():
                name = holder_with(sub.decode(), kept).name
                if kept.endswith(b"+") != (name in self.own) and len(kept) > 1:
                    yield Fault(f"holder {name}", "sub or salt and name do not belong together")
            if int(str(cursor)) == 0:
                return

    def _compare_holders(self, following: list[KeptRow]) -> Iterator[Fault]:
        names, said = sorted(self.own), states_of(following)
        for start in range(0, len(names), _SLICE):
            some = names[start : start + _SLICE]
            replies = self._ask(
                *(command for name in some for command in (
                    ("HGETALL", keys.holder(self.partition, name)), ("GET", keys.own(self.partition, name))))
            )  # fmt: skip
            for name, fields, own in zip(some, replies[::2], replies[1::2], strict=True):
                yield from self._compare_holder(name, fields, own or b"", said.get(name, HolderState()))

    def _compare_holder(self, name: str, fields: dict[bytes, bytes], own: bytes, said: HolderState) -> Iterator[Fault]:
        place, entries = f"holder {name}", self.own[name]
        if own != b"".join(seq.to_bytes(_SEQ_BYTES) for seq in entries):
            yield Fault(place, "the list of entries differs from the log")
        try:
            kept = read_state(name, fields)
        except LedgerUnavailable as error:
            yield Fault(place, str(error))
            return
        if kept.entries != len(entries):
            yield Fault(place, f"kept are {kept.entries} entries, the log has {len(entries)}")
        if kept.bookings != said.bookings:
            yield Fault(place, "the bookings kept differ from the log")
        for kind, what in ((CounterRow, "counter"), (ChoiceRow, "choice"), (VisitRow, "visit")):
            yield from _faults(what, of_kind(kept.rows(name), kind), of_kind(said.rows(name), kind))

    def _compare_stays(self, said: list[StayRow]) -> Iterator[Fault]:
        lines: dict[tuple[str, str, str], list[StayRow]] = {}
        for row in said:
            lines.setdefault((row.holder, row.service, row.point), []).append(row)
        for line in self.replay.lines.uses:
            (found,) = self._ask(("ZRANGE", keys.stays(self.partition, *line), 0, -1, "WITHSCORES"))
            kept = [read_stay(line, member, at) for member, at in found]
            yield from _faults("stay", kept, lines.get(line, []))

    def _compare_bookings(self, said: list[BookingRow]) -> Iterator[Fault]:
        found, by_time, held = self._ask(
            ("HGETALL", keys.bookings(self.partition)),
            ("ZRANGE", keys.expected(self.partition), 0, -1, "WITHSCORES"),
            ("ZRANGE", keys.expected(self.partition, held=True), 0, -1, "WITHSCORES"),
        )
        yield from _faults("booking", [read_booking(int(seq), row) for seq, row in found.items()], said)
        expected = {row.seq: row.expected_at for row in said}
        held_ones = {row.seq: row.expected_at for row in said if row.state is BookingState.HELD}
        for what, kept, wanted in (("time", by_time, expected), ("time while held", held, held_ones)):
            if _places(kept) != wanted:
                yield Fault(f"bookings by {what} of partition {self.partition:02x}", "the index differs from the log")

    def _compare_marks(self, said: list[MarkRow]) -> Iterator[Fault]:
        voided, left = self._ask(("HGETALL", keys.voided(self.partition)), ("HGETALL", keys.left(self.partition)))
        kept = [
            MarkRow(int(seq), _number(voided.get(seq)), _number(left.get(seq))) for seq in voided.keys() | left.keys()
        ]
        yield from _faults("mark", kept, said)


def _places(found: list[tuple[bytes, float]]) -> dict[int, int]:
    return {int(member): int(at) for member, at in found}


def _number(value: bytes | None) -> int | None:
    return None if value is None else int(value)


def _faults(what: str, kept: list[RowT], said: list[RowT]) -> Iterator[Fault]:
    for key, message in differences(kept, said):
        yield Fault(f"{what} {key}", message)
