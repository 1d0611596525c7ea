"""Reading the contents of a Redis ledger. Each call takes a few round trips, and no call holds up writers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from ledger import leaf
from ledger.holders import SALT_BYTES, HolderName, holder_with
from ledger.redis import keys
from ledger.redis.finding import FoundPlace, Search
from ledger.redis.servers import Command, Servers
from ledger.redis.state import read_state
from ledger.state import stored_leaf
from ledger.values import MAX_PAGE, PARTITIONS, Entry, EntryPage, Query, TargetState, Usage

_MOST_LOOKED = 50_000  # Entries looked through for one page, so that a page of rare entries comes soon
_SLICE = 1000  # The number of entries counted or sifted between two looks at the results


def find_holder_name(servers: Servers, partition: int, subject: str) -> HolderName | None:
    """Return the holder of a `sub`, or None if the holder was never seen or is erased."""
    (kept,) = servers.read([(partition, ("HGET", keys.subs(partition), subject))])
    return None if kept is None else holder_with(subject, kept)


def subject_of_entry(servers: Servers, entry_id: str) -> str | None:
    """Return the `sub` behind an entry's holder. It is found by the salts of the partition's holders."""
    entry = read_entry(servers, entry_id)
    name = None if entry is None else entry.leaf.holder
    if entry is None or name is None:
        return None
    cursor: object = 0
    while True:
        command = ("HSCAN", keys.subs(entry.partition), cursor, "COUNT", _SLICE)
        ((cursor, found),) = servers.read([(entry.partition, command)])
        for sub, kept in found.items():
            if holder_with(sub.decode(), kept).name == name:
                return str(sub.decode())
        if int(str(cursor)) == 0:
            return None


def read_usage(servers: Servers, partition: int, subject: str, holder: HolderName | None, at: int) -> Usage:
    """Return what a holder has used. `holder` is the holder as known before; the call also asks whether this name still
    stands.
    """
    while holder is not None:
        kept, fields = servers.read(
            [
                (partition, ("HGET", keys.subs(partition), subject)),
                (partition, ("HGETALL", keys.holder(partition, holder.name))),
            ]
        )
        if kept is not None and kept[:SALT_BYTES] == holder.salt:
            return _usage(partition, holder.name, fields, at)
        holder = None if kept is None else holder_with(subject, kept)
    return Usage({}, {}, {})


def _usage(partition: int, name: str, fields: dict[bytes, bytes], at: int) -> Usage:
    state = read_state(name, fields)
    return Usage(
        counters={key: used for key, used in state.counters.items() if used},
        choices={key: row.taken(partition) for key, row in state.choices.items()},
        visits={key: row.state(partition) for key, row in state.visits.items() if row.ends_at > at},
    )


def partition_of_entry(entry_id: str) -> int | None:
    """Return the partition in an entry's id, or None if the text is no id."""
    try:
        return leaf.split_id(entry_id)[0]
    except leaf.LeafError:
        return None


def read_target(servers: Servers, entry_id: str) -> leaf.Leaf:
    """Return the entry that a change names. Raises TargetState if there is no such entry or if the entry has no
    holder.
    """
    found = read_entry(servers, entry_id)
    if found is None:
        raise TargetState("not-found")
    if found.leaf.holder is None:
        raise TargetState("not-granted")
    return found.leaf


def read_entry(servers: Servers, entry_id: str) -> Entry | None:
    """Return one entry, or None if the id is malformed or names no entry."""
    try:
        place = leaf.split_id(entry_id)
    except leaf.LeafError:
        return None
    return next(read_entries(servers, [place]), None)


