"""The rows that follow from a partition's log: a restore inserts them, a check compares what is kept with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ledger import leaf
from ledger.bookings import BookingState
from ledger.replaying import Replay
from ledger.state import BookingRow, ChoiceRow, CounterRow, KeptRow, MarkRow, RowT, StayRow, VisitRow


def rows_of(replay: Replay) -> Iterator[KeptRow]:
    """Yield every row that follows from the replayed entries. A counter of zero has no row."""
    yield from _counted(replay)
    yield from _visited(replay)
    for entry in replay.voided.keys() | replay.left.keys():
        yield MarkRow(_seq(entry), _seq_or_none(replay.voided.get(entry)), _seq_or_none(replay.left.get(entry)))
    for entry, one in replay.bookings.items():
        yield BookingRow(
            _seq(entry),
            one.holder,
            one.service,
            one.point,
            BookingState(one.state),
            one.holds,
            _seq(one.held_by),
            _seq_or_none(one.used_by),
            *one.window,
        )


def of_kind(rows: Iterable[KeptRow], kind: type[RowT]) -> list[RowT]:
    """Return the rows of one kind, in their order."""
    return [row for row in rows if isinstance(row, kind)]


def differences(kept: Iterable[RowT], said: Iterable[RowT]) -> Iterator[tuple[str, str]]:
    """Yield each kept row that differs from the log: its key in words, and what is wrong."""
    found, wanted = _by_key(kept), _by_key(said)
    for key in sorted(found.keys() | wanted.keys(), key=str):
        if found.get(key) != wanted.get(key):
            message = f"kept is {found.get(key, 'nothing')}, the log says {wanted.get(key, 'nothing')}"
            yield " ".join(map(str, key)), message


def _by_key(rows: Iterable[RowT]) -> Mapping[tuple[object, ...], RowT]:
    return {row.key: row for row in rows}


def _counted(replay: Replay) -> Iterator[KeptRow]:
    for (holder, limit, period), used in replay.counters.items():
        if used:
            yield CounterRow(holder, limit, period, used)
    for (holder, group, period), one in replay.choices.items():
        yield ChoiceRow(holder, group, period, one.member, one.uses, one.service, one.at, _seq(one.entry))


def _visited(replay: Replay) -> Iterator[KeptRow]:
    for key, one in replay.visits.items():
        bounds = _seq(one.entry), one.started_at, one.ends_at, one.re_entries
        yield VisitRow(*key, *bounds, one.left_at, _seq(one.inside), one.inside_at)
    for key, uses in replay.lines.uses.items():
        for use in uses:
            yield StayRow(*key, use.at, use.seq, use.ends_at, use.opens)


def _seq(entry: str) -> int:
    return leaf.split_id(entry)[1]


def _seq_or_none(entry: str | None) -> int | None:
    return None if entry is None else _seq(entry)
