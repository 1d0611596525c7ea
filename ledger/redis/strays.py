"""Searches a Redis ledger for keys that no entry explains: answers, states, indexes, and keys of other programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger import leaf
from ledger.redis import keys
from ledger.redis.replies import read_answer
from ledger.redis.servers import Servers
from ledger.redis.state import read_stay
from ledger.values import PARTITIONS, Fault, LedgerUnavailable

_KEY = re.compile(rb"yj:\{p([0-9]{3})\}:(?:(head|log|t|subs|st:v|st:l|b|bt|bo|probe)|([dhieqou]):(.*))", re.DOTALL)
_SEQ_BYTES = 6


@dataclass(frozen=True, slots=True)
class _Key:
    """A key and its own description of itself."""

    partition: int
    kind: str
    rest: str

    @property
    def place(self) -> str:
        """The name of the key in a fault."""
        return f"{self.kind} {self.rest.split(chr(0))[-1]} of partition {self.partition:02x}"


def find_strays(servers: Servers) -> Iterator[Fault]:
    """Yield a fault for every key that the log does not explain."""
    for found in servers.scan():
        known: list[_Key] = []
        for name in found:
            key = _read(name)
            if key is None:
                yield Fault("keys", f"a key that is none of the ledger's: {name[:80]!r}")
            elif key.kind in "hieou":
                known.append(key)
        yield from _unaccounted(servers, known)


def _read(name: bytes) -> _Key | None:
    found = _KEY.fullmatch(name)
    if found is None or int(found[1]) >= PARTITIONS:
        return None
    return _Key(int(found[1]), (found[3] or b"head").decode(), (found[4] or b"").decode(errors="replace"))


def _unaccounted(servers: Servers, known: list[_Key]) -> Iterator[Fault]:
    values = servers.read([(key.partition, _first(key)) for key in known])
    wanted: list[tuple[_Key, int]] = []
    for key, value in zip(known, values, strict=True):
        if value is None or value == []:
            continue  # expired meanwhile
        try:
            wanted.append((key, _seq(key, value)))
        except (LedgerUnavailable, ValueError) as error:
            yield Fault(key.place, str(error))
    commands = [(key.partition, ("XRANGE", keys.log(key.partition), f"{seq}-0", f"{seq}-0")) for key, seq in wanted]
    for (key, _), found in zip(wanted, servers.read(commands), strict=True):
        if not found or not _stands_behind(key, found[0][1].get(b"l", b"")):
            yield Fault(key.place, "no entry of the log stands behind it")


def _first(key: _Key) -> tuple[object, ...]:
    """Return the command that reads the name of the first entry behind a key."""
    prefix = keys.PREFIXES[key.partition]
    if key.kind == "o":
        return ("GET", f"{prefix}o:{key.rest}")
    if key.kind == "i":
        return ("XRANGE", f"{prefix}i:{key.rest}", "-", "+", "COUNT", 1)
    if key.kind == "u":
        return ("ZRANGE", f"{prefix}u:{key.rest}", 0, 0)
    return ("GETRANGE", f"{prefix}e:{key.rest}", 0, _SEQ_BYTES - 1)


def _seq(key: _Key, value: Any) -> int:  # noqa: ANN401 - as the key's kind has it
    if key.kind == "u":
        return read_stay(("", "", ""), value[0], 0).seq
    if key.kind == "i":
        return int(value[0][0].partition(b"-")[2])
    if key.kind == "o":
        return read_answer(value[1 + value[0] :]).seq if value else 0
    return int.from_bytes(value)


def _stands_behind(key: _Key, data: bytes) -> bool:
    try:
        line = leaf.decode(data)
    except leaf.LeafError:
        return False
    if key.kind == "o":
        return line.operation == key.rest.split("\0")[-1].rpartition(":")[2]
    if key.kind == "u":
        return key.rest == f"{line.holder}\0{line.service}\0{line.point}"
    return (line.point if key.kind == "i" else line.holder) == key.rest
