"""From a script's reply to the contract's values."""

from __future__ import annotations

import msgspec

from verifier.audit import leaf
from verifier.ledger.answers import visit_state
from verifier.ledger.interface import Figure, LedgerUnavailable, Outcome, Taken
from verifier.ledger.millis import from_millis


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """A kept answer, by position, as `lib.lua` packs it. Lua has no null within a list: False is absent."""

    seq: int
    at: int
    granted: bool
    reason: str | bool
    figures: list[tuple[str, str, int, int]]
    visit: tuple[int, int, int, int, int | bool] | bool
    taken: tuple[str, str, str, int, int] | bool
    re_entry: bool
    booking: int | bool = False


_DECODE = msgspec.msgpack.Decoder(Answer).decode


def read_answer(packed: bytes) -> Answer:
    """Return a kept answer; LedgerUnavailable when it is damaged."""
    try:
        return _DECODE(packed)
    except msgspec.MsgspecError as error:
        raise LedgerUnavailable("a kept answer is damaged") from error


def outcome_of(partition: int, packed: bytes, data: bytes | None, *, replayed: bool) -> Outcome:
    """Return the outcome of an answer and its entry's leaf; LedgerUnavailable when the leaf is gone."""
    if data is None:
        raise LedgerUnavailable("a kept answer tells of an entry that the log does not hold")
    answer = read_answer(packed)
    visit, taken = answer.visit, answer.taken
    return Outcome(
        entry=leaf.entry_id(partition, answer.seq),
        at=from_millis(answer.at),
        granted=answer.granted,
        reason=answer.reason if isinstance(answer.reason, str) else None,
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
    )


def left_of(value: int | bool) -> int | None:  # noqa: FBT001 - Lua's way to say that nobody has left
    """Return when a visit was left, None while it goes on. Of an int, False is not nought."""
    return None if value is False else int(value)
