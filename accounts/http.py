"""Calls that exchange a secret (a code, a password, a PIN) for a token, and end the token."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Final, cast

from flask import Blueprint, Response, g, request
from msgspec import Meta, Struct

from accounts.attempts import TooSoon
from accounts.authenticator import COOKIE, OPERATOR_HEADER, Authenticator
from accounts.devices import CodeRefused, Device
from accounts.factors import FactorRefused
from accounts.operators import OpenedSession
from accounts.people import Person, WrongCredentials, saved_grants
from accounts.problems import CODE_REFUSED, FACTOR_NEEDED, OPERATOR_NEEDED, OPERATOR_SIGNED_OUT, WRONG_CREDENTIALS
from accounts.rights import Caller, Operator, Right
from accounts.security import SecurityKind
from accounts.sessions import SESSION_LIVES, OpenedPersonSession
from edge.fields import invalid
from edge.http import Frame, answer, read_body
from edge.instants import rfc3339
from edge.openapi import describe
from edge.problems import Problem
from keys.dpop import ProofKey
from keys.errors import BadKey
from keys.jwk import thumbprint

__all__ = ["COOKIE", "OPERATOR_HEADER", "Authenticator", "blueprint"]

_Short = Annotated[str, Meta(min_length=1, max_length=100)]
_Secret = Annotated[str, Meta(min_length=1, max_length=256)]
_Coordinate = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]

# A second limit behind the back-off of accounts/attempts.py, because argon2 and signatures cost processor time. Places
# are counted after each failure; operators are counted by the device, which proved its key.
_RATE: Final = 0.5
_BURST: Final = 30


class PublicKey(Struct, forbid_unknown_fields=True):
    """A P-256 public key as JWK (RFC 7518 §6.2). No other member of an exported key is sent."""

    kty: str
    crv: str
    x: _Coordinate
    y: _Coordinate


class DeviceEnrolment(Struct, forbid_unknown_fields=True):
    """A device's one-time code and its own public key. `label` replaces the label of the code."""

    code: _Short
    jwk: PublicKey
    label: _Short | None = None


class EnrolledDevice(Struct, omit_defaults=True):
    """What a device keeps. `root` is the thumbprint of the root key with which trust bundles are checked.

    `needs_operator`: while nobody is signed in, the device may only look at cards. `services`: the only services that
    it serves; empty for all services of its point.
    """

    device: str
    access_token: str
    token_type: str
    point: str
    label: str
    rights: list[str]
    server_time: str
    root: str | None = None
    needs_operator: bool = False
    services: tuple[str, ...] = ()


class KnownDevice(Struct, omit_defaults=True):
    """The present data of a device. They are as at its enrolment, unless an operator of the system changed them."""

    device: str
    point: str
    label: str
    rights: list[str]
    server_time: str
    needs_operator: bool = False
    services: tuple[str, ...] = ()


class OperatorSignIn(Struct, forbid_unknown_fields=True):
    """An operator's code, and the PIN if the operator has one."""

    operator: _Short
    pin: _Secret | None = None


class OperatorSignedIn(Struct):
    """`session` goes into the header Yunju-Operator. `rights` are those in force at this device's point."""

    session: str
    operator: str
    name: str
    rights: list[str]
    expires_at: str


class SignIn(Struct, forbid_unknown_fields=True):
    """A person's name and password, and the `code` of the second step if the person has one.

    `cookie` asks for a cookie (for pages) instead of a token (for programs).
    """

    name: _Short
    password: _Secret
    code: _Short | None = None
    cookie: bool = False


class SignedIn(Struct, omit_defaults=True):
    """A session. `token` is a bearer token; it is absent if a cookie was requested."""

    roles: list[str]
    expires_at: str
    token: str | None = None


def blueprint(authenticator: Authenticator, *, root: str | None = None) -> Blueprint:
    """Return the calls of this room. `root`: the thumbprint of the root key, which devices get at their enrolment."""
    found = Blueprint("accounts", __name__)
    _add_enrolment(found, authenticator, root)
    _add_self(found, authenticator)
    _add_operator_sessions(found, authenticator)
    _add_sessions(found, authenticator)
    found.record_once(lambda state: cast("Frame", state.app).on_refusal.append(partial(_note_refusal, authenticator)))
    return found


