"""Delegation codes over HTTP: the holder's own phone makes, lists and revokes them (each call is signed, docs/design.md
§9).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import Meta

from accounts.http import Authenticator
from cards.claims import CardClaims
from cards.verify import RefusedCard
from edge.fields import invalid
from edge.http import answer, idempotency_key, read_body, request_instant
from edge.instants import rfc3339, rfc3339_or_none
from edge.limits import FairLimit
from edge.openapi import describe
from edge.problems import Problem
from verifier.api.asking import Asking
from verifier.api.wallet import PROVING, WalletCalls
from verifier.counter.answers import Code, Words
from verifier.counter.phrasing import card_refused_words
from verifier.rules.delegations import Delegation, check_delegable, spaced_code
from verifier.service import Verifier
from verifier.services.bookings.answers import WalletCard

EMPLOYER_LEAST = 2
Employer = Annotated[
    str,
    Meta(min_length=EMPLOYER_LEAST, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$", description="The employer's name."),
]


class WalletDelegation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service that an employer's clerk may use, and the employer. The call's proof names this card."""

    card: Annotated[str, Meta(min_length=1, max_length=8192)]
    service: Code
    employer: Employer


class DelegationView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delegation as its holder sees it. `state`: in-force, over or revoked."""

    id: str
    service: str
    service_name: Words
    employer: str
    made_at: str
    ends_at: str
    state: str
    uses: int
    used_at: str | None = None


class DelegationMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new delegation and its code. `code` has digits only and is also the text of the QR code; `spaced` is for
    reading aloud.
    """

    delegation: DelegationView
    code: str
    spaced: str
    server_time: str


class OwnDelegations(msgspec.Struct, frozen=True):
    """A holder's delegations, newest first. A code is shown only once, when it is made."""

    delegations: tuple[DelegationView, ...]
    server_time: str


def add_delegations(
    found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: FairLimit
) -> None:
    """Add POST /v1/wallet/delegations, /list and /<id>/revoke."""
    calls = DelegationCalls(verifier, asking, authenticate, limit)

    @found.post("/v1/wallet/delegations")
    @describe(
        summary="Make a code with which an employer's clerk uses one service for some days",
        tag="wallet",
        body=WalletDelegation,
        answers={201: DelegationMade},
        problems=PROVING
        | {
            "too-many-delegations",
            "card-does-not-hold",
            "not-delegable",
            "operation-conflict",
            "unavailable",
            "not-trusted",
        },
        auth="wallet",
        writes=True,
    )
    def make_delegation() -> Response:
        return calls.make(read_body(WalletDelegation), request_instant())

    @found.post("/v1/wallet/delegations/list")
    @describe(
        summary="One's own delegations: in force, over and taken back",
        tag="wallet",
        body=WalletCard,
        answers={200: OwnDelegations},
        problems=PROVING | {"unavailable", "not-trusted"},
        auth="wallet",
    )
    def list_delegations() -> Response:
        return calls.listed(read_body(WalletCard), request_instant())

    @found.post("/v1/wallet/delegations/<delegation>/revoke")
    @describe(
        summary="Take a delegation back: its code serves no more",
        tag="wallet",
        body=WalletCard,
        answers={200: DelegationView},
        problems=PROVING | {"not-found", "unavailable", "not-trusted"},
        auth="wallet",
        writes=True,
    )
    def revoke_delegation(delegation: str) -> Response:
        return calls.revoke(delegation, read_body(WalletCard), request_instant())


class DelegationCalls(WalletCalls):
    """Answers the phone's calls about delegations."""

    def make(self, body: WalletDelegation, at: datetime) -> Response:
        """Make a delegation. A card that is not valid cannot make one."""
        _, verdict, card = self._proved(body.card, at)
        programme = self._verifier.programme
        if isinstance(verdict, RefusedCard):
            words = card_refused_words(programme, verdict.reason, card, at)
            raise Problem(
                "card-does-not-hold", extra={"reason": verdict.reason, "sentence": msgspec.to_builtins(words)}
            )
        service = self._asking.service(body.service)
        ends_at = at + check_delegable(programme, service, card)
        wanted = Delegation("", card.subject, body.card, service.code, _employer(body.employer), at, ends_at)
        made, code = self._verifier.store.delegations.make(idempotency_key(), wanted)
        self._know(body.card, card)
        said = DelegationMade(
            delegation=self._view(made, at), code=code, spaced=spaced_code(code), server_time=rfc3339(at)
        )
        return answer(said, 201)

    def _know(self, token: str, card: CardClaims) -> None:
        """Remember the card, so that a later card of the same holder is found by it."""
        self._verifier.known.register(token, card)

    def listed(self, body: WalletCard, at: datetime) -> Response:
        """List the holder's own delegations."""
        _, _, card = self._proved(body.card, at)
        views = tuple(self._view(one, at) for one in self._verifier.store.delegations.of(card.subject))
        return answer(OwnDelegations(views, rfc3339(at)))

    def revoke(self, delegation: str, body: WalletCard, at: datetime) -> Response:
        """Revoke a delegation of the holder. A second call changes nothing."""
        idempotency_key()
        _, _, card = self._proved(body.card, at)
        revoked = self._verifier.store.delegations.revoke(delegation, card.subject, at)
        return answer(self._view(revoked, at))

    def _view(self, one: Delegation, at: datetime) -> DelegationView:
        service = self._verifier.programme.services.get(one.service)
        state = "revoked" if one.revoked_at is not None else "in-force" if one.in_force(at) else "over"
        return DelegationView(
            id=one.id,
            service=one.service,
            service_name=Words(one.service, one.service) if service is None else Words.of(service.name),
            employer=one.employer,
            made_at=rfc3339(one.made_at),
            ends_at=rfc3339(one.ends_at),
            state=state,
            uses=one.uses,
            used_at=rfc3339_or_none(one.used_at),
        )


def _employer(text: str) -> str:
    """Return an employer's name in a form that staff can read. Problem invalid-field for a name that is invisible or
    misleading.

    Characters that reverse the line, or that have no width, could make a name look like another name.
    """
    name = " ".join(text.split())
    if len(name) < EMPLOYER_LEAST or not name.isprintable():
        message = "a name of at least two letters, without invisible ones, is expected"
        raise invalid("$.employer", message)
    return name
