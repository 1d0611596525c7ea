"""The issuer's calls for a phone: enrol, refresh, block, unblock (docs/design.md §9). They tell strangers as little as
possible.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import quote

import flask
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from flask import request
from sqlalchemy.exc import SQLAlchemyError

from accounts.attempts import TooSoon
from accounts.security import SecurityKind, SecurityLog
from cards.claims import Form
from edge.clock import Clock
from edge.fields import invalid
from edge.http import answer, body_limit, read_body, request_instant
from edge.ids import new_id
from edge.instants import rfc3339
from edge.limits import Limiter, Network, client_key
from edge.openapi import describe
from edge.problems import Problem, ProblemKind, register_problem
from issuer.enrolment.enrolling import (
    NOT_ENTITLED,
    OVER,
    REPLACED,
    TOO_MANY,
    USED,
    Enrolment,
    NoCardGiven,
    enrol,
    is_open_code,
)
from issuer.enrolment.phone import (
    CodedChange,
    NotValid,
    Recovery,
    block,
    claimed_card,
    count_wrong_code,
    first_use_of_proof,
    others_of,
    refresh,
    root_thumbprint,
    took_over,
    unblock,
)
from issuer.issuing.issuing import IssuedCard
from issuer.publishing.publish import LISTS_LIVE, ensure_pool, publish
from issuer.register.codes import normal_code
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from keys.dpop import ClockOff
from keys.errors import BadKey, TokenError
from keys.files import StoreError
from keys.jwk import key_from_jwk, key_thumbprint, public_jwk
from keys.wallet_proof import (
    BAD_WALLET_PROOF,
    PROOF_HEADER,
    PROOF_USED,
    SignedCall,
    WalletProof,
    fault_told,
    verify_wallet_proof,
)

ENROLMENT_REFUSED: Final = register_problem(
    ProblemKind(
        "enrolment-refused",
        403,
        "激活码无效、已使用，或证件后四位不符",
        "The code is not valid, or was used, or does not belong to these last four characters of the ID",
        "Type both again, or ask the office for a new code. A code works once, within seven days.",
    )
)
_NO_CARD: Final = (
    (
        REPLACED,
        "此激活码已被新的激活码取代，请用最近收到的那一个",
        "A newer code replaces this code: use the newest code",
    ),
    (USED, "此激活码已使用过，请致电领取新的激活码", "The code was used already: call for a new code"),
    (OVER, "此激活码已过期，请致电领取新的激活码", "The code has expired: call for a new code"),
    (
        NOT_ENTITLED,
        "您的资格已变更，目前不能激活电子卡，请致电咨询",
        "Your entitlement has changed, so no card can be activated now: call the office",
    ),
    (TOO_MANY, "一年内激活的手机已达上限，请致电咨询", "Too many phones were activated within a year: call the office"),
)
for _reason, _zh, _en in _NO_CARD:
    register_problem(ProblemKind(f"enrolment-{_reason}", 403, _zh, _en, "Call the number under `call`."))
PHONE_COOKIE: Final = "yunju_phone"
"""This mark of its browser identifies a phone again after its key was lost. It grants nothing. The page also reads it,
to say what happened. Cookies that a server sets live longer than data that a page keeps.
"""
_MARK: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_MARK_SECONDS: Final = 400 * 24 * 3600  # As long as browsers keep a cookie
RECOVERY_REFUSED: Final = register_problem(
    ProblemKind(
        "recovery-refused",
        403,
        "卡号与恢复码不符",
        "The card number and the recovery code do not belong together",
        "Type both again, or call the office.",
    )
)
TOO_MANY_TRIES: Final = register_problem(
    ProblemKind(
        "too-many-tries",
        429,
        "尝试次数过多，请稍候再试，或致电咨询",
        "Too many tries with a wrong code",
        "Wait for the seconds that Retry-After gives, or call the number under `call`. A right code is never refused.",
    )
)
CARD_NOT_VALID: Final = register_problem(
    ProblemKind(
        "card-not-valid",
        403,
        "此卡已失效或已停用",
        "The card is not valid any more",
        "Call the office. `reason` says revoked, moved, suspended or not-entitled.",
    )
)
_BODY_MOST: Final = 8192
_ACTOR: Final = "wallet"
_log = logging.getLogger("yunju.issuer")

EnrolmentCodeText = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class EnrolmentBody(msgspec.Struct, forbid_unknown_fields=True):
    """The values that a phone sends once. `jwk` is its new public key, which also signs the call."""

    code: EnrolmentCodeText
    id_last4: Annotated[str, msgspec.Meta(min_length=4, max_length=8)]
    jwk: dict[str, str]


class RefreshBody(msgspec.Struct, forbid_unknown_fields=True):
    """The card token on the phone. The call's proof names it in `ath`."""

    card: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class RecoveryBody(msgspec.Struct, forbid_unknown_fields=True):
    """A card number and the recovery code that was shown at enrolment."""

    number: EnrolmentCodeText
    recovery_code: EnrolmentCodeText


