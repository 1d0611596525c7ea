"""The names of all keys that a ledger keeps in Redis. Each partition has one hash tag, so that all keys of a change lie
on one node.

For partition 127, `P` being `yj:{p127}:`

    P head     hash    seq, at, tag of the last entry; g, d, o: entries granted, denied, neither
    P log      stream  the leaves, id seq-0
    P t        stream  id at-seq, the outcome's letter: the partition by time
    P i:POINT  stream  the same of one point
    P subs     hash    sub -> salt, and `+` once there is an entry: the one place where a person can be told
    P h:NAME   hash    a holder's state: n (entries), counters, choices, visits, which bookings
    P e:NAME   string  the holder's entries, six bytes of seq each
    P o:...    string  the kept answer of an operation; expires
    P d:...    string  the request that a device's operation id is bound to, in a partition of its own; expires
    P q:...    string  a proof marker: `0` claimed or `1` spent, and the device; expires
    P u:NAME.. zset    a holder's uses at one service and point that open visits or lie in one, by instant
    P st:v st:l hash   seq of an entry -> seq of the entry that voided it, or by which its visit was left
    P b        hash    seq of a booking -> how it stands
    P bt bo    zset    bookings, and those held, by expected time

Counters never expire: a count that is never forgotten can always be corrected, and the log accounts for all counts.
"""

from __future__ import annotations

from ledger.values import PARTITIONS, partition_of

PREFIXES = tuple(f"yj:{{p{partition:03d}}}:" for partition in range(PARTITIONS))
"""The prefix of each partition's keys. `yj` and the names after it are the format of this store."""


def head(partition: int) -> str:
    """Return the key of a partition's head."""
    return PREFIXES[partition] + "head"


def log(partition: int) -> str:
    """Return the key of a partition's leaves."""
    return PREFIXES[partition] + "log"


def times(partition: int) -> str:
    """Return the key of a partition's entries by time."""
    return PREFIXES[partition] + "t"


def point(partition: int, code: str) -> str:
    """Return the key of one point's entries by time."""
    return f"{PREFIXES[partition]}i:{code}"


def subs(partition: int) -> str:
    """Return the key of the holders' salts by `sub`."""
    return PREFIXES[partition] + "subs"


def holder(partition: int, name: str) -> str:
    """Return the key of a holder's state."""
    return f"{PREFIXES[partition]}h:{name}"


def own(partition: int, name: str) -> str:
    """Return the key of a holder's entries."""
    return f"{PREFIXES[partition]}e:{name}"


def operation(partition: int, scope: str, device: str, operation_id: str) -> str:
    """Return the key of a kept answer; `scope` is the holder's name or the device's own subject."""
    return f"{PREFIXES[partition]}o:{scope}\0{device}\0{operation_id}"


def bound(device: str, operation_id: str) -> tuple[int, str]:
    """Return the partition and the key of the request to which a device's operation id is bound, for any holder's
    card.
    """
    name = f"{device}\0{operation_id}"
    partition = partition_of(name)
    return partition, f"{PREFIXES[partition]}d:{name}"


def proof(partition: int, card: str, proof_id: str) -> str:
    """Return the key of a proof marker."""
    return f"{PREFIXES[partition]}q:{card}\0{proof_id}"


def voided(partition: int) -> str:
    """Return the key of the entries that were taken back."""
    return PREFIXES[partition] + "st:v"


def left(partition: int) -> str:
    """Return the key of the visits that were left."""
    return PREFIXES[partition] + "st:l"


def probe(partition: int) -> str:
    """Return the key that a readiness test writes."""
    return PREFIXES[partition] + "probe"


def stays(partition: int, name: str, service: str, place: str) -> str:
    """Return the key of a holder's uses at a service and point."""
    return f"{PREFIXES[partition]}u:{name}\0{service}\0{place}"


def bookings(partition: int) -> str:
    """Return the key of a partition's bookings."""
    return PREFIXES[partition] + "b"


def expected(partition: int, *, held: bool = False) -> str:
    """Return the key of the bookings by expected time: all bookings, or only those held."""
    return PREFIXES[partition] + ("bo" if held else "bt")


SCRIPT_KEYS = (
    "head", "log", "times", "subs", "holder", "own", "operation", "point", "bookings", "expected", "open", "stays",
    "proof", "voided", "left",
)  # fmt: skip
"""The keys of a change in the order that `lib.lua` expects. All keys are named, as Redis Cluster demands."""


def for_script(
    partition: int, *, name: str, kept: str, place: str, line: tuple[str, str], marker: str | None
) -> list[str]:
    """Return the keys of a change.

    `kept`: the key of the operation's answer. `place`: the entry's point. `line`: service and point of the uses.
    `marker`: the key of the proof.
    """
    return [
        head(partition),
        log(partition),
        times(partition),
        subs(partition),
        holder(partition, name),
        own(partition, name),
        kept,
        point(partition, place),
        bookings(partition),
        expected(partition),
        expected(partition, held=True),
        stays(partition, name, *line),
        marker or proof(partition, "", ""),
        voided(partition),
        left(partition),
    ]
