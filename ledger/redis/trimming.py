"""Removes leaves from the streams after the log's tiles hold them, and reads them from the tiles when somebody asks.

Indexes, counters and states stay, so that only the leaf itself moves elsewhere. The last entry of a partition stays.
The entries that the scripts read themselves stay too: those of kept answers, and those that count a booking that may
still be used. `cut` in a partition's head says up to which `seq` leaves were removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ledger.redis import keys
from ledger.redis.servers import Command, Servers
from ledger.redis.state import read_booking
from ledger.values import LedgerUnavailable

Older = Callable[[int, int, int], list[bytes]]
"""Reads a partition's leaves from the log's tiles, from one `seq` to another, both included. Raises
LedgerUnavailable.
"""

_LAST = 2**63
_OVER = frozenset({"used", "cancelled"})


def trim(servers: Servers, ends: Mapping[int, int], before: int) -> int:
    """Remove the leaves that the log holds up to `ends` and that are older than `before` (milliseconds). Return the
    number removed.
    """
    wanted = sorted(ends)
    commands: list[tuple[int, Command]] = []
    for partition in wanted:
        commands.append((partition, ("HMGET", keys.head(partition), "seq", "cut")))
        commands.append((partition, ("XREVRANGE", keys.times(partition), f"{before - 1}-{_LAST}", "-", "COUNT", 1)))
        commands.append((partition, ("HVALS", keys.bookings(partition))))
    replies = servers.read(commands)
    count = 0
    for place, partition in enumerate(wanted):
        (seq, cut), old, rows = replies[3 * place : 3 * place + 3]
        through = min(ends[partition], int(seq or 0) - 1, _seq(old), _least_held(rows, before) - 1)
        if through > int(cut or 0):
            # The note comes before the removal. If the process stops in between, some leaves stay that could be
            # removed.
            servers.write(partition, "HSET", keys.head(partition), "cut", through)
            servers.write(partition, "XTRIM", keys.log(partition), "MINID", f"{through + 1}-0")
            count += through - int(cut or 0)
    return count


def completed(
    commands: Sequence[tuple[int, Command]],
    replies: Sequence[Any],
    read: Callable[[Sequence[tuple[int, Command]]], list[Any]],
    older: Older | None,
) -> list[Any]:
    """Return the replies to reading commands, with removed leaves put in their places. Raises LedgerUnavailable if they
    cannot be read.

    `read` asks the servers once more which leaves were removed. This happens only if a leaf is missing.
    """
    asked = {place: _bounds(one) for place, one in enumerate(commands)}
    lacking = [place for place, bounds in asked.items() if bounds is not None and _lacks(bounds, replies[place])]
    found = list(replies)
    if not lacking:
        return found
    cuts = read([(commands[place][0], ("HGET", keys.head(commands[place][0]), "cut")) for place in lacking])
    for place, cut in zip(lacking, cuts, strict=True):
        bounds, through = asked[place], int(cut or 0)
        if bounds is None or bounds[0] > through:
            continue
        first, last, most = bounds
        leaves = _older(older, commands[place][0], first, min(last, through, first + most - 1))
        rows = [(b"%d-0" % seq, {b"l": data}) for seq, data in enumerate(leaves, first)]
        found[place] = [*rows, *replies[place]][:most]
    return found


def _older(older: Older | None, partition: int, first: int, last: int) -> list[bytes]:
    if older is None:
        raise LedgerUnavailable("older entries are in the log's tiles alone, which this machine does not have")
    return older(partition, first, last)


def _bounds(asked: tuple[int, Command]) -> tuple[int, int, int] | None:
    """Return the first and last `seq` of the leaves that a command asks for and their greatest number, or None."""
    partition, command = asked
    if command[0] != "XRANGE" or command[1] != keys.log(partition):
        return None
    low, high = str(command[2]), str(command[3])
    first = int(low.lstrip("(").partition("-")[0]) + low.startswith("(")
    return first, _LAST if high == "+" else int(high.partition("-")[0]), command[5] if len(command) > 4 else _LAST


def _lacks(bounds: tuple[int, int, int], reply: Any) -> bool:  # noqa: ANN401 - redis-py's
    return bounds[0] >= 1 and (not reply or reply[0][0] != b"%d-0" % bounds[0])


def _seq(found: Any) -> int:  # noqa: ANN401 - redis-py's
    return int(found[0][0].partition(b"-")[2]) if found else 0


def _least_held(rows: Sequence[bytes], before: int) -> int:
    """Return the first entry that counts a booking that may still be used or reopened."""
    standing = (read_booking(0, row) for row in rows)  # It does not matter here which entry made each booking
    held = (row for row in standing if row.state == "held" or (row.state not in _OVER and row.closes_at >= before))
    return min((row.held_by for row in held), default=_LAST)