class OtherCard(msgspec.Struct):
    """Another present card of the same holder, such as a printed card."""

    form: str
    tier: str
    state: str
    valid_until: str


class PhoneCard(msgspec.Struct):
    """A card for a phone. Times are RFC 3339. `anew` is false if the token is the old one.

    `root` is the thumbprint of the root key, with which the phone verifies what the log proves. It is null while there
    is no root key here.
    """

    card: str
    number: str
    tier: str
    audience: str
    refresh_from: str
    expires_at: str
    valid_until: str
    anew: bool
    root: str | None
    others: tuple[OtherCard, ...]


class EnrolledPhone(PhoneCard):
    """A phone's card and the recovery code, which is shown only this once. `moved`: the card on an earlier phone has
    ended.
    """

    recovery_code: str
    base_url: str
    moved: bool


class CardStanding(msgspec.Struct):
    """Whether a card is `valid`, `suspended` or ended (`revoked`) now.

    `online_by` and `offline_by`: the latest time at which a counter with a network, and one without, acts on it.
    """

    state: str
    online_by: str
    offline_by: str


class PhoneCalls:
    """The shared part of the views: the office, the limits, and the proof of a call."""

    def __init__(
        self, issuer: Issuer, limiter: Limiter, trusted_proxies: Iterable[Network], security: SecurityLog | None = None
    ) -> None:
        # If a publication after a change fails, the answer must not become an error. So the views publish themselves.
        self.issuer = issuer.quiet()
        self._loud = issuer
        self._proxies, self._security = tuple(trusted_proxies), security
        self.limit = limiter.fair("issuer-wallet", rate=0.2, burst=20)

    @property
    def place(self) -> str:
        """Return where this call comes from, as limits count it."""
        return client_key(request, self._proxies)

    def judging(self) -> AbstractContextManager[None]:
        """Count failures at their place, after they happened (problem too-many-requests beyond the limit)."""
        return self.limit.judging(self.place)

    def wrong_code(self, asked: Recovery, at: datetime) -> Problem:
        """Count and report a wrong code. Return the problem for the answer: after many wrong codes, a longer and longer
        wait.
        """
        card, wait = ("card", normal_code(asked.number)), 0
        try:
            self.limit.failed(self.place)
            count_wrong_code(self.issuer, asked, at)
        except TooSoon as error:
            wait = error.seconds
        except Problem as problem:
            wait = problem.retry_after or 1
        self.tell(SecurityKind.RECOVERY_LOCKED if wait else SecurityKind.RECOVERY_REFUSED, at, card)
        return self.too_many_tries(wait) if wait else Problem(RECOVERY_REFUSED.code)

    @contextmanager
    def telling_enrolments(self, at: datetime) -> Iterator[None]:
        """Report a refused code, or a place that has to wait."""
        try:
            yield
        except Problem as problem:
            if problem.code == ENROLMENT_REFUSED.code:
                self.tell(SecurityKind.ENROLMENT_REFUSED, at)
            elif problem.code == "too-many-requests":
                self.tell(SecurityKind.ENROLMENT_LOCKED, at)
            raise

    def tell(self, kind: SecurityKind, at: datetime, who: tuple[str, str] | None = None) -> None:
        """Write a failure at this place into the security log."""
        if self._security is not None:
            self._security.tell(kind, at=at, who=who, place=self.place)

    def too_many_tries(self, wait: int) -> Problem:
        """Return the problem for too many wrong codes from a place, with the number to call."""
        return Problem(TOO_MANY_TRIES.code, retry_after=wait, extra=self.whom())

    def whom(self) -> Mapping[str, object]:
        """Return the number to call, in the form of problems."""
        phone = self.issuer.programme.general_contact
        return {"call": {"department": {"zh": phone.label.zh, "en": phone.label.en}, "phone": phone.number}}

    @property
    def phone_mark(self) -> str:
        """Return the mark in the phone's browser, or a new mark, which stays the same for this whole call."""
        if "phone_mark" not in flask.g:
            kept = request.cookies.get(PHONE_COOKIE, "")
            flask.g.phone_mark = kept if _MARK.fullmatch(kept) else new_id()
        return str(flask.g.phone_mark)

    def marked(self, response: flask.Response) -> flask.Response:
        """Set the phone's mark in its browser."""
        secure = self.issuer.base_url.startswith("https:")
        response.set_cookie(PHONE_COOKIE, self.phone_mark, max_age=_MARK_SECONDS, secure=secure, samesite="Strict")
        return response

    def proof(self, key: ec.EllipticCurvePublicKey, card: str | None, at: datetime) -> WalletProof:
        """Return the call's proof, verified with a key. Problems bad-wallet-proof (the detail says why), clock-off."""
        call = SignedCall(request.method, self.issuer.base_url + quote(request.path), request.get_data(), card)
        shown = request.headers.get(PROOF_HEADER, "")
        try:
            return verify_wallet_proof(shown, key, call, at)
        except TokenError as error:
            raise Problem(BAD_WALLET_PROOF, fault_told(error, shown)) from None
        except ClockOff as error:
            raise Problem("clock-off", f"iat lies {error}.", extra={"server_time": rfc3339(at)}) from None

    def use_up(self, key: ec.EllipticCurvePublicKey, proof: WalletProof, at: datetime) -> None:
        """Use up a proof, once for all processes. Problem bad-wallet-proof the second time."""
        if not first_use_of_proof(self.issuer, key_thumbprint(key), proof.proof_id, proof.forget_at, at):
            raise Problem(BAD_WALLET_PROOF, PROOF_USED)

    def publish(self, at: datetime) -> None:
        """Publish the changes. If this fails, the change stands, the failure is logged, and the next publication
        repairs it.
        """
        if not self._loud.publishes:
            return
        try:
            publish(self.issuer, at)
        except (OSError, RefusedError, SQLAlchemyError, StoreError) as error:
            _log.error("publication failed", extra={"safe_fields": {"error": type(error).__name__}})

    def ensure_pool(self, at: datetime) -> None:
        """Ensure that a status index is ready for a card. Problem unavailable if none can be published."""
        try:
            ensure_pool(self._loud, at)
        except (OSError, RefusedError, StoreError):
            raise Problem("unavailable") from None

    def phone_card(self, card: IssuedCard, *, anew: bool) -> Mapping[str, object]:
        """Return the fields of the card on a phone."""
        programme = self.issuer.programme
        return {
            "card": card.token,
            "number": card.number,
            "tier": card.tier,
            "audience": programme.audience,
            "refresh_from": rfc3339(card.issued_at + programme.validity.phone_refresh_after),
            "expires_at": rfc3339(card.expires_at),
            "valid_until": rfc3339(card.valid_until),
            "anew": anew,
            "root": root_thumbprint(self.issuer),
            "others": [_other(one) for one in others_of(self.issuer, card)],
        }


