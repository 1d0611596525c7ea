"""Changes with sensible defaults, so that a test shows only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from verifier.ledger.interface import (
    Charge,
    CheckIn,
    CheckOut,
    Choice,
    Draft,
    Operation,
    ProofClaim,
    VisitWindow,
    Void,
)

START = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
KEPT = timedelta(days=7)
HOLDER = "Zm9vYmFyYmF6cXV4MTIzNA"
ORDER = ("not-offered-here", "already-in", "quota-spent", "excluded", "service-not-open", "not-entitled")
GYM_VISIT = VisitWindow(timedelta(hours=2), re_entries=1)

_numbers = count(1)


def fresh_id() -> str:
    """Return an operation id not used before in this process."""
    return f"operation-{next(_numbers):06d}"


def a_draft(**changes) -> Draft:
    """A phone card of silver at the gym's door."""
    draft = Draft(
        point="gym",
        department="culture-bureau",
        service="gym-visit",
        device="tablet-1",
        caller="device",
        programme="2026.1",
        bundle=1,
        tier="silver",
        form="phone",
        assurance="proved",
        card="Y2FyZC1vZi10aGUtaG9sZA",
    )
    return replace(draft, **changes)


def a_charge(maximum: int = 2, *, limit: str = "gym", period: str = "2026-10", units: int = 1) -> Charge:
    """A unit of two gym visits a month."""
    return Charge(limit, period, maximum, units)


def a_claim(proof: str = "proof-1", *, card: str = "Y2FyZC1vZi10aGUtaG9sZA", at: datetime = START) -> ProofClaim:
    """A proof of the default holder's card."""
    return ProofClaim(card, proof, at + KEPT)


def a_choice(member: str = "union", *, group: str = "annual-health", period: str = "2026") -> Choice:
    """The union's check-up, of the year's two."""
    return Choice(group, period, member)


def a_check_in(
    at: datetime = START,
    *,
    holder: str = HOLDER,
    device: str = "tablet-1",
    operation: str | None = None,
    request: bytes = b"r" * 32,
    draft: Draft | None = None,
    **changes,
) -> CheckIn:
    """A plain check-in: no limit, no visit, no proof."""
    change = CheckIn(
        operation=Operation(holder, device, operation or fresh_id(), request),
        at=at,
        keep_until=at + KEPT,
        draft=draft or a_draft(device=device),
        order=ORDER,
    )
    return replace(change, **changes)


def a_gym_visit(at: datetime = START, **changes) -> CheckIn:
    """A check-in at the gym: a unit of two a month, two hours, entered again once."""
    return a_check_in(at, **{"charges": (a_charge(),), "visit": GYM_VISIT, **changes})


def a_void(target: str, at: datetime = START, **changes) -> Void:
    """A void of the entry `target`, by the point's own staff."""
    void = Void(
        device="tablet-1",
        id=fresh_id(),
        request=b"v" * 32,
        at=at,
        keep_until=at + KEPT,
        target=target,
        draft=a_draft(card=None, tier=None, form=None, assurance=None),
        reason="scanned-by-mistake",
    )
    return replace(void, **changes)


def a_check_out(target: str, at: datetime = START, **changes) -> CheckOut:
    """A departure, now, from the visit of the entry `target`."""
    check_out = CheckOut(
        device="tablet-1",
        id=fresh_id(),
        request=b"o" * 32,
        at=at,
        keep_until=at + KEPT,
        target=target,
        draft=a_draft(card=None, tier=None, form=None, assurance=None),
        out_at=at,
    )
    return replace(check_out, **changes)
