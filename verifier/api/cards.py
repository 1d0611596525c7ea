"""A phone registers its card. Afterwards the short code (a proof alone) is enough at a counter."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from accounts.http import Authenticator
from cards.claims import CardClaims
from cards.parts import Presentation
from cards.verify import RefusedCard, verify_presentation
from edge.http import answer, read_body, request_instant
from edge.instants import rfc3339
from edge.limits import FairLimit
from edge.openapi import describe
from edge.problems import Problem, ProblemKind, register_problem
from verifier.api.asking import Asking
from verifier.counter.answers import Presented
from verifier.counter.checking_in import ledger_problems
from verifier.service import Verifier

register_problem(
    ProblemKind(
        "card-refused",
        422,
        "这张卡未被接受",
        "This card is not accepted",
        "See `reason`. Refresh the card, then try again.",
    )
)


class CardRegistration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card with a fresh proof (`card~proof`). Only the phone that holds the key can register it."""

    presentation: Presented


class CardRegistered(msgspec.Struct, frozen=True):
    """This verifier knows the card until the card expires."""

    known_until: str
    server_time: str


def add_cards(
    found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: FairLimit
) -> None:
    """Add POST /v1/cards. The proof stays unclaimed: a registration does not use it."""

    @found.post("/v1/cards")
    @describe(
        summary="A phone registers its card",
        tag="wallet",
        body=CardRegistration,
        answers={200: CardRegistered},
        problems={"malformed", "card-refused", "too-many-requests", "not-trusted"},
        auth="none",
    )
    def register_card() -> Response:
        with limit.judging(authenticate.source(request)):
            token, card = _verified(verifier, asking.presentation(read_body(CardRegistration).presentation))
        limit.admit(card.card_id)
        return answer(_registered(verifier, token, card))


def _verified(verifier: Verifier, presentation: Presentation) -> tuple[str, CardClaims]:
    at = request_instant()
    if presentation.card is None or presentation.proof is None:
        raise Problem("malformed", "send the card and a fresh proof, joined by ~")
    trust = verifier.published(at).trust
    verdict = verify_presentation(presentation, trust, at, id_checked=False)
    verifier.misfits.tell(verdict, at)
    if isinstance(verdict, RefusedCard):
        raise Problem("card-refused", extra={"reason": verdict.reason, "server_time": rfc3339(at)})
    return presentation.card, verdict.card


def _registered(verifier: Verifier, token: str, card: CardClaims) -> CardRegistered:
    at = request_instant()
    verifier.known.register(token, card)
    with ledger_problems():
        verifier.upkeep.release(card, at)
    return CardRegistered(rfc3339(card.expires_at), rfc3339(at))
