"""The signed documents and the calls for anyone: keys, bundle, status lists, a public check, and a phone's own card."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from accounts.http import Authenticator
from cards.claims import CardClaims, Form
from cards.periods import last_day
from cards.programme.types import Assurance
from cards.verify import RefusedCard, verify_presentation
from edge.http import answer, read_body, request_instant
from edge.instants import rfc3339, rfc3339_or_none
from edge.limits import FairLimit
from edge.openapi import describe
from edge.opening import public, revalidated
from edge.packing import packed
from edge.problems import Problem
from verifier.api.asking import Asking
from verifier.counter.answers import Presented, Words
from verifier.counter.phrasing import card_refused_words, tier_words
from verifier.service import Verifier

_JWT = "application/jwt"
_CACHED = {"Cache-Control": "public, max-age=60"}


class PublicCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question from anyone: is this card valid?"""

    presentation: Presented


class PublicAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Valid or not, the tier, and the end. No name, no quota.

    `valid_until` is the card's own end, and `last_day` is its last local day, as on the printed face. For a phone's
    card, they are given only if the issuer can be asked, because the card's token ends long before the card.
    """

    valid: bool
    reason: str | None
    message: Words
    server_time: str
    tier: str | None = None
    tier_name: Words | None = None
    valid_until: str | None = None
    last_day: str | None = None
    proved: bool = False


def add_documents(found: Blueprint, verifier: Verifier) -> None:
    """Add the signed documents, in the exact bytes that were published."""

    @found.get("/.well-known/jwks.json")
    @describe(
        summary="The keys of the trust bundle as JWKS (RFC 7517), of all purposes: hold each token to its `typ` too",
        tag="documents",
        answers={200: "application/json"},
        auth="none",
        problems={"not-found"},
    )
    @public
    def jwks() -> Response:
        return _served(verifier, "jwks.json", "application/json")

    @found.get("/v1/trust-bundle")
    @describe(
        summary="The signed trust bundle", tag="documents", answers={200: _JWT}, auth="none", problems={"not-found"}
    )
    @public
    def trust_bundle() -> Response:
        return _served(verifier, "trust-bundle.jwt", _JWT)

    @found.get("/v1/programme.toml")
    @describe(
        summary="The programme file, byte for byte: the trust bundle pins its SHA-256",
        tag="documents",
        answers={200: "application/toml"},
        auth="none",
        problems={"not-found"},
    )
    @public
    def programme_file() -> Response:
        return packed(_served(verifier, "programme.toml", "application/toml"))

    @found.get("/v1/status-lists/<int:number>")
    @describe(
        summary="A signed status list",
        tag="documents",
        answers={200: "application/statuslist+jwt"},
        auth="none",
        problems={"not-found"},
    )
    @public
    def status_list(number: int) -> Response:
        return _served(verifier, f"status-lists/{number}.jwt", "application/statuslist+jwt")

    _add_bindings(found, verifier)


def _add_bindings(found: Blueprint, verifier: Verifier) -> None:
    @found.get("/v1/binding-lists/<int:number>")
    @describe(
        summary="The signed statement of a binding list: which cards the indexes of a status list belong to",
        tag="documents",
        answers={200: "application/bindinglist+jwt"},
        auth="none",
        problems={"not-found"},
    )
    @public
    def binding_list(number: int) -> Response:
        return _cached(_bindings(verifier, number)[0], "application/bindinglist+jwt")

    @found.get("/v1/binding-lists/<int:number>/content")
    @describe(
        summary="The content that a binding list's statement names by its SHA-256, base64url",
        tag="documents",
        answers={200: "text/plain"},
        auth="none",
        problems={"not-found"},
    )
    @public
    def binding_list_content(number: int) -> Response:
        return _cached(_bindings(verifier, number)[1], "text/plain; charset=us-ascii")


def _bindings(verifier: Verifier, number: int) -> tuple[bytes, bytes]:
    found = verifier.published.text(f"binding-lists/{number}.jwt")
    if found is None:
        raise Problem("not-found")
    token, _, content = found.partition(b"~")
    return token, content


def _served(verifier: Verifier, name: str, kind: str) -> Response:
    content = verifier.published.text(name)
    if content is None:
        raise Problem("not-found")
    return _cached(content, kind)


def _cached(content: bytes, kind: str) -> Response:
    return revalidated(Response(content, 200, _CACHED, content_type=kind))


def add_public_checks(
    found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: FairLimit
) -> None:
    """Add POST /v1/public-checks: anyone may ask, a limited number of times a minute."""

    @found.post("/v1/public-checks")
    @describe(
        summary="Anyone: is this card valid?",
        tag="public",
        body=PublicCheck,
        answers={200: PublicAnswer},
        problems={"malformed", "card-unknown", "too-many-requests", "not-trusted"},
        auth="none",
    )
    def public_check() -> Response:
        place = authenticate.source(request)
        with limit.judging(place):
            said, card = _checked(verifier, asking, read_body(PublicCheck))
        # A valid card is counted by itself, because many people in one office check one card each.
        if card is None:
            limit.failed(place)
        else:
            limit.admit(card.card_id)
        return answer(said)


def _checked(verifier: Verifier, asking: Asking, body: PublicCheck) -> tuple[PublicAnswer, CardClaims | None]:
    """Return the answer, and the card if it is valid."""
    at = request_instant()
    presentation = asking.presentation(body.presentation)
    if presentation.card is None:
        # A proof alone would tell a stranger's phone which cards are known here, so the full form is required.
        raise Problem("card-unknown")
    trust = verifier.published(at).trust
    verdict = verify_presentation(presentation, trust, at, id_checked=False, provisional=True)
    verifier.misfits.tell(verdict, at)
    if isinstance(verdict, RefusedCard) and verdict.reason != "proof-missing":
        words = card_refused_words(verifier.programme, verdict.reason, verdict.card, at)
        return PublicAnswer(valid=False, reason=verdict.reason, message=words, server_time=rfc3339(at)), None
    card = verdict.card
    if card is None:
        raise Problem("malformed")
    until = verifier.entitled_until(card.card_id, at) if card.form is Form.PHONE else card.expires_at
    said = PublicAnswer(
        valid=True,
        reason=None,
        message=Words(zh="卡有效", en="The card is valid"),
        server_time=rfc3339(at),
        tier=card.tier,
        tier_name=tier_words(verifier.programme, card),
        valid_until=rfc3339_or_none(until),
        last_day=None if until is None else last_day(until, verifier.programme.zone).isoformat(),
        proved=not isinstance(verdict, RefusedCard) and verdict.assurance is Assurance.PROVED,
    )
    return said, card
