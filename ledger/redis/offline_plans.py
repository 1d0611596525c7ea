"""Prepares what a device did offline: which answers are kept to its operation already, and whose its proof is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger.millis import to_millis
from ledger.offline import OfflineUse
from ledger.redis import keys, requests
from ledger.redis.changing import Ask, Changing, Plan, ask_of
from ledger.redis.holders import Holder
from ledger.redis.offline_steps import OfflineStep
from ledger.redis.replies import outcome_of, read_answer
from ledger.redis.servers import Servers
from ledger.values import LedgerUnavailable, OperationConflict, Outcome


class OfflinePlans:
    """Makes the plan of a record."""

    def __init__(self, servers: Servers, changing: Changing) -> None:
        """Keep the way to the servers."""
        self._servers = servers
        self._changing = changing

    def plan(self, change: OfflineUse, partition: int, holder: Holder | None) -> Plan | Outcome:
        """Return the kept answer that stands, or the plan of a new entry; OperationConflict."""
        line = (change.draft.service, change.draft.point)
        marker = None
        if holder is not None and change.claim is not None:
            marker = keys.proof(partition, holder.card(change.claim.card), change.claim.proof)
        ask = ask_of(change.operation, partition, holder, line=line, marker=marker)
        second = replace(ask, operation=f"offline:{ask.operation}")  # no operation's id holds a colon
        both, one, proof = self._servers.read(
            [(partition, ("GET", key)) for key in (second.kept, ask.kept, marker or ask.kept)]
        )
        first = None
        for kept, which in ((both, second), (one, ask)):
            if kept is not None and first is None:
                first = self._kept(which, kept)
                if holder is None or first.granted == change.granted:
                    return self._changing.look_up(which, change.operation.subject if holder else None) or first
        step = OfflineStep(change, holder, first, _rival(proof, change.operation.device) if marker else None)
        ask = ask if first is None else second
        if marker is not None:
            ask = replace(ask, parts=ask.parts | {"proof": (proof or b"").decode()})
        return Plan(ask, step, to_millis(change.at), to_millis(change.keep_until), lambda: _spent(step))

    def _kept(self, ask: Ask, kept: bytes) -> Outcome:
        """The kept answer of an operation; OperationConflict when it was another's."""
        length = kept[0]
        if kept[1 : length + 1] != ask.request:
            raise OperationConflict("the operation's id was used for another request")
        packed = kept[length + 1 :]
        place = f"{read_answer(packed).seq}-0"
        (found,) = self._servers.read([(ask.partition, ("XRANGE", keys.log(ask.partition), place, place))])
        if not found:
            raise LedgerUnavailable("a kept answer tells of an entry that the log does not hold")
        return outcome_of(ask.partition, packed, found[0][1][b"l"], replayed=True)


def _rival(proof: bytes | None, device: str) -> str | None:
    """The device whose a proof is: this one where it spent it before; None while it is this one's to use."""
    if proof is None or proof == b"0" + device.encode():
        return None
    return proof[1:].decode()


def _spent(step: OfflineStep) -> dict[str, Any]:
    return {"claim": requests.claim(step.change.claim)} if step.spends and step.change.claim else {}
