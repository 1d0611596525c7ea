"""Offline records that wait for a supervisor, in the form for a page or a call."""

from __future__ import annotations

from cards.claims import CARD, parse
from edge.instants import rfc3339
from keys.errors import TokenError
from keys.tokens import parse_unverified
from verifier.counter.answers import Words
from verifier.counter.phrasing import filled
from verifier.offline.answers import HeldRecord
from verifier.offline.service import Waiting
from verifier.rules.reasons import REASONS


def held_record(waiting: Waiting) -> HeldRecord:
    """Return a waiting record in the form for a supervisor."""
    kept, read = waiting.kept, waiting.read
    tier, name = (None, None) if read is None else _card_says(read.signed.record.presentation.card)
    return HeldRecord(
        id=kept.digest,
        why=kept.why or "",
        device=kept.device,
        seq=kept.seq,
        point=kept.point,
        service=kept.service,
        made_at=rfc3339(kept.made_at),
        received_at=rfc3339(kept.received_at),
        operator=kept.operator or None,
        outcome=None if read is None else "granted" if read.signed.record.granted else "denied",
        tier=tier or None,
        name=name or None,
        entry=kept.entry or None,
        message=_said(kept.why),
    )


def _said(why: str | None) -> Words | None:
    """Return what a supervisor should find out. Values that a counter would fill in are left out."""
    reason = REASONS.get(why or "")
    return None if reason is None else filled(reason.hint, {})


def _card_says(card: str | None) -> tuple[str | None, str | None]:
    """Return the tier and the masked name on a card that waits to be judged, as the supervisor sees them.

    Nobody has verified these values.
    """
    if card is None:
        return None, None
    try:
        claims = parse(parse_unverified(card, CARD).claims)
    except TokenError:
        return None, None
    return claims.tier, claims.name
