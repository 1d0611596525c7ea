"""The faults of a programme file: all faults at once, each with its place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgrammeFault:
    """One fault: where (`services.gym-visit.quota`), what is wrong, and what to write instead."""

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


class ProgrammeError(Exception):
    """A programme file that cannot be used. `faults` holds all faults found, `source` the file's name."""

    def __init__(self, source: str, faults: Iterable[ProgrammeFault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{source}: {len(self.faults)} fault(s){lines}")


def shown(value: object) -> str:
    """Return `value` as a fault may quote it: one line of at most 60 characters, however large the value."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(name: str, known: Iterable[str], *, otherwise: str = "remove it") -> str:
    """Return the remedy for an unknown `name`: the nearest of `known`, or all of them if they are few."""
    choices = sorted(known)
    close = difflib.get_close_matches(name[:80], choices, n=1) if len(name) > 2 else []
    if close:
        return f"did you mean {close[0]!r}?"
    if not choices:
        return otherwise
    return "use one of " + ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")
