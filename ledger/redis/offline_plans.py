"""Prepares what a device did offline: which answers are kept to its operation already, and whose its proof is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger.millis import to_millis
from ledger.offline import KeptAnswers, OfflineUse, kept_names
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
        names = kept_names(change.operation.id)
        asks = {name: replace(ask, operation=kept) for name, kept in zip(names._fields, names, strict=True)}
        keys_read = [one.kept for one in asks.values()] + [marker or ask.kept]
        *found, proof = self._servers.read([(partition, ("GET", key)) for key in keys_read])
        kept = KeptAnswers(*(None if text is None else self._kept(ask, text) for text in found))
        again = kept.to(change, named=holder is not None)
        if again is not None:
            subject = change.operation.subject if holder else None
            return self._changing.look_up(asks[again[0]], subject) or again[1]
        rival = _rival(proof, change.operation.device) if marker else None
        step = OfflineStep(change, holder, kept.contradicted, rival)
        free = asks["dismissed" if change.dismissed else "second" if kept.first else "first"]
        if marker is not None:
            free = replace(free, parts=free.parts | {"proof": (proof or b"").decode()})
        return Plan(
            free,
            step,
            to_millis(change.at),
            to_millis(change.keep_until),
            lambda: _spent(step),
            lambda outcome: asks[kept.place(change, outcome)].operation,
        )

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
