"""The requests to the scripts: the parts of each change that its request decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ledger import leaf
from ledger.bookings import Window
from ledger.holders import HolderName
from ledger.judgement import (
    ALREADY_IN,
    BOOKING_MISSED,
    BOOKING_NEEDED,
    BOOKING_TOO_EARLY,
    BOOKING_USED,
    EXCLUDED,
    QUOTA_SPENT,
    STANDS,
)
from ledger.millis import to_millis
from ledger.redis import pieces
from ledger.state import seq_in
from ledger.values import Charge, CheckIn, LedgerError, ProofClaim
from ledger.writing import LogEnd, charge_lines, choice_line, of_draft, window_line

_WAIVED = -1
_FOUND_BY_STORE = (
    ALREADY_IN, QUOTA_SPENT, EXCLUDED, BOOKING_NEEDED, BOOKING_USED, BOOKING_MISSED, BOOKING_TOO_EARLY
)  # fmt: skip


def check_in(change: CheckIn, holder: HolderName | None, end: LogEnd, window: Window | None) -> dict[str, Any]:
    """Return what the script judges; with a window, this is a booking. Raises LeafError or LedgerError if it makes no
    entry.
    """
    if change.booking is not None and (change.charges or change.choice or change.visit):
        raise LedgerError("the use of a booking counts nothing of its own")
    if change.kind == "request" and (change.visit or change.booking):
        raise LedgerError("a request opens no visit and uses no booking")
    if holder is None:
        _require_refusal(change)
    rank = {reason: number for number, reason in enumerate(change.order)}
    findings = [reason for reason in change.findings if reason in STANDS or reason not in change.waived]
    found = min(findings, key=lambda reason: rank.get(reason, len(rank)), default=None)
    counted = {
        "charges": charge_lines(change.charges),
        "choice": choice_line(change.choice),
        "window": window_line(window),
    }
    line = _trial(change, holder, end, found, counted)
    request: dict[str, Any] = {
        "pieces": pieces.cut(line),
        "limits": _limits(change.charges),
        "ranks": {
            reason: rank.get(reason, len(rank)) if reason in STANDS or reason not in change.waived else _WAIVED
            for reason in _FOUND_BY_STORE
        },
        "service": change.draft.service,
        "point": change.draft.point,
    }
    if change.kind == "request":
        request["aside"] = True
    if found is not None:
        request["found"] = found
        request["found_rank"] = rank.get(found, len(rank))
        request["found_text"] = pieces.text("reason", found)
    request |= {f"{name}_text": pieces.text(name, value) for name, value in counted.items() if value}
    return request | _asked(change, end.partition) | ({} if window is None else {"window": _window(window)})


def _asked(change: CheckIn, partition: int) -> dict[str, Any]:
    """Return what a change reads and writes of the holder's state. Absent parts are left out."""
    asked: dict[str, Any] = {}
    if change.booking is not None:
        asked |= {"booking": change.booking, "booking_seq": seq_in(partition, change.booking) or False}
    if change.choice is not None:
        choice = change.choice
        asked["choice"] = {"group": choice.group, "period": choice.period, "member": choice.member}
    if change.visit is not None:
        asked["visit"] = {
            "service": change.draft.service,
            "point": change.draft.point,
            "length": round(change.visit.length.total_seconds() * 1000),
            "re_entries": change.visit.re_entries,
        }
    if change.claim is not None:
        asked["claim"] = claim_part(change.claim)
    return asked


def _window(window: Window) -> dict[str, int]:
    found: dict[str, int] = msgspec.to_builtins(window_line(window))
    return found


def claim_part(wanted: ProofClaim) -> dict[str, Any]:
    """Return how long a proof marker is kept."""
    return {"keep": to_millis(wanted.keep_until)}


def _trial(
    change: CheckIn, holder: HolderName | None, end: LogEnd, found: str | None, counted: dict[str, Any]
) -> leaf.Leaf:
    """Return the leaf that a granted change would write. The leaf must be valid before the script runs."""
    added: dict[str, Any] = (
        {"outcome": "granted", **counted} if found is None else {"outcome": "denied", "reason": found}
    )
    if change.booking is not None:
        added["booking"] = change.booking
    if holder is not None:
        added["holder"] = holder.name
        if change.draft.card is not None:
            added["card"] = holder.card(change.draft.card)
    kind = change.kind if counted["window"] is None else "booking"
    return of_draft(change.draft, end, to_millis(change.at), kind, change.operation.id, **added)


def _require_refusal(change: CheckIn) -> None:
    """Raise unless the change is a refusal: without a verified holder, nothing can be counted or granted."""
    if not change.findings or change.claim or change.charges or change.choice or change.draft.card:
        raise LedgerError("without a verified holder there is a finding and nothing else to judge")


def _limits(charges: Iterable[Charge]) -> list[dict[str, Any]]:
    """List each counter once: all units charged to it, its lowest maximum, and the maximum to show."""
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
