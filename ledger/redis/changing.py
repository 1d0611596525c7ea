"""Sends a change to its partition until the server takes it: with the right salt, after the right head."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import msgspec

from edge.clock import Clock
from ledger import leaf
from ledger.millis import to_millis
from ledger.redis import keys
from ledger.redis.desk import Desk, flat, sign_of
from ledger.redis.heads import Heads
from ledger.redis.holders import Holder, Holders, holder_with, proposed
from ledger.redis.losses import Watch
from ledger.redis.options import Options
from ledger.redis.reads import read_heads, read_leaf_at
from ledger.redis.replies import outcome_of, write_answer
from ledger.redis.requests import Place
from ledger.redis.scripts import COMMIT, LOOK_UP, Script
from ledger.redis.seen import Mark
from ledger.redis.servers import Servers
from ledger.redis.state import read_state
from ledger.values import (
    PARTITIONS,
    ClockSkew,
    LedgerError,
    LedgerUnavailable,
    Operation,
    OperationConflict,
    Outcome,
    TargetState,
)

MAX_SKEW_MILLIS = 2000
_TAG_BYTES = 12


@dataclass(frozen=True, slots=True)
class Ask:
    """A change on its way: whose operation it is, what the script needs of it, and the proof's key where it has one.

    `scope` is the holder's name or the device's own subject; `name` is the holder's, None where there is none. `line`:
    service and point of the uses that it touches. `words`: what is no text, beside the request.
    """

    partition: int
    scope: str
    name: str | None
    device: str
    operation: str
    request: bytes
    salt: bytes = b""
    point: str = ""
    line: tuple[str, str] = ("", "")
    parts: dict[str, Any] = field(default_factory=dict)
    marker: str | None = None
    words: tuple[Any, ...] = ()

    @property
    def kept(self) -> str:
        """The key under which the answer is kept."""
        return keys.operation(self.partition, self.scope, self.device, self.operation)


def ask_of(
    operation: Operation,
    partition: int,
    holder: Holder | None,
    *,
    parts: dict[str, Any] | None = None,
    line: tuple[str, str] = ("", ""),
    marker: str | None = None,
) -> Ask:
    """Return the ask of an operation, for its holder where there is one."""
    named: dict[str, Any] = {} if holder is None else {"sub": operation.subject, "new": holder.new}
    return Ask(
        partition=partition,
        scope=operation.subject if holder is None else holder.name,
        name=None if holder is None else holder.name,
        device=operation.device,
        operation=operation.id,
        request=operation.request,
        salt=b"" if holder is None else holder.salt,
        point=line[1],
        line=line,
        parts=(parts or {}) | named,
        marker=marker,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that is judged outside: on a desk, by `step`. `late` gives parts known only afterwards.

    `place` gives the name under which its answer is kept, where that is known only afterwards.
    """

    ask: Ask
    step: Callable[[Desk], Outcome]
    at: int
    keep: int
    late: Callable[[], dict[str, Any]] = dict
    place: Callable[[Outcome], str] | None = None


class Moved(Exception):
    """The server stood elsewhere than the request believed: ask again with what was learned."""


