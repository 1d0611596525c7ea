"""What is asked of the scripts: the parts of each change that its request decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from verifier.audit import leaf
from verifier.ledger.interface import Charge, CheckIn, CheckOut, LedgerError, ProofClaim, Void
from verifier.ledger.judgement import ALREADY_IN, EXCLUDED, QUOTA_SPENT
from verifier.ledger.millis import to_millis
from verifier.ledger.redis import pieces
from verifier.ledger.redis.holders import Holder

Place = tuple[int, int, bytes]
"""Where the entry will stand: partition, seq, and the hash of the leaf before."""

_UNRANKED = -1


@dataclass(frozen=True, slots=True)
class Target:
    """The entry that a change refers to: its leaf as read, and its bytes, which the script holds it to."""

    line: leaf.Leaf
    data: bytes


def check_in(change: CheckIn, holder: Holder | None, place: Place) -> dict[str, Any]:
    """Return what the script judges; LeafError or LedgerError when the draft makes no entry."""
    if holder is None:
        _require_refusal(change)
    rank = {reason: number for number, reason in enumerate(change.order)}
    findings = [reason for reason in change.findings if reason not in change.waived]
    found = min(findings, key=lambda reason: rank.get(reason, len(rank)), default=None)
    charges = [pieces.charge_line(charge) for charge in change.charges]
    choice = pieces.choice_line(change.choice)
    line = _trial(change, holder, place, found, {"charges": tuple(charges), "choice": choice})
    request: dict[str, Any] = {
        "pieces": pieces.cut(line),
        "limits": _limits(change.charges),
        "ranks": {
            reason: _UNRANKED if reason in change.waived else rank.get(reason, len(rank))
            for reason in (ALREADY_IN, QUOTA_SPENT, EXCLUDED)
        },
        "service": change.draft.service,
    }
    if found is not None:
        request |= {
            "found": found,
            "found_rank": rank.get(found, len(rank)),
            "found_text": pieces.text("reason", found),
        }
    if charges:
        request["charges_text"] = pieces.text("charges", charges)
    if change.choice is not None:
        request["choice"] = {
            "group": change.choice.group,
            "period": change.choice.period,
            "member": change.choice.member,
        }
        request["choice_text"] = pieces.text("choice", choice)
    if change.visit is not None:
        request["visit"] = {
            "service": change.draft.service,
            "point": change.draft.point,
            "length": round(change.visit.length.total_seconds() * 1000),
            "re_entries": change.visit.re_entries,
        }
    if change.claim is not None:
        request["claim"] = claim(change.claim)
    return request


def claim(wanted: ProofClaim) -> dict[str, Any]:
    """Return how long a proof marker is kept."""
    return {"keep": to_millis(wanted.keep_until)}


def void(change: Void, target: Target, place: Place) -> dict[str, Any]:
    """Return what is given back if the void goes through."""
    line = target.line
    told = {"holder": line.holder, "target": line.id}
    written = pieces.trial(change.draft, place, to_millis(change.at), "void", change.id, reason=change.reason, **told)
    request = _referring(target) | {
        "pieces": pieces.cut(written, keep=frozenset({"reason"})),
        "after_check_out": change.after_check_out,
        "limits": _limits(Charge(charge.limit, charge.period, charge.maximum, charge.units) for charge in line.charges),
    }
    if change.refusal is not None:
        request["refusal"] = change.refusal
    if line.choice is not None:
        request["choice"] = {"group": line.choice.group, "period": line.choice.period}
    return request


def check_out(change: CheckOut, target: Target, place: Place) -> dict[str, Any]:
    """Return what is written if the departure goes through."""
    line, at = target.line, to_millis(change.at)
    told = {"holder": line.holder, "target": line.id}
    shown = leaf.VisitLine(entry=line.id, started_at=at, ends_at=at, left_at=at)
    written = pieces.trial(change.draft, place, at, "check-out", change.id, visit=shown, **told)
    return _referring(target) | {
        "pieces": pieces.cut(written),
        "out_at": to_millis(change.out_at),
        "target_at": line.at,
    }


def _trial(
    change: CheckIn, holder: Holder | None, place: Place, found: str | None, counted: dict[str, Any]
) -> leaf.Leaf:
    """The leaf as it stands if nothing in the store speaks against it: the one that must be writable."""
    added: dict[str, Any] = (
        {"outcome": "granted", **counted} if found is None else {"outcome": "denied", "reason": found}
    )
    if holder is not None:
        added["holder"] = holder.name
        if change.draft.card is not None:
            added["card"] = holder.card(change.draft.card)
    return pieces.trial(change.draft, place, to_millis(change.at), "check-in", change.operation.id, **added)


def _require_refusal(change: CheckIn) -> None:
    """Before any holder was verified there is nothing to count, so nothing to grant."""
    if not change.findings or change.claim or change.charges or change.choice or change.draft.card:
        raise LedgerError("without a verified holder there is a finding and nothing else to judge")


def _limits(charges: Iterable[Charge]) -> list[dict[str, Any]]:
    """Each counter once: the units of all charges on it, the least maximum to hold them to, and the one to tell."""
    limits: dict[tuple[str, str], dict[str, Any]] = {}
    for charge in charges:
        limit = limits.setdefault(
            (charge.limit, charge.period),
            {"limit": charge.limit, "period": charge.period, "units": 0, "least": charge.maximum},
        )
        limit["units"] += charge.units
        limit["least"] = min(limit["least"], charge.maximum)
        limit["maximum"] = charge.maximum
    return list(limits.values())


def _referring(target: Target) -> dict[str, Any]:
    """What the target's leaf says of it, so that the script need not read JSON."""
    line = target.line
    request: dict[str, Any] = {
        "target": line.seq,
        "target_leaf": target.data.decode(),
        "granted": line.kind == "check-in" and line.outcome == "granted",
    }
    if line.visit is not None:
        visit = line.visit
        request["visit"] = {
            "service": line.service,
            "point": line.point,
            "entry": line.seq if visit.entry is None else leaf.split_id(visit.entry)[1],
            "started_at": visit.started_at,
            "ends_at": visit.ends_at,
            "re_entries": visit.re_entry or 0,
            "left_at": visit.left_at or False,
        }
    return request
