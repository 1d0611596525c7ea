"""Reads the contents of a Redis ledger, partition by partition, and computes its keys again from the contents."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger import answers, leaf
from ledger.bookings import BookingState
from ledger.contents import Contents, Damaged, KeptAnswer, KeptHolder, KeptProof, Rebuilt, rebuild
from ledger.following import of_kind, rows_of
from ledger.holders import SALT_BYTES, holder_with
from ledger.redis import keys
from ledger.redis.reads import read_after
from ledger.redis.replies import outcome_of, read_answer, write_answer
from ledger.redis.servers import Command, Servers
from ledger.redis.state import HolderState, packed_booking, states_of, stay_member
from ledger.redis.workspace import sign_of
from ledger.state import BookingRow, KeptRow, MarkRow, StayRow
from ledger.values import LedgerError

_SLICE = 500
_SEQ_BYTES = 6
_TAG_BYTES = 12


def dump(servers: Servers, own: int | None, only: Sequence[int]) -> Iterator[Contents]:
    """Yield the contents of each of these partitions that is not empty. `own`: the time of another clock, in place of
    the servers' time.
    """
    timed = _timed(servers)
    counts = servers.read([(one, ("EXISTS", keys.head(one), keys.subs(one))) for one in only])
    for partition, count in zip(only, counts, strict=True):
        if count or partition in timed:
            yield _Dump(servers, partition, ahead(servers, partition, own)).read(timed.get(partition, []))


def ahead(servers: Servers, partition: int, own: int | None) -> int:
    """Return how many milliseconds the server's clock is ahead of the clock that stands in for it."""
    if own is None:
        return 0
    ((seconds, micros),) = servers.read([(partition, ("TIME",))])
    return int(seconds) * 1000 + int(micros) // 1000 - own


def _timed(servers: Servers) -> dict[int, list[str]]:
    """Return the keys of kept answers and proof markers by partition, in one walk over all keys."""
    found: dict[int, set[str]] = {}
    for names in servers.scan():
        for name in names:
            prefix, _, rest = name.decode().partition("}:")
            if rest.startswith(("o:", "q:")):
                found.setdefault(int(prefix[-3:]), set()).add(rest)
    return {partition: sorted(rests) for partition, rests in found.items()}


@dataclass(slots=True)
class _Dump:
    """One partition while it is read."""

    servers: Servers
    partition: int
    ahead: int
    leaves: list[bytes] = field(default_factory=list)
    answers: list[KeptAnswer] = field(default_factory=list)
    proofs: list[KeptProof] = field(default_factory=list)

    def read(self, timed: list[str]) -> Contents:
        """Return the partition's contents. `timed`: the keys of its answers and markers."""
        while found := read_after(self.servers, self.partition, len(self.leaves), _SLICE):
            self.leaves += found
        for start in range(0, len(timed), _SLICE):
            self._read_timed(timed[start : start + _SLICE])
        return Contents(
            self.partition,
            tuple(self.leaves),
            tuple(sorted(self._holders())),
            tuple(sorted(self.answers)),
            tuple(sorted(self.proofs)),
        )

    def _holders(self) -> Iterator[KeptHolder]:
        cursor: object = 0
        while True:
            command = ("HSCAN", keys.subs(self.partition), cursor, "COUNT", _SLICE)
            ((cursor, found),) = self.servers.read([(self.partition, command)])
            for sub, kept in found.items():
                yield KeptHolder(sub.decode(), kept[:SALT_BYTES])
            if int(str(cursor)) == 0:
                return

    def _read_timed(self, names: list[str]) -> None:
        full = [keys.PREFIXES[self.partition] + name for name in names]
        commands: list[tuple[int, Command]] = []
        for key in full:
            commands += [(self.partition, ("GET", key)), (self.partition, ("PEXPIRETIME", key))]
        replies = self.servers.read(commands)
        for name, value, until in zip(names, replies[::2], replies[1::2], strict=True):
            if value is not None and until > 0:
                self._keep(name[0], name[2:].split("\0"), value, until - self.ahead)

    def _keep(self, kind: str, parts: list[str], value: bytes, until: int) -> None:
        if kind == "q":
            card, proof = parts
            self.proofs.append(KeptProof(card, proof, value[1:].decode(), value[:1] == b"1", until))
            return
        scope, device, operation = parts
        size = value[0] + 1
        seq = read_answer(value[size:]).seq
        if not 1 <= seq <= len(self.leaves):
            raise Damaged(f"a kept answer tells of entry {leaf.entry_id(self.partition, seq)}, which the log lacks")
        outcome = outcome_of(self.partition, value[size:], self.leaves[seq - 1], replayed=False)
        self.answers.append(KeptAnswer(scope, device, operation, value[1:size], answers.write(outcome), until))


def restore(servers: Servers, contents: Contents, rebuilt: Rebuilt, own: int | None) -> None:
    """Write a partition that is still empty. Its head is written last. Raises LedgerError if the partition is not
    empty.
    """
    partition = contents.partition
    (count,) = servers.read([(partition, ("EXISTS", keys.head(partition), keys.log(partition), keys.subs(partition)))])
    if count:
        raise LedgerError(f"partition {partition:02x} is not empty")
    servers.write_all(partition, list(_Restore(contents, rebuilt, ahead(servers, partition, own)).commands()))


def replace(servers: Servers, held: Contents, wanted: Contents, own: int | None) -> None:
    """Replace `held` by `wanted`. Raises LedgerError if the partition no longer ends as `held` does."""
    partition, rebuilt = held.partition, rebuild(wanted)
    away = [("DEL", key) for key in sorted(_names(held, rebuild(held)))]
    commands = [*away, *_Restore(wanted, rebuilt, ahead(servers, partition, own)).commands()]
    servers.exchange(partition, keys.head(partition), lambda: _require_end(servers, held), commands)


