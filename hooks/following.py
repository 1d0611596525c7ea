"""Events follow from the logs, by a cursor for each webhook. No event is written beside a log, so none can be lost.

If a webhook has many waiting events, its reading pauses, and further events wait in the log itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from accounts.integrators import Integrator
from hooks.events import HookEvent, name_of, text_of
from hooks.queue import Cursor
from hooks.registry import Hook, may_know
from hooks.service import Hooks

WAITING_MOST: Final = 1000
"""With this many waiting deliveries, the reading for a webhook pauses."""
AT_ONCE: Final = 500
"""Lines of one partition read at once: the greatest number beyond what a webhook may wait for."""
_PASSES: Final = 20
_A_PASS: Final = 5000


class SetBack(Exception):
    """A log ends before the last line that was read: it was restored from an older copy."""


class Source(Protocol):
    """A log with events. In a partition, numbers only grow, and no line appears below a line that was already read."""

    log: str

    def starts(self, since: datetime) -> Mapping[int, int]:
        """Return, for each partition, a number shortly before all lines since an instant."""
        ...

    def ends(self) -> Mapping[int, int]:
        """Return the last number of each partition that has a line."""
        ...

    def read(self, partition: int, after: int, limit: int) -> Sequence[tuple[int, HookEvent | None]]:
        """Return the lines after a number, in order, each with its event, or with None."""
        ...


@dataclass(slots=True)
class _Reader:
    """One webhook during a reading: its position, and what it found."""

    hook: Hook
    integrator: Integrator
    cursor: Cursor
    places: dict[int, int]
    found: list[HookEvent] = field(default_factory=list)

    def take(self, partition: int, lines: Iterable[tuple[int, HookEvent | None]]) -> None:
        """Continue over further lines, and keep the events that the webhook wants and may know."""
        place = self.places.get(partition, 0)
        for number, event in lines:
            if number <= place:
                continue
            place = number
            if event is not None and self.hook.wants(event) and may_know(self.integrator, event):
                self.found.append(event)
        self.places[partition] = place


def follow(hooks: Hooks, source: Source, at: datetime) -> None:
    """Queue the events since the last time, for every webhook. Raises SetBack if the log ends before the last line
    read.
    """
    for _ in range(_PASSES):
        if not _read_on(hooks, source, at):
            return


def _read_on(hooks: Hooks, source: Source, at: datetime) -> bool:
    """Read one stretch for all webhooks and queue its events. Return whether more is left."""
    readers = _readers(hooks, source, at)
    if not readers:
        return False
    ends = source.ends()
    more = _read(readers, source, ends)
    for reader in readers:
        _keep(hooks, source, reader, at)
    if any(place > ends.get(partition, 0) for reader in readers for partition, place in reader.places.items()):
        raise SetBack(f"the {source.log} log ends before what webhooks have read of it")
    return more


def _readers(hooks: Hooks, source: Source, at: datetime) -> list[_Reader]:
    standing, found = hooks.queue.standing(), []
    for hook, integrator in hooks.registry.live(at):
        waits = standing.get(hook.id)
        if not hook.reads(source.log) or (waits is not None and waits.waiting >= WAITING_MOST):
            continue
        cursor = hooks.queue.cursor(hook.id, source.log) or Cursor(source.starts(hook.starts_at), 0)
        found.append(_Reader(hook, integrator, cursor, dict(cursor.places)))
    return found


def _read(readers: Sequence[_Reader], source: Source, ends: Mapping[int, int]) -> bool:
    """Read on in every partition. Return whether more is left because this reading reached its limit."""
    count = 0
    for partition, end in sorted(ends.items()):
        behind = [reader for reader in readers if reader.places.get(partition, 0) < end]
        while behind and count < _A_PASS:
            lines = source.read(partition, min(reader.places.get(partition, 0) for reader in behind), AT_ONCE)
            count += len(lines)
            for reader in behind:
                reader.take(partition, lines)
            behind = [reader for reader in behind if lines and reader.places.get(partition, 0) < end]
        if count >= _A_PASS:
            return True
    return False


def _keep(hooks: Hooks, source: Source, reader: _Reader, at: datetime) -> None:
    if reader.cursor.version and reader.places == dict(reader.cursor.places):
        return
    found = [
        (name_of(reader.hook.id, event), event.kind, text_of(event, reader.integrator.id, hooks.reference_key))
        for event in sorted(reader.found, key=lambda event: (event.at, event.partition, event.sequence))
    ]
    moved = Cursor(reader.places, reader.cursor.version)
    hooks.queue.keep(reader.hook.id, source.log, moved, found, at=at)