def _other(card: IssuedCard) -> OtherCard:
    return OtherCard(card.form.value, card.tier, card.state.value, rfc3339(card.valid_until))


def blueprint(
    issuer: Issuer,
    clock: Clock,
    limiter: Limiter | None = None,
    *,
    security: SecurityLog | None = None,
    trusted_proxies: Iterable[Network] = (),
) -> flask.Blueprint:
    """Return the wallet's calls that the issuer serves.

    `limiter`: the limits that all workers count together. `security`: the log of wrong codes.
    """
    calls = PhoneCalls(issuer, limiter or Limiter(clock), trusted_proxies, security)
    made = flask.Blueprint("issuer_wallet", __name__, url_prefix="/v1/wallet")
    for route in _ROUTES:
        made.add_url_rule(f"/{route.path}", route.path, _view(route, calls), methods=["POST"])
    return made


@dataclass(frozen=True, slots=True)
class _Route:
    """One call of the wallet: its description, and the function that answers it."""

    path: str
    summary: str
    body: type
    status: int
    says: type
    problems: tuple[str, ...]
    auth: Literal["wallet", "none"]
    act: Callable[[PhoneCalls], object]


def _view(route: _Route, calls: PhoneCalls) -> Callable[[], flask.Response]:
    @body_limit(_BODY_MOST)
    @describe(
        summary=route.summary,
        tag="wallet",
        body=route.body,
        answers={route.status: route.says},
        problems=[*route.problems, "too-many-requests"],
        auth=route.auth,
    )
    def view() -> flask.Response:
        made = answer(route.act(calls), route.status)
        return calls.marked(made) if route.auth == "wallet" else made

    return view


