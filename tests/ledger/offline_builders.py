"""Uses recorded offline, with sensible defaults."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge.encoding import b64u, digest
from ledger.offline import OfflineUse
from ledger.values import Draft, Operation
from tests.ledger.builders import GYM_VISIT, HOLDER, KEPT, ORDER, START, a_charge, a_draft, fresh_id

UPLOAD = START + timedelta(hours=30)
"""The afternoon of 1 November."""

_SHANGHAI = ZoneInfo("Asia/Shanghai")


def month_of(at: datetime) -> str:
    """The key of the month in which a use lies."""
    return f"{at.astimezone(_SHANGHAI):%Y-%m}"


def a_record(used_at: datetime = START, at: datetime = UPLOAD, **changes) -> OfflineUse:
    """A gym visit that tablet-1 granted offline on 31 October; `at` is when its record came in."""
    named = {name: changes.pop(name) for name in ("holder", "device", "operation", "request") if name in changes}
    device, name = named.get("device", "tablet-1"), named.get("operation", fresh_id())
    use = OfflineUse(
        operation=Operation(named.get("holder", HOLDER), device, name, named.get("request", b"r" * 32)),
        at=at,
        used_at=used_at,
        keep_until=at + KEPT,
        draft=an_offline_draft(name, device=device),
        granted=True,
        order=ORDER,
        visit=GYM_VISIT,
        charges=(a_charge(period=month_of(used_at)),),
    )
    return replace(use, **changes)


def an_offline_draft(name: str, **changes) -> Draft:
    """The draft of a record; `name` stands for its bytes."""
    return a_draft(extra={"record": b64u(digest(name.encode()))}, **changes)


def a_refused_record(used_at: datetime = START, **changes) -> OfflineUse:
    """A visitor whom tablet-1 turned away offline."""
    refused = {"granted": False, "reason": "offline-limit", "visit": None, "charges": ()}
    return a_record(used_at, **{**refused, **changes})
