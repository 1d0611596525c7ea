"""Step 6 for a card that cannot prove itself, if a supervisor or a delegation's code answers for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cards.claims import CardClaims
from cards.programme.types import Assurance, Service
from cards.verify import RefusedCard, Verified
from verifier.rules.delegations import ASSURANCE as DELEGATED
from verifier.rules.delegations import Delegation, delegation_refusal
from verifier.trust.published import Documents

LIFTED = frozenset({"proof-missing", "stale-proof", "clock-ahead", "assurance-too-low"})
"""Reasons of step 6 that a supervisor's override lifts: how a card was shown, never whether it is valid."""


@dataclass(frozen=True, slots=True)
class CodeShown:
    """The code of a delegation named the card. `is_refused`: step 7 will refuse it, whatever staff compare."""

    is_refused: bool


def code_shown(delegation: Delegation, service: Service, at: datetime) -> CodeShown:
    """Return what step 6 must know about a delegation's code."""
    return CodeShown(bool(delegation_refusal(delegation, service.code, at)))


def lifted(
    verdict: Verified | RefusedCard, documents: Documents, at: datetime, *, id_checked: bool
) -> Verified | RefusedCard:
    """Step 6 under a supervisor's override: accept a valid card, however it was shown. The reasons of steps 2 to 5
    stay.

    The supervisor must have compared the person's ID with the card.
    """
    if isinstance(verdict, Verified) or verdict.card is None or verdict.reason not in LIFTED:
        return verdict
    card = verdict.card
    if not id_checked:
        return RefusedCard("id-check-needed", card, verdict.token_digest)
    return _holds(verdict, card, documents, at, Assurance.COPYABLE.word, needs_id_check=False)


def delegated(
    verdict: Verified | RefusedCard,
    code: CodeShown,
    documents: Documents,
    at: datetime,
    *,
    vouched: bool,
    provisional: bool,
) -> Verified | RefusedCard:
    """Step 6 for a delegation's code: its card is valid, and staff compared the ID of the clerk who is here.

    `vouched`: staff say that they compared the ID. A look (`provisional`) goes on without this. The reasons of steps 2
    to 5 stay.
    """
    card = verdict.card
    lifts = isinstance(verdict, Verified) or verdict.reason in LIFTED | {"id-check-needed"}
    if card is None or not lifts:
        return verdict
    missing = not vouched and (provisional or not code.is_refused)
    if missing and not provisional:
        return RefusedCard("id-check-needed", card, verdict.token_digest)
    return _holds(verdict, card, documents, at, DELEGATED, needs_id_check=missing)


def _holds(
    verdict: Verified | RefusedCard,
    card: CardClaims,
    documents: Documents,
    at: datetime,
    word: str,
    *,
    needs_id_check: bool,
) -> Verified:
    answer = documents.trust.status.status(card.status_uri, card.status_index, at)
    return Verified(card, verdict.token_digest, Assurance.COPYABLE, None, answer.freshness, needs_id_check, word)
