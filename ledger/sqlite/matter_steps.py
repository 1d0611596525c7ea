"""Steps of matters in the SQLite ledger: entries that follow a check-in and count nothing."""

from __future__ import annotations

import sqlite3
from typing import Any

from ledger.matters import MatterStep
from ledger.millis import to_millis
from ledger.sqlite import rows, steps
from ledger.values import Outcome, TargetState


def follow(db: sqlite3.Connection, change: MatterStep, instant: steps.Instant) -> Outcome:
    """Record that a matter reached a stage."""
    row, target, holder = steps.target_of(db, change.target)
    key = (*holder, change.device, change.id)
    if kept := steps.kept_answer(db, key, change.request):
        return kept
    head = rows.read_head(db, target.partition)
    at = instant.after(head.last_at)
    if target.matter is None or target.outcome != "granted":
        raise TargetState("no-matter")
    if rows.read_state(db, row)[0] is not None:
        raise TargetState("already-voided")
    if change.refusal is not None:
        raise TargetState(change.refusal)
    told: dict[str, Any] = {
        "holder": target.holder,
        "target": target.id,
        "stage": change.stage,
        "reason": change.reason,
        "deadline": None if change.deadline is None else to_millis(change.deadline),
    }
    return steps.conclude(db, change, key, steps.make_leaf(change.draft, head, at, "matter", change.id, **told))
