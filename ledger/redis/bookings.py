"""Reading bookings in the Redis ledger: one booking by its id, all bookings of a holder, or all bookings by expected
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import merge

from ledger import leaf
from ledger.bookings import Booking, BookingQuery, BookingState
from ledger.holders import holder_with
from ledger.millis import from_millis, to_millis
from ledger.redis import keys
from ledger.redis.servers import Servers
from ledger.redis.state import read_booking
from ledger.state import BookingRow, stored_leaf
from ledger.values import PARTITIONS, LedgerUnavailable, partition_of

MOST = 10_000
_SLICE = 16  # bookings of one partition in one read; doubled while a search goes on
_HELD = frozenset({BookingState.HELD})

_Placed = tuple[int, int, int, BookingRow]
"""Expected at, partition, seq: the order of a search."""


def find(servers: Servers, booking_id: str) -> Booking | None:
    """Return a booking by its id, or None if the id names no booking."""
    try:
        partition, seq = leaf.split_id(booking_id)
    except leaf.LeafError:
        return None
    (found,) = servers.read([(partition, ("HGET", keys.bookings(partition), str(seq)))])
    row = None if found is None else read_booking(seq, found)
    if row is None:
        return None
    return next(_bookings(servers, [(row.expected_at, partition, seq, row)]))


def search(servers: Servers, query: BookingQuery) -> tuple[Booking, ...]:
    """Return the bookings that a query finds, by expected time."""
    return tuple(_bookings(servers, _placed(servers, query)))


def times(servers: Servers, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
    """Return the id and the expected time of each booking that a query finds, in the order of `search`."""
    found = _placed(servers, query)
    return tuple((leaf.entry_id(partition, seq), from_millis(expected)) for expected, partition, seq, _ in found)


def _placed(servers: Servers, query: BookingQuery) -> list[_Placed]:
    wanted = max(1, min(query.limit, MOST))
    if query.states is not None and not query.states:
        return []
    if query.subject is not None:
        return sorted(row for row in _of_holder(servers, query.subject) if _matches(row[3], query))[:wanted]
    return _of_all(servers, query, wanted)


def _of_holder(servers: Servers, subject: str) -> list[_Placed]:
    partition = partition_of(subject)
    (kept,) = servers.read([(partition, ("HGET", keys.subs(partition), subject))])
    if kept is None:
        return []
    name = holder_with(subject, kept).name
    (fields,) = servers.read([(partition, ("HKEYS", keys.holder(partition, name)))])
    seqs = [int(field[2:]) for field in fields if field.startswith(b"b\0")]
    return list(_rows(servers, [(partition, seq) for seq in seqs]))


def _of_all(servers: Servers, query: BookingQuery, wanted: int) -> list[_Placed]:
    """Return the first matching bookings over all partitions. Each partition is read until it can hold no earlier
    booking.
    """
    low = "-inf" if query.since is None else str(to_millis(query.since))
    high = "+inf" if query.until is None else f"({to_millis(query.until)}"
    held = query.states == _HELD
    offsets, matched, size = dict.fromkeys(range(PARTITIONS), 0), list[_Placed](), _SLICE
    while offsets:
        commands = [
            (partition, ("ZRANGE", keys.expected(partition, held=held), low, high, "BYSCORE", "LIMIT", offset, size))
            for partition, offset in offsets.items()
        ]
        lists = servers.read(commands)
        places = [(partition, int(seq)) for partition, found in zip(offsets, lists, strict=True) for seq in found]
        rows = list(_rows(servers, places))
        matched = sorted(merge(matched, sorted(row for row in rows if _matches(row[3], query))))[:wanted]
        last = {row[1]: row for row in rows}
        going_on = [
            partition for partition, found in zip(offsets, lists, strict=True)
            if len(found) == size and (len(matched) < wanted or last[partition] < matched[-1])
        ]  # fmt: skip
        offsets = {partition: offsets[partition] + size for partition in going_on}
        size *= 2
    return matched


def _rows(servers: Servers, places: Iterable[tuple[int, int]]) -> Iterator[_Placed]:
    """Yield the bookings at these places, each partition's in one command: a command for each costs ten times more."""
    by_partition = dict[int, list[int]]()
    for partition, seq in places:
        by_partition.setdefault(partition, []).append(seq)
    commands = [
        (partition, ("HMGET", keys.bookings(partition), *map(str, seqs))) for partition, seqs in by_partition.items()
    ]
    replies = servers.read(commands) if commands else []
    for (partition, seqs), found in zip(by_partition.items(), replies, strict=True):
        for seq, packed in zip(seqs, found, strict=True):
            if packed is not None:
                row = read_booking(seq, packed)
                yield row.expected_at, partition, seq, row


def _matches(row: BookingRow, query: BookingQuery) -> bool:
    return (
        (query.point is None or row.point == query.point)
        and (query.since is None or row.expected_at >= to_millis(query.since))
        and (query.until is None or row.expected_at < to_millis(query.until))
        and (query.over_at is None or row.closes_at < to_millis(query.over_at))
        and (query.states is None or row.state in query.states)
    )


def _bookings(servers: Servers, rows: Iterable[_Placed]) -> Iterator[Booking]:
    rows = list(rows)
    wanted = dict.fromkeys((partition, seq) for _, partition, made, row in rows for seq in (made, row.held_by))
    commands = [(partition, ("XRANGE", keys.log(partition), f"{seq}-0", f"{seq}-0")) for partition, seq in wanted]
    leaves = dict(zip(wanted, servers.read(commands) if commands else [], strict=True))
    for _, partition, made, row in rows:
        first, held = leaves[partition, made], leaves[partition, row.held_by]
        if not first or not held:
            raise LedgerUnavailable("the ledger is damaged: a booking refers to an entry that the log does not hold")
        made_by = stored_leaf(first[0][1][b"l"])
        yield row.booking(partition, made_by, made_by if row.held_by == made else stored_leaf(held[0][1][b"l"]))
