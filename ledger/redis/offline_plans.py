"""Prepares a device's record: finds the answers that are already kept for its operation, and the device that has its
proof.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.holders import HolderName
from ledger.millis import to_millis
from ledger.offline import KeptAnswers, OfflineUse, kept_names
from ledger.redis import keys
from ledger.redis.changing import ChangeRunner, Plan, ScriptCall, call_of
from ledger.redis.replies import outcome_of, read_answer
from ledger.redis.servers import Servers
from ledger.redis.workspace import RedisWorkspace
from ledger.steps.offline import record_offline
from ledger.values import LedgerUnavailable, OperationConflict, Outcome


class OfflinePlans:
    """Makes the plan of a record."""

    def __init__(self, servers: Servers, changing: ChangeRunner) -> None:
        """Keep the way to the servers."""
        self._servers = servers
        self._changing = changing

    def plan(self, change: OfflineUse, partition: int, holder: HolderName | None) -> Plan | Outcome:
        """Return the kept answer if it stands, otherwise the plan of a new entry. Raises OperationConflict."""
        line = (change.draft.service, change.draft.point)
        marker = None
        if holder is not None and change.claim is not None:
            marker = keys.proof(partition, holder.card(change.claim.card), change.claim.proof)
        sent = call_of(change.operation, partition, holder, line=line, marker=marker)
        names = kept_names(change.operation.id)
        named = {name: replace(sent, operation=kept) for name, kept in zip(names._fields, names, strict=True)}
        read = [one.kept for one in named.values()] + [marker or sent.kept]
        *found, proof = self._servers.read([(partition, ("GET", key)) for key in read])
        kept = KeptAnswers(*(None if text is None else self._kept(sent, text) for text in found))
        again = kept.to(change, named=holder is not None)
        if again is not None:
            subject = change.operation.subject if holder else None
            return self._changing.look_up(named[again[0]], subject) or again[1]
        rival = _rival(proof, change.operation.device) if marker else None
        free = named["dismissed" if change.dismissed else "second" if kept.first else "first"]
        if marker is not None:
            free = replace(free, parts=free.parts | {"proof": (proof or b"").decode()})

        def step(workspace: RedisWorkspace) -> Outcome:
            return record_offline(workspace, change, holder, kept.contradicted, rival)

        def place(outcome: Outcome) -> str:
            return named[kept.place(change, outcome)].operation

        return Plan(free, step, to_millis(change.at), to_millis(change.keep_until), place)

    def _kept(self, sent: ScriptCall, kept: bytes) -> Outcome:
        """Return the kept answer of an operation. Raises OperationConflict if the answer belongs to another request."""
        length = kept[0]
        if kept[1 : length + 1] != sent.request:
            raise OperationConflict("the operation's id was used for another request")
        packed = kept[length + 1 :]
        place = f"{read_answer(packed).seq}-0"
        (found,) = self._servers.read([(sent.partition, ("XRANGE", keys.log(sent.partition), place, place))])
        if not found:
            raise LedgerUnavailable("a kept answer tells of an entry that the log does not hold")
        return outcome_of(sent.partition, packed, found[0][1][b"l"], replayed=True)


def _rival(proof: bytes | None, device: str) -> str | None:
    """Return the device that has a proof, or None while the proof is free. It is the given device itself if this device
    spent the proof before.
    """
    if proof is None or proof == b"0" + device.encode():
        return None
    return proof[1:].decode()