def _note_refusal(authenticator: Authenticator, status: int) -> None:
    """Write refused rights and refused tokens of any call into the security log: by caller, place and route.

    A device at which nobody is signed in yet has its rights: it is told to sign somebody in, and nobody tried anything.
    """
    if request.url_rule is None or g.get("problem") == OPERATOR_NEEDED.code:
        return
    caller = g.get("caller")
    if status == 403 and isinstance(caller, Caller):
        kind, who = SecurityKind.RIGHT_REFUSED, (caller.kind, caller.label if caller.kind == "person" else caller.id)
    elif status == 401 and caller is None and "Authorization" in request.headers:
        kind, who = SecurityKind.TOKEN_REFUSED, None
    else:  # Reported elsewhere (a wrong password, PIN or code), or nobody tried anything (a browser's first visit)
        return
    authenticator.store.security.tell(
        kind,
        at=authenticator.clock.now(),
        who=who,
        place=authenticator.source(request),
        detail={"route": request.url_rule.rule, "method": request.method},
    )


def _add_enrolment(found: Blueprint, authenticator: Authenticator, root: str | None) -> None:
    limit = authenticator.limiter.fair("device-codes", _RATE, _BURST)

    @found.post("/v1/devices/enrolments")
    @describe(
        summary="Enrol a device with its one-time code and its own key",
        tag="devices",
        body=DeviceEnrolment,
        answers={201: EnrolledDevice},
        problems={"bad-dpop-proof", "clock-off", CODE_REFUSED.code, "too-many-requests"},
        auth="none",
        proves=True,
    )
    def enrol_device() -> Response:
        with limit.judging(authenticator.source(request)):
            device, token = _enrol(authenticator, read_body(DeviceEnrolment))
        at = rfc3339(authenticator.clock.now())
        rights = sorted(device.rights)
        made = EnrolledDevice(device.id, token, "DPoP", device.point, device.label, [*rights], at, root)
        made.needs_operator, made.services = device.needs_operator, device.services
        return answer(made, 201)


def _add_self(found: Blueprint, authenticator: Authenticator) -> None:
    @found.get("/v1/devices/self")
    @describe(
        summary="What this device is now: its point, its rights",
        tag="devices",
        answers={200: KnownDevice},
        auth="device",
    )
    def known_device() -> Response:
        one, at = authenticator.device(request), rfc3339(authenticator.clock.now())
        made = KnownDevice(one.id, one.point, one.label, sorted(one.rights), at, one.needs_operator, one.services)
        return answer(made)


def _enrol(authenticator: Authenticator, asked: DeviceEnrolment) -> tuple[Device, str]:
    jwk = {"kty": asked.jwk.kty, "crv": asked.jwk.crv, "x": asked.jwk.x, "y": asked.jwk.y}
    try:
        key = ProofKey.of(jwk)
    except BadKey as error:
        raise invalid("$.jwk", str(error)) from None
    # The proof comes first, so that a caller without the key cannot use up a code.
    authenticator.prove(request, key, None, seen_as=thumbprint(jwk))
    store, at = authenticator.store, authenticator.clock.now()
    # The code comes first too: it has 60 bits, and other people's guesses from the same address do not block the right
    # code.
    try:
        return store.devices.enrol(asked.code, jwk, at=at, label=asked.label)
    except CodeRefused:
        raise _wrong_code(authenticator, at) from None


def _wrong_code(authenticator: Authenticator, at: datetime) -> Problem:
    """Count a wrong code at its place. Return the problem for the answer, with a longer wait after many wrong codes."""
    store, place = authenticator.store, authenticator.source(request)
    try:
        store.count_wrong_code(place, at)
    except TooSoon as error:
        return Problem("too-many-requests", retry_after=error.seconds)
    store.security.note(SecurityKind.DEVICE_CODE_REFUSED, at=at, place=place)
    return Problem(CODE_REFUSED.code)


