"""The log's incidents, in lists that only grow: the sequencer's own, reports from outside, refuted reports, and cards.

Each list is a separate file beside the log, so that repeated reports never push another incident out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from audit.tree.tilewriter import PRIVATE
from edge.strictjson import JsonError, dumps, loads

PAGE: Final = 100
_LINE_MOST: Final = 4096


class IncidentList(StrEnum):
    """The lists. `log`: what the sequencer saw. `reported`: broken promises that devices and phones reported.

    `refuted`: reports that the server's own proof contradicts. `cards`: cards with the status index of another card.
    """

    LOG = "log"
    REPORTED = "reported"
    REFUTED = "refuted"
    CARDS = "cards"


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """Some incidents, newest first: `at` (RFC 3339), `kind`, `place`, `detail`. `older` is the cursor of the page
    after.
    """

    incidents: tuple[dict[str, str], ...]
    older: int | None


def list_file(sequencers: Path, which: IncidentList) -> Path:
    """Return the file of a list, given the file of the sequencer's list."""
    return sequencers if which is IncidentList.LOG else sequencers.with_name(f"incidents-{which.value}.jsonl")


def read_page(path: Path, *, before: int | None = None, most: int = PAGE) -> IncidentPage:
    """Return the last incidents of a list before the byte `before`, or before the list's end if it is None."""
    if not path.exists():
        return IncidentPage((), None)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        end = size if before is None else max(0, min(before, size))
        start = max(0, end - (most + 1) * _LINE_MOST)
        file.seek(start)
        lines = file.read(end - start).splitlines(keepends=True)
    if start:
        lines = lines[1:]  # The first line may be cut
    shown = lines[-most:]
    first = end - sum(map(len, shown))
    return IncidentPage(tuple(told for line in reversed(shown) for told in _read(line)), first or None)


def append_incident(path: Path, line: Mapping[str, object]) -> None:
    """Append one line to a list of incidents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        os.write(handle, dumps(line) + b"\n")
    finally:
        os.close(handle)


def _read(line: bytes) -> list[dict[str, str]]:
    with suppress(JsonError):
        told = loads(line)
        if isinstance(told, dict):
            return [{name: str(value) for name, value in told.items()}]
    return []
