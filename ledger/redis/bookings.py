"""Reading bookings in the Redis ledger: one booking by its id, all bookings of a holder, or all bookings by expected
time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import merge
from math import inf

from ledger import leaf
from ledger.bookings import Booking, BookingQuery, BookingState
from ledger.holders import holder_with
from ledger.millis import from_millis, to_millis
from ledger.redis import keys
from ledger.redis.servers import Servers
from ledger.redis.state import PackedBooking, booking_row, unpacked_booking
from ledger.state import BookingRow, stored_leaf
from ledger.values import PARTITIONS, LedgerUnavailable, partition_of

MOST = 10_000
_SLICE = 16  # bookings of one partition in one read; doubled while a search goes on
_SPAN = 64  # the same where the search names both ends: most of a span is wanted
_HELD = frozenset({BookingState.HELD})

_Placed = tuple[int, int, int, PackedBooking]
"""Expected at, partition, seq: the order of a search."""
_Row = tuple[int, BookingRow]
"""A booking's partition and row."""


def named(servers: Servers, booking_ids: Sequence[str]) -> tuple[Booking, ...]:
    """Return the bookings of some ids, in the order of the ids. An id that names no booking is left out."""
    places, seqs = list[tuple[int, int]](), dict[int, list[bytes]]()
    for one in booking_ids:
        with suppress(leaf.LeafError):
            places.append(leaf.split_id(one))
    for partition, seq in places:
        seqs.setdefault(partition, []).append(b"%d" % seq)
    found = {(partition, seq): booking_row(seq, one) for _, partition, seq, one in _rows(servers, seqs)}
    return tuple(_bookings(servers, [(place[0], found[place]) for place in places if place in found]))


def search(servers: Servers, query: BookingQuery) -> tuple[Booking, ...]:
    """Return the bookings that a query finds, by expected time."""
    rows = ((partition, booking_row(seq, one)) for _, partition, seq, one in _placed(servers, query))
    return tuple(_bookings(servers, rows))


def times(servers: Servers, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
    """Return the id and the expected time of each booking that a query finds, in the order of `search`."""
    found = _placed(servers, query)
    return tuple((leaf.entry_id(partition, seq), from_millis(expected)) for expected, partition, seq, _ in found)


def _placed(servers: Servers, query: BookingQuery) -> list[_Placed]:
    wanted = max(1, min(query.limit, MOST))
    if query.states is not None and not query.states:
        return []
    if query.subject is not None:
        return sorted(filter(_fits(query), _of_holder(servers, query.subject)))[:wanted]
    return _of_all(servers, query, wanted)


def _of_holder(servers: Servers, subject: str) -> list[_Placed]:
    partition = partition_of(subject)
    (kept,) = servers.read([(partition, ("HGET", keys.subs(partition), subject))])
    if kept is None:
        return []
    name = holder_with(subject, kept).name
    (fields,) = servers.read([(partition, ("HKEYS", keys.holder(partition, name)))])
    seqs = [field[2:] for field in fields if field.startswith(b"b\0")]
    return list(_rows(servers, {partition: seqs} if seqs else {}))


def _of_all(servers: Servers, query: BookingQuery, wanted: int) -> list[_Placed]:
    """Return the first matching bookings over all partitions. Each partition is read until it can hold no earlier
    booking.
    """
    low = "-inf" if query.since is None else str(to_millis(query.since))
    high = "+inf" if query.until is None else f"({to_millis(query.until)}"
    held, fits = query.states == _HELD, _fits(query)
    offsets, matched = dict.fromkeys(range(PARTITIONS), 0), list[_Placed]()
    size = _SLICE if query.since is None or query.until is None else _SPAN
    while offsets:
        commands = [
            (partition, ("ZRANGE", keys.expected(partition, held=held), low, high, "BYSCORE", "LIMIT", offset, size))
            for partition, offset in offsets.items()
        ]
        lists = servers.read(commands)
        seqs = {
            partition: [b"%d" % int(seq) for seq in found]  # The order's members have leading zeros, the keys have none
            for partition, found in zip(offsets, lists, strict=True) if found
        }  # fmt: skip
        rows = list(_rows(servers, seqs))
        matched = sorted(merge(matched, sorted(filter(fits, rows))))[:wanted]
        last = {row[1]: row for row in rows}
        going_on = [
            partition for partition, found in zip(offsets, lists, strict=True)
            if len(found) == size and (len(matched) < wanted or last[partition] < matched[-1])
        ]  # fmt: skip
        offsets = {partition: offsets[partition] + size for partition in going_on}
        size *= 2
    return matched


def _rows(servers: Servers, seqs: Mapping[int, Sequence[bytes]]) -> Iterator[_Placed]:
    """Yield the bookings of each partition with these `seq`. One command reads those of a partition: a command for each
    costs ten times more.
    """
    commands = [(partition, ("HMGET", keys.bookings(partition), *some)) for partition, some in seqs.items()]
    replies = servers.read(commands) if commands else []
    for (partition, some), found in zip(seqs.items(), replies, strict=True):
        for seq, packed in zip(some, found, strict=True):
            if packed is not None:
                one = unpacked_booking(packed)
                yield one.expected_at, partition, int(seq), one


def _fits(query: BookingQuery) -> Callable[[_Placed], bool]:
    """Return what tells whether a query finds a booking. The query's instants are reckoned once, not once a booking."""
    least = 0 if query.since is None else to_millis(query.since)
    below = inf if query.until is None else to_millis(query.until)
    over_at = inf if query.over_at is None else to_millis(query.over_at)
    point, states = query.point, frozenset(BookingState) if query.states is None else query.states

    def fits(placed: _Placed) -> bool:
        one = placed[3]
        at_hand = point is None or one.point == point
        return at_hand and least <= one.expected_at < below and one.closes_at < over_at and one.state in states

    return fits


def _bookings(servers: Servers, rows: Iterable[_Row]) -> Iterator[Booking]:
    rows = list(rows)
    wanted = dict.fromkeys((partition, seq) for partition, row in rows for seq in (row.seq, row.held_by))
    commands = [(partition, ("XRANGE", keys.log(partition), f"{seq}-0", f"{seq}-0")) for partition, seq in wanted]
    leaves = dict(zip(wanted, servers.read(commands) if commands else [], strict=True))
    for partition, row in rows:
        first, held = leaves[partition, row.seq], leaves[partition, row.held_by]
        if not first or not held:
            raise LedgerUnavailable("the ledger is damaged: a booking refers to an entry that the log does not hold")
        made_by = stored_leaf(first[0][1][b"l"])
        yield row.booking(partition, made_by, made_by if row.held_by == row.seq else stored_leaf(held[0][1][b"l"]))
