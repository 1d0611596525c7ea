"""Sends a change to its partition until the server accepts it: with the right salt, and after the right head."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic, perf_counter
from typing import Any

import msgspec

from edge.clock import Clock
from edge.metrics import observe_commits
from ledger import leaf
from ledger.holders import HolderName, holder_with, proposed
from ledger.millis import to_millis
from ledger.redis import keys
from ledger.redis.heads import Heads
from ledger.redis.holders import Holders
from ledger.redis.losses import Watch
from ledger.redis.options import RedisOptions
from ledger.redis.reads import read_heads, read_leaf_at
from ledger.redis.replies import outcome_of, write_answer
from ledger.redis.requests import claim_part
from ledger.redis.scripts import COMMIT, LOOK_UP, Script
from ledger.redis.seen import AcknowledgedEntry
from ledger.redis.servers import Servers
from ledger.redis.state import read_state
from ledger.redis.workspace import RedisWorkspace, flat, sign_of
from ledger.skew import MAX_AGE_MILLIS, MAX_SKEW_MILLIS, Instants
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
from ledger.writing import LogEnd

_TAG_BYTES = 12
_COMMITS_TOLD = 16  # number of commits reported to the metrics at once


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A change on its way to a script: the operation and holder that it belongs to, and what the script needs to know.

    `scope` is the holder's name or the device's own subject. `name` is the holder's name, or None without a holder.
    `line`: service and point of the uses that the change touches. `marker`: the key of the change's proof. `words`:
    further values beside the request that are not text. `bound`: the key that binds the operation's id, where the
    script binds it.
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
    bound: str | None = None

    @property
    def kept(self) -> str:
        """The key under which the answer is kept."""
        return keys.operation(self.partition, self.scope, self.device, self.operation)


def call_of(
    operation: Operation,
    partition: int,
    holder: HolderName | None,
    *,
    parts: dict[str, Any] | None = None,
    line: tuple[str, str] = ("", ""),
    marker: str | None = None,
    bound: str | None = None,
) -> ScriptCall:
    """Return the script call for an operation. The call names the holder if the card was verified."""
    named: dict[str, Any] = {} if holder is None else {"sub": operation.subject, "new": holder.new}
    return ScriptCall(
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
        bound=bound,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that `step` judges on a workspace, outside of the script. `at` and `keep` are in milliseconds.

    `place` returns the name under which the answer is kept, if the answer decides this name.
    """

    sent: ScriptCall
    step: Callable[[RedisWorkspace], Outcome]
    at: int
    keep: int
    place: Callable[[Outcome], str] | None = None


class HeadMoved(Exception):
    """The end of the log moved after the request was made. The change is sent again with the new end."""