def _enrol(calls: PhoneCalls) -> object:
    at = request_instant()
    body = read_body(EnrolmentBody)
    try:
        key = key_from_jwk(body.jwk)
    except BadKey as error:
        raise invalid("$.jwk", str(error)) from None
    with calls.telling_enrolments(at), calls.judging():
        proof = calls.proof(key, None, at)
        if not is_open_code(calls.issuer, body.code):
            raise Problem(ENROLMENT_REFUSED.code)
        calls.use_up(key, proof, at)
        calls.ensure_pool(at)
        asked = Enrolment(body.code, body.id_last4, public_jwk(key), calls.phone_mark)
        try:
            enrolled = enrol(calls.issuer, asked, by=_ACTOR, at=at)
        except NoCardGiven as error:
            raise Problem(f"enrolment-{error.reason}", extra=calls.whom()) from None
        if enrolled is None:
            raise Problem(ENROLMENT_REFUSED.code)
    calls.publish(at)
    extra = {
        "recovery_code": enrolled.recovery_code,
        "base_url": calls.issuer.base_url,
        "moved": took_over(calls.issuer, enrolled.card),
    }
    return {**calls.phone_card(enrolled.card, anew=True), **extra}


def _refresh(calls: PhoneCalls) -> object:
    at = request_instant()
    body = read_body(RefreshBody)
    with calls.judging():
        card = claimed_card(calls.issuer, body.card)
        if card is None or card.key is None or card.form is not Form.PHONE:
            raise Problem("bad-token")
        key = key_from_jwk(card.key)
        proof = calls.proof(key, body.card, at)
    calls.limit.admit(card.id)
    calls.use_up(key, proof, at)
    try:
        refreshed = refresh(calls.issuer, card.id, by=_ACTOR, at=at)
    except NotValid as error:
        raise Problem(CARD_NOT_VALID.code, extra={"reason": error.reason}) from None
    return calls.phone_card(refreshed.card, anew=refreshed.anew)


def _recover(change: CodedChange) -> Callable[[PhoneCalls], object]:
    def act(calls: PhoneCalls) -> object:
        at = request_instant()
        body = read_body(RecoveryBody)
        asked = Recovery(body.number, body.recovery_code, calls.place)
        card = change(calls.issuer, asked, by=_ACTOR, at=at)
        if card is None:
            raise calls.wrong_code(asked, at)
        calls.publish(at)
        return CardStanding(
            state=card.state.value if card.state.live else "revoked",
            online_by=rfc3339(at + calls.issuer.status_ttl),
            offline_by=rfc3339(at + LISTS_LIVE),
        )

    return act


_RECOVERING: Final = (200, CardStanding, ("recovery-refused", "too-many-tries"), "none")
_ROUTES: Final = (
    _Route(
        "enrolments",
        "Make a phone a card: code, ID's last four, new key",
        EnrolmentBody,
        201,
        EnrolledPhone,
        (
            "enrolment-refused",
            *(f"enrolment-{one}" for one, _, _ in _NO_CARD),
            "bad-token",
            BAD_WALLET_PROOF,
            "clock-off",
            "unavailable",
        ),
        "wallet",
        _enrol,
    ),
    _Route(
        "refresh",
        "Sign the phone's card anew, from the programme's day on",
        RefreshBody,
        200,
        PhoneCard,
        ("card-not-valid", "bad-token", BAD_WALLET_PROOF, "clock-off"),
        "wallet",
        _refresh,
    ),
    _Route("block", "Suspend a lost phone's card", RecoveryBody, *_RECOVERING, _recover(block)),
    _Route("unblock", "Take the holder's own block back", RecoveryBody, *_RECOVERING, _recover(unblock)),
)