class Changing:
    """Runs changes of one process. Threads that change one partition take turns and so overtake none."""

    def __init__(self, servers: Servers, watch: Watch, clock: Clock | None, options: Options) -> None:
        """Know no head and no holder yet. `clock`: stands in for the server's own."""
        self._servers = servers
        self._watch = watch
        self._clock = clock
        self._waits = bool(options.replicas)
        self._seconds = options.whole.total_seconds()
        self.heads = Heads()
        self.holders = Holders()
        self._turns = [threading.Lock() for _ in range(PARTITIONS)]

    def holder(self, subject: str) -> Holder:
        """Return a holder as far as known, else one with a fresh salt to propose."""
        return self.holders.get(subject) or proposed(subject)

    def run(self, script: Script, partition: int, asked: Callable[[], Ask], subject: str | None = None) -> Any:  # noqa: ANN401 - an Outcome, or a claim's yes or no
        """Send what `asked` gives until it is taken, within the bound; `asked` is called anew for every try."""
        own = None if self._clock is None else to_millis(self._clock.now())
        until = monotonic() + self._seconds
        with self._turn(partition):
            while True:
                ask = asked()
                try:
                    return self._send(script, ask, own, subject)
                except Moved:
                    if monotonic() > until:
                        raise LedgerUnavailable("others were always faster: retry with the same operation") from None

    def settle(self, partition: int, planned: Callable[[], Plan | Outcome], subject: str | None = None) -> Outcome:
        """Judge on a picture of the state and commit, until nothing has moved meanwhile; an Outcome stands as it is."""
        until = monotonic() + self._seconds
        with self._turn(partition):
            while True:
                plan = planned()
                if isinstance(plan, Outcome):
                    return plan
                try:
                    return self._commit(plan, subject)
                except Moved:
                    if monotonic() > until:
                        raise LedgerUnavailable("others were always faster: retry with the same operation") from None

    def _commit(self, plan: Plan, subject: str | None) -> Outcome:
        ask = plan.ask
        own = None if self._clock is None else to_millis(self._clock.now())
        desk, tag, kept = self._picture(plan, own)
        if kept:
            found = self.look_up(ask, subject)
            if found is None:
                raise Moved
            return found
        outcome, first = plan.step(desk), desk.seq - len(desk.written)
        sizes, words = flat(desk.all_commands())
        parts = {
            "seq": first,
            "tag": tag,
            "at": plan.at,
            "keep": plan.keep,
            "recorded": desk.at,
            "entries": [{"seq": line.seq, "sign": sign_of(line)} for line, _ in desk.written],
            "commands": sizes,
            **ask.parts,
            **plan.late(),
        }
        leaves = (data for _, data in desk.written)
        ready = replace(ask, parts=parts, words=(write_answer(outcome), *leaves, *words))
        if plan.place is not None:
            ready = replace(ready, operation=plan.place(outcome))
        found = self._send(COMMIT, ready, own, subject)
        if not isinstance(found, Outcome):
            raise LedgerUnavailable("the ledger's store gave an answer that is none")
        return found

    def _picture(self, plan: Plan, own: int | None) -> tuple[Desk, str, bool]:
        """The holder's state after the head it was read behind, the head's tag, and whether an answer is kept."""
        partition, name = plan.ask.partition, plan.ask.name or ""
        head, last, kept, fields, time = self._servers.read(
            [
                (partition, ("HMGET", keys.head(partition), "seq", "at", "tag")),
                (partition, ("XREVRANGE", keys.log(partition), "+", "-", "COUNT", 1)),
                (partition, ("EXISTS", plan.ask.kept)),
                (partition, ("HGETALL", keys.holder(partition, name))),
                (partition, ("TIME",)),
            ]
        )
        own = own if own is not None else int(time[0]) * 1000 + int(time[1]) // 1000
        at = max(plan.at, int(head[1] or 0))
        if not kept and (abs(plan.at - own) > MAX_SKEW_MILLIS or at - own > MAX_SKEW_MILLIS):
            raise _refusal([b"skew"])
        desk = Desk(
            ask=lambda commands: self._servers.read([(partition, command) for command in commands]),
            partition=partition,
            name=name,
            seq=int(head[0] or 0),
            hash=leaf.leaf_hash(last[0][1][b"l"]) if last else leaf.FIRST_PREV,
            at=at,
            state=read_state(fields),
            before=fields,
        )
        return desk, (head[2] or b"").decode(), bool(kept)

    def look_up(self, ask: Ask, subject: str | None) -> Outcome | None:
        """Return the kept answer of an operation, None when it is new; learns the partition's head on the way."""
        try:
            found = self._send(LOOK_UP, ask, None, subject)
        except Moved:
            return None
        return found if isinstance(found, Outcome) else None

    def place(self, partition: int) -> Place:
        """Return where the next entry of a partition will stand, as far as known."""
        head = self.heads.get(partition)
        return partition, head.seq + 1, head.hash

    @contextmanager
    def _turn(self, partition: int) -> Iterator[None]:
        if not self._turns[partition].acquire(timeout=self._seconds):
            raise LedgerUnavailable("too many changes wait for one partition: retry with the same operation")
        try:
            yield
        finally:
            self._turns[partition].release()

    def _send(self, script: Script, ask: Ask, own: int | None, subject: str | None) -> Any:  # noqa: ANN401 - as above
        head, mark = self.heads.get(ask.partition), self._watch.seen.get(ask.partition)
        request: dict[str, Any] = {
            "partition": ask.partition,
            "seq": head.seq,
            "tag": head.tag,
            "next": secrets.token_urlsafe(_TAG_BYTES),
            "acked": mark.seq,
            "device": ask.device,
            "skew": MAX_SKEW_MILLIS,
            "wait": self._waits,
            **ask.parts,
        }
        if own is not None:
            request["own"] = own
        if ask.name is not None:
            request["name"] = ask.name
        names = keys.for_script(
            ask.partition, name=ask.name or "", kept=ask.kept, place=ask.point, line=ask.line, marker=ask.marker
        )
        packed = msgspec.msgpack.encode(request)
        reply = self._servers.change(ask.partition, script, names, packed, ask.request, ask.salt, *ask.words)
        return self._read(ask, reply, subject, mark)

    def _read(self, ask: Ask, reply: list[Any], subject: str | None, mark: Mark) -> Any:  # noqa: ANN401 - as above
        match reply:
            case [b"done", packed, data, tag]:
                self._remember(subject, ask)
                outcome = outcome_of(ask.partition, packed, data, replayed=False)
                self._acknowledge(ask.partition, outcome, tag.decode(), data)
                return outcome
            case [b"kept", packed, data]:
                self._remember(subject, ask)
                return outcome_of(ask.partition, packed, data, replayed=True)
            case [b"claimed", yes]:
                self._remember(subject, ask)
                return bool(yes)
            case [b"moved", b"0", *_] if mark.seq and not read_heads(self._servers):
                raise LedgerUnavailable("the ledger's store is empty: what it held was removed or replaced")
            case [b"moved", seq, tag, data, acknowledged]:
                self.heads.learn(ask.partition, int(seq), tag.decode(), data)
                known = acknowledged or read_leaf_at(self._servers, ask.partition, mark.seq)  # the script sees no tiles
                self._watch.compare(ask.partition, mark, (int(seq), data), known)
                raise Moved
            case [b"holder", kept] if subject is not None:
                self._relearn(subject, kept)
                raise Moved
            case [b"gone"]:
                raise Moved
            case [b"none"]:
                return None
        raise _refusal(reply)

    def _acknowledge(self, partition: int, outcome: Outcome, tag: str, data: bytes) -> None:
        _, seq = leaf.split_id(outcome.entry)
        self.heads.learn(partition, seq, tag, data)
        self._watch.seen.note(partition, seq, outcome.leaf_hash)

    def _remember(self, subject: str | None, ask: Ask) -> None:
        if subject is not None and ask.name is not None:
            self.holders.keep(subject, Holder(ask.name, ask.salt))

    def _relearn(self, subject: str, kept: bytes | None) -> None:
        if kept is None:
            self.holders.forget(subject)
        else:
            self.holders.keep(subject, holder_with(subject, kept))


def _refusal(reply: list[Any]) -> LedgerError:
    """The error that a script's refusal stands for."""
    match reply:
        case [b"conflict"]:
            return OperationConflict("the operation's id was used for another request")
        case [b"skew"]:
            return ClockSkew("the instant lies more than 2 s from the ledger's own clock")
        case [b"target", code]:
            return TargetState(code.decode())
        case [b"damaged", what]:
            return LedgerUnavailable(f"the ledger is damaged: {what.decode()}")
    return LedgerUnavailable("the ledger's store gave an answer that is none")
