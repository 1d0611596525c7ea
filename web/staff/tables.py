"""Long lists on pages for staff: which part is shown, and the links to the part before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, Generic, TypeVar

from flask import request
from markupsafe import Markup, escape

T = TypeVar("T")

ROWS: Final = 50
_LAST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One part of a list. `number` counts from 1. `total` is None if counting all would cost too much."""

    rows: Sequence[T]
    number: int
    more: bool
    total: int | None = None

    @property
    def before(self) -> int | None:
        """The number of the part before, or None at the first."""
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        """The number of the part after, or None at the last."""
        return self.number + 1 if self.more else None


def page_number() -> int:
    """Return the part in the address (`page=2`), or the first for anything else."""
    asked = request.args.get("page", "1")
    return min(max(int(asked), 1), _LAST) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 1


def page_of(find: Callable[[int, int], Sequence[T]], *, size: int = ROWS, total: int | None = None) -> Page[T]:
    """Return the requested part. `find(limit, offset)` reads the list, newest or most urgent first."""
    number = page_number()
    rows = find(size + 1, (number - 1) * size)
    return Page(rows[:size], number, len(rows) > size, total)


def headed(cells: Markup, heads: Sequence[str]) -> Markup:
    """Return a row's cells, each with the head of its column: a phone shows every row as a block of named values.

    The role stays a cell's where the style makes a block of it.
    """
    first, *found = str(cells).split("<td")
    named = [
        f'<td role="cell" data-head="{escape(head)}"{cell}'
        for head, cell in zip(chain(heads, repeat("")), found, strict=False)
    ]
    return Markup(first + "".join(named))  # noqa: S704 - the cells are markup already, the heads are escaped