def read_entries(servers: Servers, places: Sequence[tuple[int, int]]) -> Iterator[Entry]:
    """Yield the entries at these places (partition, seq), in one round trip per node. Missing entries are left out."""
    commands: list[tuple[int, Command]] = []
    for partition, seq in places:
        commands.append((partition, ("XRANGE", keys.log(partition), f"{seq}-0", f"{seq}-0")))
        commands.append((partition, ("HEXISTS", keys.voided(partition), str(seq))))
    replies = servers.read(commands) if commands else []
    for found, voided in zip(replies[::2], replies[1::2], strict=True):
        if found:
            data = found[0][1][b"l"]
            yield Entry(data, stored_leaf(data), bool(voided))


def read_page(servers: Servers, query: Query) -> EntryPage:
    """Return a page of the log, newest first.

    If few entries match, the page ends after a bounded number of entries with what was found. Its cursor goes on from
    there.
    """
    wanted = max(1, min(query.limit, MAX_PAGE))
    matches: list[Entry] = []
    looked, end = 0, None
    search = Search(servers, query, wanted + 1)
    while len(matches) <= wanted and (found := search.more(_SLICE if query.is_sifted else wanted + 1)):
        matches += [entry for entry in _read(servers, found) if _matches(entry, query)]
        looked += len(found)
        if looked >= _MOST_LOOKED:
            end = leaf.entry_id(found[-1].partition, found[-1].seq)
            break
    chosen = tuple(matches[:wanted])
    return EntryPage(chosen, chosen[-1].id if len(matches) > wanted else end)


def read_counts(servers: Servers, query: Query) -> dict[str, int]:
    """Return how many check-ins match, by outcome.

    Without a filter, the heads give the counts. Otherwise the index and its letters do, or the entries if the letters
    are not enough.
    """
    counts = {"granted": 0, "denied": 0}
    query = msgspec.structs.replace(query, before=None)
    if query == Query(limit=query.limit):
        heads = servers.read(
            [(partition, ("HMGET", keys.head(partition), "g", "d")) for partition in range(PARTITIONS)]
        )
        return {"granted": sum(int(head[0] or 0) for head in heads), "denied": sum(int(head[1] or 0) for head in heads)}
    search = Search(servers, query, _SLICE)
    told = not msgspec.structs.replace(query, outcome=None).is_sifted and query.holder is None
    for found in search.unordered():
        for outcome in _outcomes(servers, found, query, told=told):
            counts[outcome] += 1
    return counts


def _outcomes(servers: Servers, found: Sequence[FoundPlace], query: Query, *, told: bool) -> Iterator[str]:
    if told:
        letters = {b"g": "granted", b"d": "denied"}
        outcomes = (letters.get(one.sign) for one in found)
        yield from (outcome for outcome in outcomes if outcome is not None and query.outcome in (None, outcome))
        return
    for entry in _read(servers, found):
        outcome = entry.leaf.outcome
        if outcome is not None and entry.leaf.kind in leaf.USES and _matches(entry, query):
            yield outcome


def _read(servers: Servers, found: Sequence[FoundPlace]) -> Iterator[Entry]:
    return read_entries(servers, [(one.partition, one.seq) for one in found])


def _matches(entry: Entry, query: Query) -> bool:
    if query.points is not None and entry.leaf.point not in query.points:
        return False
    return query.matcher()(partial(getattr, entry.leaf))


def read_heads(servers: Servers) -> dict[int, int]:
    """Return the last `seq` of every partition that has an entry."""
    heads = servers.read([(partition, ("HGET", keys.head(partition), "seq")) for partition in range(PARTITIONS)])
    return {partition: int(seq) for partition, seq in enumerate(heads) if seq is not None}


def read_after(servers: Servers, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
    """Return the leaves that follow `seq` in a partition."""
    (found,) = servers.read([(partition, ("XRANGE", keys.log(partition), f"({seq}-0", "+", "COUNT", limit))])
    return tuple(fields[b"l"] for _, fields in found)


def read_leaf_at(servers: Servers, partition: int, seq: int) -> bytes | None:
    """Return one leaf, or None if the partition has no such entry."""
    found = read_after(servers, partition, seq - 1, 1) if seq else ()
    return found[0] if found and stored_leaf(found[0]).seq == seq else None
