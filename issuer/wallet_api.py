"""The issuer's calls for a phone: enrol, refresh, block, unblock (DESIGN §9). Says as little as it can to strangers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

import flask
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from flask import request
from sqlalchemy.exc import SQLAlchemyError

from cards.claims import Form
from edge.clock import Clock
from edge.http import answer, body_limit, read_body, request_instant
from edge.instants import rfc3339
from edge.limits import Network, RateLimit, client_key
from edge.openapi import describe
from edge.problems import Problem, ProblemKind, register_problem
from issuer.desk import Desk
from issuer.enrolment import Enrolment, enrol, is_open_code
from issuer.errors import Refused
from issuer.issuing import IssuedCard
from issuer.phone import NotValid, block, claimed_card, first_use, refresh, unblock
from issuer.publish import ensure_pool, publish
from keys.dpop import ClockOff
from keys.errors import BadKey, TokenError
from keys.files import StoreError
from keys.jwk import key_from_jwk, key_thumbprint, public_jwk
from keys.wallet_proof import Call, WalletProof, verify_wallet_proof

ENROLMENT_REFUSED: Final = register_problem(
    ProblemKind(
        "enrolment-refused",
        403,
        "激活码无效、已使用，或证件后四位不符",
        "The code is not valid or was used, or the ID's last four characters do not fit",
        "Type both again, or ask the office for a new code: a code works once, within seven days.",
    )
)
RECOVERY_REFUSED: Final = register_problem(
    ProblemKind(
        "recovery-refused",
        403,
        "卡号与恢复码不符",
        "The card number and the recovery code do not belong together",
        "Type both again, or call the office.",
    )
)
CARD_NOT_VALID: Final = register_problem(
    ProblemKind(
        "card-not-valid",
        403,
        "此卡已失效或已停用",
        "The card is not valid any more",
        "Call the office; `reason` says revoked, suspended or not-entitled.",
    )
)
PROOF_HEADER: Final = "Wallet-Proof"
_BODY_MOST: Final = 8192
_ACTOR: Final = "wallet"
_log = logging.getLogger("yunju.issuer")

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class EnrolmentBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a phone sends once; `jwk` is its new public key, which also signs the call."""

    code: Code
    id_last4: Annotated[str, msgspec.Meta(min_length=4, max_length=8)]
    jwk: dict[str, str]


class RefreshBody(msgspec.Struct, forbid_unknown_fields=True):
    """The card token that the phone holds; the call's proof names it in `ath`."""

    card: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class RecoveryBody(msgspec.Struct, forbid_unknown_fields=True):
    """A card number and the recovery code that was shown at enrolment."""

    number: Code
    recovery_code: Code


class PhoneCard(msgspec.Struct):
    """A card for a phone. Times are RFC 3339; `anew` is false if the token is the old one."""

    card: str
    number: str
    tier: str
    audience: str
    refresh_from: str
    expires_at: str
    valid_until: str
    anew: bool


class EnrolledPhone(PhoneCard):
    """The same and the recovery code, shown this once."""

    recovery_code: str
    base_url: str


class CardStanding(msgspec.Struct):
    """Whether a card is `valid`, `suspended` or ended (`revoked`) now."""

    state: str


class WalletCalls:
    """What the views share: the office, the limits and the proof of a call."""

    def __init__(self, desk: Desk, clock: Clock, trusted_proxies: Iterable[Network]) -> None:
        # A publication that fails after a change must not turn the answer into an error: the views publish themselves.
        self.desk = desk.quiet()
        self._loud = desk
        self._proxies = tuple(trusted_proxies)
        self._guesses = RateLimit(rate=0.2, burst=20, clock=clock)
        self._refreshes = RateLimit(rate=5, burst=100, clock=clock)

    def limit_guesses(self) -> None:
        """Slow down whoever tries codes from one place (problem too-many-requests)."""
        self._guesses.require(client_key(request, self._proxies))

    def limit_refreshes(self) -> None:
        """Bound refreshes from one place, generously: many phones share an address."""
        self._refreshes.require(client_key(request, self._proxies))

    def proof(self, key: ec.EllipticCurvePublicKey, card: str | None, at: datetime) -> WalletProof:
        """Return the call's proof, verified with a key; problems bad-token and clock-off."""
        call = Call(request.method, self.desk.base_url + quote(request.path), request.get_data(), card)
        try:
            return verify_wallet_proof(request.headers.get(PROOF_HEADER, ""), key, call, at)
        except TokenError:
            raise Problem("bad-token") from None
        except ClockOff:
            raise Problem("clock-off", extra={"server_time": rfc3339(at)}) from None

    def use_up(self, key: ec.EllipticCurvePublicKey, proof: WalletProof, at: datetime) -> None:
        """Take a proof, once for all processes; problem bad-token the second time."""
        if not first_use(self.desk, key_thumbprint(key), proof.proof_id, proof.forget_at, at):
            raise Problem("bad-token", "This proof was used before; sign a new one for each request.")

    def publish(self, at: datetime) -> None:
        """Publish what has changed. The change stands: a failure is logged, and the next publication repairs."""
        if not self._loud.publishes:
            return
        try:
            publish(self.desk, at)
        except (OSError, Refused, SQLAlchemyError, StoreError) as error:
            _log.error("publication failed", extra={"safe_fields": {"error": type(error).__name__}})

    def ensure_pool(self, at: datetime) -> None:
        """See to it that a card can have an index; problem unavailable if none can be published."""
        try:
            ensure_pool(self._loud, at)
        except (OSError, Refused, StoreError):
            raise Problem("unavailable") from None

    def phone_card(self, card: IssuedCard, *, anew: bool) -> Mapping[str, str | bool]:
        """Return the members that say what a phone holds."""
        programme = self.desk.programme
        return {
            "card": card.token,
            "number": card.number,
            "tier": card.tier,
            "audience": programme.audience,
            "refresh_from": rfc3339(card.issued_at + programme.validity.phone_refresh_after),
            "expires_at": rfc3339(card.expires_at),
            "valid_until": rfc3339(card.valid_until),
            "anew": anew,
        }


