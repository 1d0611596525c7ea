"""Turns a script's reply into the contract's values."""

from __future__ import annotations

import msgspec

from edge.structs import UNREADABLE
from ledger import leaf
from ledger.answers import visit_state
from ledger.millis import from_millis, to_millis
from ledger.redis.state import PACK
from ledger.values import Figure, LedgerUnavailable, Outcome, Taken


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """A kept answer, by position, as `lib.lua` packs it. A list in Lua has no null, so False means absent."""

    seq: int
    at: int
    granted: bool
    reason: str | bool
    figures: list[tuple[str, str, int, int]]
    visit: tuple[int, int, int, int, int | bool] | bool
    taken: tuple[str, str, str, int, int] | bool
    re_entry: bool
    booking: str | bool = False
    marks: tuple[str, ...] = ()
    linked: str | bool = False
    joined: str | bool = False


_DECODE = msgspec.msgpack.Decoder(Answer).decode


def read_answer(packed: bytes) -> Answer:
    """Return a kept answer. Raises LedgerUnavailable if it is damaged."""
    try:
        return _DECODE(packed)
    except UNREADABLE as error:
        raise LedgerUnavailable("a kept answer is damaged") from error


def outcome_of(partition: int, packed: bytes, data: bytes | None, *, replayed: bool) -> Outcome:
    """Return the outcome of an answer and of its entry's leaf. Raises LedgerUnavailable if the leaf is missing."""
    if data is None:
        raise LedgerUnavailable("a kept answer tells of an entry that the log does not hold")
    answer = read_answer(packed)
    visit, taken = answer.visit, answer.taken
    return Outcome(
        entry=leaf.entry_id(partition, answer.seq),
        at=from_millis(answer.at),
        granted=answer.granted,
        reason=_text(answer.reason),
        leaf_hash=leaf.leaf_hash(data),
        figures=tuple(Figure(*figure) for figure in answer.figures),
        visit=None
        if isinstance(visit, bool)
        else visit_state(leaf.entry_id(partition, visit[0]), *visit[1:4], left_of(visit[4])),
        taken=None
        if isinstance(taken, bool)
        else Taken(*taken[:3], from_millis(taken[3]), leaf.entry_id(partition, taken[4])),
        re_entry=answer.re_entry,
        replayed=replayed,
        booking=_text(answer.booking),
        marks=answer.marks,
        linked=_text(answer.linked),
        joined=_text(answer.joined),
    )


def write_answer(outcome: Outcome) -> bytes:
    """Return the bytes under which an outcome is kept."""
    visit, taken = outcome.visit, outcome.taken
    return PACK(
        Answer(
            seq=_seq(outcome.entry),
            at=to_millis(outcome.at),
            granted=outcome.granted,
            reason=outcome.reason or False,
            figures=[(one.limit, one.period, one.used, one.maximum) for one in outcome.figures],
            visit=visit is not None
            and (
                _seq(visit.entry),
                to_millis(visit.started_at),
                to_millis(visit.ends_at),
                visit.re_entries,
                visit.left_at is not None and to_millis(visit.left_at),
            ),
            taken=taken is not None
            and (taken.group, taken.member, taken.service, to_millis(taken.at), _seq(taken.entry)),
            re_entry=outcome.re_entry,
            booking=outcome.booking or False,
            marks=outcome.marks,
            linked=outcome.linked or False,
            joined=outcome.joined or False,
        )
    )


def _seq(entry_id: str) -> int:
    return leaf.split_id(entry_id)[1]


def _text(value: str | bool) -> str | None:  # noqa: FBT001 - Lua's way to say that there is none
    return value if isinstance(value, str) else None


def left_of(value: int | bool) -> int | None:  # noqa: FBT001 - Lua's way to say that nobody has left
    """Return when a visit was left, or None while the visit goes on. Here False is not zero."""
    return None if value is False else int(value)