def _require_end(servers: Servers, held: Contents) -> None:
    partition = held.partition
    seq, last = servers.read(
        [
            (partition, ("HGET", keys.head(partition), "seq")),
            (partition, ("XREVRANGE", keys.log(partition), "+", "-", "COUNT", 1)),
        ]
    )
    digest = leaf.leaf_hash(last[0][1][b"l"]) if last else leaf.FIRST_PREV
    if (int(seq or 0), digest) != held.end:
        raise LedgerError(f"partition {partition:02x} was written to meanwhile")


def _names(contents: Contents, rebuilt: Rebuilt) -> set[str]:
    """Return every key that a partition with these contents has."""
    partition, lines = contents.partition, rebuilt.lines.values()
    found = {keys.head(partition), keys.log(partition), keys.times(partition), keys.subs(partition)}
    found |= {keys.voided(partition), keys.left(partition), keys.bookings(partition)}
    found |= {keys.expected(partition), keys.expected(partition, held=True)}
    found |= {keys.point(partition, line.point) for line in lines}
    for name in {line.holder for line in lines if line.holder is not None}:
        found |= {keys.own(partition, name), keys.holder(partition, name)}
    found |= {keys.stays(partition, line.holder, line.service, line.point) for line in lines if line.holder is not None}
    found |= {keys.operation(partition, one.scope, one.device, one.operation) for one in contents.answers}
    return found | {keys.proof(partition, one.card, one.proof) for one in contents.proofs}


@dataclass(slots=True)
class _Restore:
    """One partition as the commands that write it."""

    contents: Contents
    rebuilt: Rebuilt
    ahead: int
    following: list[KeptRow] = field(init=False)

    def __post_init__(self) -> None:
        self.following = list(rows_of(self.rebuilt.replay))

    @property
    def partition(self) -> int:
        """The number of the partition."""
        return self.contents.partition

    def commands(self) -> Iterator[Command]:
        """Yield every command, the command for the head last."""
        yield from self._entries()
        yield from self._holders()
        yield from self._stays()
        yield from self._states()
        yield from self._bookings()
        yield from self._timed()
        if self.contents.leaves:
            yield self._head()

    def _entries(self) -> Iterator[Command]:
        for line, data in zip(self.rebuilt.lines.values(), self.contents.leaves, strict=True):
            place, sign = f"{line.at}-{line.seq}", sign_of(line)
            yield "XADD", keys.log(self.partition), f"{line.seq}-0", "l", data
            yield "XADD", keys.times(self.partition), place, "o", sign
            yield "XADD", keys.point(self.partition, line.point), place, "o", sign

    def _head(self) -> Command:
        signs = dict.fromkeys("gdo", 0)
        for line in self.rebuilt.lines.values():
            signs[sign_of(line)] += 1
        told = [part for sign, count in signs.items() if count for part in (sign, count)]
        end: tuple[Any, ...] = ("seq", self.rebuilt.seq, "at", self.rebuilt.at)
        return "HSET", keys.head(self.partition), *end, "tag", secrets.token_urlsafe(_TAG_BYTES), *told

    def _holders(self) -> Iterator[Command]:
        own: dict[str, list[int]] = {}
        for line in self.rebuilt.lines.values():
            if line.holder is not None:
                own.setdefault(line.holder, []).append(line.seq)
        for one in self.contents.holders:
            marked = holder_with(one.subject, one.salt).name in own
            yield "HSET", keys.subs(self.partition), one.subject, one.salt + (b"+" if marked else b"")
        states = states_of(self.following)
        for name, seqs in own.items():
            yield "SET", keys.own(self.partition, name), b"".join(seq.to_bytes(_SEQ_BYTES) for seq in seqs)
            fields = {"n": str(len(seqs)).encode(), **states.get(name, HolderState()).fields()}
            key = keys.holder(self.partition, name)
            yield "HSET", key, *(part for pair in fields.items() for part in pair)

    def _stays(self) -> Iterator[Command]:
        for row in of_kind(self.following, StayRow):
            yield "ZADD", keys.stays(self.partition, row.holder, row.service, row.point), row.at, stay_member(row)

    def _states(self) -> Iterator[Command]:
        for row in of_kind(self.following, MarkRow):
            if row.voided_by is not None:
                yield "HSET", keys.voided(self.partition), row.seq, row.voided_by
            if row.left_by is not None:
                yield "HSET", keys.left(self.partition), row.seq, row.left_by

    def _bookings(self) -> Iterator[Command]:
        for row in of_kind(self.following, BookingRow):
            yield "HSET", keys.bookings(self.partition), row.seq, packed_booking(row)
            yield "ZADD", keys.expected(self.partition), row.expected_at, f"{row.seq:012d}"
            if row.state is BookingState.HELD:
                yield "ZADD", keys.expected(self.partition, held=True), row.expected_at, f"{row.seq:012d}"

    def _timed(self) -> Iterator[Command]:
        for one in self.contents.answers:
            key = keys.operation(self.partition, one.scope, one.device, one.operation)
            value = bytes([len(one.request)]) + one.request + write_answer(answers.read(one.answer))
            yield "SET", key, value, "PXAT", one.keep_until + self.ahead
        for marker in self.contents.proofs:
            key = keys.proof(self.partition, marker.card, marker.proof)
            yield "SET", key, f"{int(marker.spent)}{marker.device}", "PXAT", marker.keep_until + self.ahead