def blueprint(desk: Desk, clock: Clock, *, trusted_proxies: Iterable[Network] = ()) -> flask.Blueprint:
    """Return the wallet's calls that the issuer serves, under /v1/wallet."""
    calls = WalletCalls(desk, clock, trusted_proxies)
    made = flask.Blueprint("issuer_wallet", __name__, url_prefix="/v1/wallet")

    @made.post("/enrolments")
    @body_limit(_BODY_MOST)
    @describe(
        summary="Make a phone a card: code, ID's last four, new key",
        tag="wallet",
        body=EnrolmentBody,
        answers={201: EnrolledPhone},
        problems=["enrolment-refused", "bad-token", "clock-off", "too-many-requests", "unavailable"],
        auth="wallet",
    )
    def enrolments() -> flask.Response:
        return _enrol(calls)

    @made.post("/refresh")
    @body_limit(_BODY_MOST)
    @describe(
        summary="Sign the phone's card anew, from the programme's day on",
        tag="wallet",
        body=RefreshBody,
        answers={200: PhoneCard},
        problems=["card-not-valid", "bad-token", "clock-off", "too-many-requests"],
        auth="wallet",
    )
    def refreshes() -> flask.Response:
        return _refresh(calls)

    @made.post("/block")
    @body_limit(_BODY_MOST)
    @describe(
        summary="Suspend a lost phone's card",
        tag="wallet",
        body=RecoveryBody,
        answers={200: CardStanding},
        problems=["recovery-refused", "too-many-requests"],
        auth="none",
    )
    def blocks() -> flask.Response:
        return _recover(calls, blocking=True)

    @made.post("/unblock")
    @body_limit(_BODY_MOST)
    @describe(
        summary="Take the holder's own block back",
        tag="wallet",
        body=RecoveryBody,
        answers={200: CardStanding},
        problems=["recovery-refused", "too-many-requests"],
        auth="none",
    )
    def unblocks() -> flask.Response:
        return _recover(calls, blocking=False)

    return made


def _enrol(calls: WalletCalls) -> flask.Response:
    calls.limit_guesses()
    at = request_instant()
    body = read_body(EnrolmentBody)
    try:
        key = key_from_jwk(body.jwk)
    except BadKey as error:
        raise Problem("invalid-field", extra={"fields": [{"path": "$.jwk", "message": str(error)}]}) from None
    proof = calls.proof(key, None, at)
    if not is_open_code(calls.desk, body.code):
        raise Problem(ENROLMENT_REFUSED.code)
    calls.use_up(key, proof, at)
    calls.ensure_pool(at)
    enrolled = enrol(calls.desk, Enrolment(body.code, body.id_last4, public_jwk(key)), by=_ACTOR, at=at)
    if enrolled is None:
        raise Problem(ENROLMENT_REFUSED.code)
    calls.publish(at)
    members = calls.phone_card(enrolled.card, anew=True)
    extra = {"recovery_code": enrolled.recovery_code, "base_url": calls.desk.base_url}
    return answer({**members, **extra}, 201)


def _refresh(calls: WalletCalls) -> flask.Response:
    calls.limit_refreshes()
    at = request_instant()
    body = read_body(RefreshBody)
    card = claimed_card(calls.desk, body.card)
    if card is None or card.key is None or card.form is not Form.PHONE:
        raise Problem("bad-token")
    key = key_from_jwk(card.key)
    calls.use_up(key, calls.proof(key, body.card, at), at)
    try:
        refreshed = refresh(calls.desk, card.id, by=_ACTOR, at=at)
    except NotValid as error:
        raise Problem(CARD_NOT_VALID.code, extra={"reason": error.reason}) from None
    return answer(calls.phone_card(refreshed.card, anew=refreshed.anew))


def _recover(calls: WalletCalls, *, blocking: bool) -> flask.Response:
    calls.limit_guesses()
    at = request_instant()
    body = read_body(RecoveryBody)
    change = block if blocking else unblock
    card = change(calls.desk, body.number, body.recovery_code, by=_ACTOR, at=at)
    if card is None:
        raise Problem(RECOVERY_REFUSED.code)
    calls.publish(at)
    return answer({"state": card.state.value if card.state.live else "revoked"})
