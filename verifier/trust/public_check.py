"""Whether a pasted presentation is valid, by the published documents alone: no ledger, no account, no network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cards.claims import Form
from cards.presentation import read
from cards.verify import RefusedCard, verify_presentation
from verifier.trust.published import PublishedFolder


@dataclass(frozen=True, slots=True)
class PublicVerdict:
    """Valid or not, the reason, the tier, and the end. No name, no quota.

    `valid_until` is the card's own end. It is None for a phone's card, whose token is renewed long before the end.
    """

    valid: bool
    reason: str | None
    tier: str | None
    valid_until: datetime | None
    proved: bool


def check(text: str, published: PublishedFolder, at: datetime) -> PublicVerdict:
    """Check a presentation for anyone.

    A phone's card without its proof is a copy: valid as a card, but not proved. Raises PresentationError for a text
    that is no presentation, and for a proof alone, whose card only its verifier knows. Raises Untrusted without valid
    documents.
    """
    presentation = read(text, published.dictionaries)
    if presentation.card is None:
        return PublicVerdict(valid=False, reason="card-unknown", tier=None, valid_until=None, proved=False)
    verdict = verify_presentation(presentation, published.current(at).trust, at, id_checked=False, provisional=True)
    refused = isinstance(verdict, RefusedCard) and verdict.reason != "proof-missing"
    card = verdict.card
    if refused or card is None:
        reason = verdict.reason if isinstance(verdict, RefusedCard) else None
        return PublicVerdict(valid=False, reason=reason, tier=None, valid_until=None, proved=False)
    proved = not isinstance(verdict, RefusedCard) and verdict.proof is not None
    until = None if card.form is Form.PHONE else card.expires_at
    return PublicVerdict(valid=True, reason=None, tier=card.tier, valid_until=until, proved=proved)