class ChangeRunner:
    """Runs the changes of one process. Threads that change the same partition take turns, so that none overtakes
    another.
    """

    def __init__(self, servers: Servers, watch: Watch, options: RedisOptions, host: Clock, clock: Clock | None) -> None:
        """Start without a known head or holder. `host`: this host's clock. `clock` stands in for the server's own
        clock.
        """
        self._servers = servers
        self._watch = watch
        self._host = host
        self._clock = clock
        self._waits = bool(options.replicas)
        self._seconds = options.whole.total_seconds()
        self.heads = Heads()
        self.holders = Holders()
        self._turns = [threading.Lock() for _ in range(PARTITIONS)]
        self._told: list[tuple[int, float]] = []

    def holder(self, subject: str) -> HolderName:
        """Return a holder if it is known, otherwise a holder with a fresh proposed salt."""
        return self.holders.get(subject) or proposed(subject)

    def run(self, script: Script, partition: int, asked: Callable[[], ScriptCall], subject: str | None = None) -> Any:  # noqa: ANN401 - an Outcome, or a claim's yes or no
        """Send the request that `asked` returns until the server accepts it, within the time bound. `asked` is called
        again for each try.
        """
        until = monotonic() + self._seconds
        with self._turn(partition):
            while True:
                try:
                    return self._send(script, asked(), subject)
                except HeadMoved:
                    if monotonic() > until:
                        raise LedgerUnavailable("others were always faster: retry with the same operation") from None

    def settle(self, partition: int, planned: Callable[[], Plan | Outcome], subject: str | None = None) -> Outcome:
        """Judge on a picture of the state, then commit; repeat until nothing moved in between. If `planned` returns an
        Outcome, return this Outcome.
        """
        until = monotonic() + self._seconds
        with self._turn(partition):
            while True:
                plan = planned()
                if isinstance(plan, Outcome):
                    return plan
                try:
                    return self._commit(plan, subject)
                except HeadMoved:
                    if monotonic() > until:
                        raise LedgerUnavailable("others were always faster: retry with the same operation") from None

    def _commit(self, plan: Plan, subject: str | None) -> Outcome:
        sent = plan.sent
        workspace, tag, kept = self._picture(plan)
        if kept:
            found = self.look_up(sent, subject)
            if found is None:
                raise HeadMoved
            return found
        outcome, first = plan.step(workspace), workspace.end.seq - len(workspace.written)
        sizes, words = flat(workspace.all_commands())
        parts = {
            "seq": first,
            "tag": tag,
            "at": plan.at,
            "keep": plan.keep,
            "recorded": workspace.at,
            "entries": [{"seq": line.seq, "sign": sign_of(line)} for line, _ in workspace.written],
            "commands": sizes,
            **sent.parts,
        }
        if workspace.spent is not None:
            parts["claim"] = claim_part(workspace.spent)
        leaves = (data for _, data in workspace.written)
        ready = replace(sent, parts=parts, words=(write_answer(outcome), *leaves, *words))
        if plan.place is not None:
            ready = replace(ready, operation=plan.place(outcome))
        found = self._send(COMMIT, ready, subject)
        if not isinstance(found, Outcome):
            raise LedgerUnavailable("the ledger's store gave an answer that is none")
        return found

    def _picture(self, plan: Plan) -> tuple[RedisWorkspace, str, bool]:
        """Return the holder's state at the log's end, the tag of this end, and whether an answer is kept."""
        partition, name = plan.sent.partition, plan.sent.name or ""
        head, last, kept, fields, time = self._servers.read(
            [
                (partition, ("HMGET", keys.head(partition), "seq", "at", "tag")),
                (partition, ("XREVRANGE", keys.log(partition), "+", "-", "COUNT", 1)),
                (partition, ("EXISTS", plan.sent.kept)),
                (partition, ("HGETALL", keys.holder(partition, name))),
                (partition, ("TIME",)),
            ]
        )
        host, own = self._clocks()
        instants = Instants(plan.at, host, _millis(time) if own is None else own)
        digest = leaf.leaf_hash(last[0][1][b"l"]) if last else leaf.FIRST_PREV
        end = LogEnd(partition, int(head[0] or 0), digest, int(head[1] or 0))
        workspace = RedisWorkspace(
            read=lambda commands: self._servers.read([(partition, command) for command in commands]),
            holder=name,
            end=end,
            at=end.at if kept else instants.after(end.at),
            state=read_state(name, fields),
            before=fields,
        )
        return workspace, (head[2] or b"").decode(), bool(kept)

    def compare_clocks(self, partition: int) -> None:
        """Raise ClockSkew where this host's clock is so far from the server's that every change would be refused."""
        host, own = self._clocks()
        (time,) = self._servers.read([(partition, ("TIME",))])
        Instants(host, host, _millis(time) if own is None else own).after(0)

    def _clocks(self) -> tuple[int, int | None]:
        """Return the time of this host's clock, and the time of the clock that stands in for the server's clock, in
        milliseconds.
        """
        own = None if self._clock is None else to_millis(self._clock.now())
        return to_millis(self._host.now()), own

    def look_up(self, sent: ScriptCall, subject: str | None) -> Outcome | None:
        """Return the kept answer of an operation, or None if the operation is new. This also learns the partition's
        head.
        """
        try:
            found = self._send(LOOK_UP, sent, subject)
        except HeadMoved:
            return None
        return found if isinstance(found, Outcome) else None

    def end(self, partition: int) -> LogEnd:
        """Return the end of a partition's log as far as this process knows it. Its instant is not known."""
        head = self.heads.get(partition)
        return LogEnd(partition, head.seq, head.hash)

    @contextmanager
    def _turn(self, partition: int) -> Iterator[None]:
        if not self._turns[partition].acquire(timeout=self._seconds):
            raise LedgerUnavailable("too many changes wait for one partition: retry with the same operation")
        try:
            yield
        finally:
            self._turns[partition].release()

    def _send(self, script: Script, sent: ScriptCall, subject: str | None) -> Any:  # noqa: ANN401 - as above
        head, mark = self.heads.get(sent.partition), self._watch.seen.get(sent.partition)
        host, own = self._clocks()
        request: dict[str, Any] = {
            "partition": sent.partition,
            "seq": head.seq,
            "tag": head.tag,
            "next": secrets.token_urlsafe(_TAG_BYTES),
            "acked": mark.seq,
            "device": sent.device,
            "host": host,
            "skew": MAX_SKEW_MILLIS,
            "age": MAX_AGE_MILLIS,
            "wait": self._waits,
            **sent.parts,
        }
        if own is not None:
            request["own"] = own
        if sent.name is not None:
            request["name"] = sent.name
        names = keys.for_script(
            sent.partition, name=sent.name or "", kept=sent.kept, place=sent.point, line=sent.line, marker=sent.marker
        )
        if sent.bound is not None:
            names.append(sent.bound)
        packed = msgspec.msgpack.encode(request)
        begun = perf_counter()
        reply = self._servers.change(sent.partition, script, names, packed, sent.request, sent.salt, *sent.words)
        self._told.append((1, perf_counter() - begun))
        if len(self._told) >= _COMMITS_TOLD:
            told, self._told = self._told, []
            observe_commits(told)
        return self._read(sent, reply, subject, mark)

    def _read(self, sent: ScriptCall, reply: list[Any], subject: str | None, mark: AcknowledgedEntry) -> Any:  # noqa: ANN401 - as above
        match reply:
            case [b"done", packed, data, tag]:
                self._remember(subject, sent)
                outcome = outcome_of(sent.partition, packed, data, replayed=False)
                self._acknowledge(sent.partition, outcome, tag.decode(), data)
                return outcome
            case [b"kept", packed, data]:
                self._remember(subject, sent)
                return outcome_of(sent.partition, packed, data, replayed=True)
            case [b"claimed", yes]:
                self._remember(subject, sent)
                return bool(yes)
            case [b"moved", b"0", *_] if mark.seq and not read_heads(self._servers):
                raise LedgerUnavailable("the ledger's store is empty: what it held was removed or replaced")
            case [b"moved", seq, tag, data, acknowledged]:
                self.heads.learn(sent.partition, int(seq), tag.decode(), data)
                known = acknowledged or read_leaf_at(
                    self._servers, sent.partition, mark.seq
                )  # the script sees no tiles
                self._watch.compare(sent.partition, mark, (int(seq), data), known)
                raise HeadMoved
            case [b"holder", kept] if subject is not None:
                self._relearn(subject, kept)
                raise HeadMoved
            case [b"gone"]:
                raise HeadMoved
            case [b"none"]:
                return None
        raise _refusal(reply)

    def _acknowledge(self, partition: int, outcome: Outcome, tag: str, data: bytes) -> None:
        _, seq = leaf.split_id(outcome.entry)
        self.heads.learn(partition, seq, tag, data)
        self._watch.seen.note(partition, seq, outcome.leaf_hash)

    def _remember(self, subject: str | None, sent: ScriptCall) -> None:
        if subject is not None and sent.name is not None:
            self.holders.keep(subject, HolderName(sent.name, sent.salt))

    def _relearn(self, subject: str, kept: bytes | None) -> None:
        if kept is None:
            self.holders.forget(subject)
        else:
            self.holders.keep(subject, holder_with(subject, kept))


def _millis(time: tuple[int, int]) -> int:
    """Return the instant that Redis told in seconds and microseconds."""
    return int(time[0]) * 1000 + int(time[1]) // 1000


def _refusal(reply: list[Any]) -> LedgerError:
    """Return the error for the code that a script gave as its refusal."""
    match reply:
        case [b"conflict"]:
            return OperationConflict("the operation's id was used for another request")
        case [b"skew"]:
            return ClockSkew("the clock of this host, of the ledger or of the partition's last entry is wrong")
        case [b"target", code]:
            return TargetState(code.decode())
        case [b"damaged", what]:
            return LedgerUnavailable(f"the ledger is damaged: {what.decode()}")
    return LedgerUnavailable("the ledger's store gave an answer that is none")