def _add_operator_sessions(found: Blueprint, authenticator: Authenticator) -> None:
    limit = authenticator.limiter.limit("operators", _RATE, _BURST)

    @found.post("/v1/operators/sessions")
    @describe(
        summary="Sign an operator in at this device, for twelve hours",
        tag="operators",
        body=OperatorSignIn,
        answers={201: OperatorSignedIn},
        problems={WRONG_CREDENTIALS.code, "too-many-requests"},
        auth="device",
    )
    def sign_operator_in() -> Response:
        device = authenticator.device(request)
        asked = read_body(OperatorSignIn)
        limit.require(device.id)
        try:
            opened = authenticator.store.operators.sign_in(
                device, asked.operator, asked.pin, at=authenticator.clock.now()
            )
        except TooSoon as error:
            raise Problem("too-many-requests", retry_after=error.seconds) from None
        except WrongCredentials:
            raise Problem(WRONG_CREDENTIALS.code) from None
        return answer(_operator_signed_in(opened, device), 201)

    @found.delete("/v1/operators/sessions")
    @describe(
        summary="Sign the operator out",
        tag="operators",
        answers={204: "The session named in Yunju-Operator has ended."},
        problems={OPERATOR_SIGNED_OUT.code},
        auth="device",
    )
    def sign_operator_out() -> Response:
        device = authenticator.device(request)
        token = request.headers.get(OPERATOR_HEADER)
        if token is None:
            raise Problem(OPERATOR_SIGNED_OUT.code)
        authenticator.store.operators.sign_out(token, device, at=authenticator.clock.now())
        return Response(status=204)


def _operator_signed_in(opened: OpenedSession, device: Device) -> OperatorSignedIn:
    record = opened.session.operator
    operator = Operator(record.id, record.name, record.effective)
    caller = Caller("device", device.id, device.scope, device.point, operator)
    rights = [right.value for right in Right if caller.may_some(right, device.point)]
    return OperatorSignedIn(opened.token, record.id, record.name, rights, rfc3339(opened.session.expires_at))


def _add_sessions(found: Blueprint, authenticator: Authenticator) -> None:
    @found.post("/v1/sessions")
    @describe(
        summary="Sign a person in",
        tag="people",
        body=SignIn,
        answers={201: SignedIn},
        problems={WRONG_CREDENTIALS.code, FACTOR_NEEDED.code, "too-many-requests"},
        auth="none",
    )
    def sign_in() -> Response:
        asked, at = read_body(SignIn), authenticator.clock.now()
        try:
            person = authenticator.check_password(request, asked.name, asked.password, at)
            factor = _second_step(authenticator, person, asked.code, at)
        except TooSoon as error:
            raise Problem("too-many-requests", retry_after=error.seconds) from None
        except (WrongCredentials, FactorRefused):
            raise Problem(WRONG_CREDENTIALS.code) from None
        arrival = authenticator.arrival(request)
        opened = authenticator.store.sessions.open(person, arrival, factor=factor, at=at)
        return _signed_in(opened, authenticator, cookie=asked.cookie)

    @found.delete("/v1/sessions")
    @describe(
        summary="Sign out",
        tag="people",
        answers={204: "The session has ended and its cookie is gone."},
        auth="person",
    )
    def sign_out() -> Response:
        if authenticator(request).kind != "person":
            raise Problem("not-permitted")
        bearer = request.headers.get("Authorization", "").partition(" ")[2].strip()
        authenticator.store.sessions.sign_out(
            bearer or request.cookies[authenticator.cookie], at=authenticator.clock.now()
        )
        response = Response(status=204)
        authenticator.forget_session(response)
        return response


def _second_step(authenticator: Authenticator, person: Person, code: str | None, at: datetime) -> bool:
    """Check a code with the person's second steps. Return False for a person without a second step."""
    store = authenticator.store
    if not store.has_second_step(person):
        return False
    if code is None:
        raise Problem(FACTOR_NEEDED.code)
    store.take_second_step(person, code, source=authenticator.source(request), at=at)
    return True


def _signed_in(opened: OpenedPersonSession, authenticator: Authenticator, *, cookie: bool) -> Response:
    session = opened.session
    token = None if cookie else opened.token
    response = answer(SignedIn(saved_grants(session.person.grants), rfc3339(session.expires_at), token), 201)
    if cookie:
        authenticator.keep_session(response, opened.token, SESSION_LIVES)
    return response
