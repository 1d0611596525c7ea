"""Who calls: an organisation's server with its token, or a device with its token and a proof of its key (RFC 9449)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from yunju_client.errors import MisuseError
from yunju_client.shapes import PublicKey

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}", re.ASCII)
_P256: Final = "secp256r1"
COORDINATE: Final = 32


def b64u(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def new_id() -> str:
    """Return a new operation id or `jti`: 128 random bits."""
    return b64u(secrets.token_bytes(16))


@dataclass(frozen=True, slots=True)
class Sent:
    """The part of a call that a proof covers, before it is sent. `now`: epoch seconds of this attempt."""

    method: str
    url: str
    body: bytes
    operation: str
    operator: str
    now: float


class Credential(Protocol):
    """What a caller shows with a call."""

    def headers(self, sent: Sent) -> dict[str, str]:
        """Return the headers that show the caller. They are made again for each attempt."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The token of an organisation's server, `yj_…`. Anybody with the token is the caller: keep it secret."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        checked(self.token)

    def headers(self, sent: Sent) -> dict[str, str]:  # noqa: ARG002 - a token covers no call
        """Return the header `Authorization`."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class DeviceCredential:
    """A device's token, `yd_…`, which is useless without its P-256 key. `token` None: not enrolled yet."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.key.curve.name != _P256:
            raise MisuseError(f"a device's key is on P-256, not on {self.key.curve.name}", "Make a new key.")
        if self.token is not None:
            checked(self.token)

    def headers(self, sent: Sent) -> dict[str, str]:
        """Return a proof for this one attempt, and its token."""
        proof = {"DPoP": dpop_proof(self.key, sent, self.token)}
        return proof if self.token is None else proof | {"Authorization": f"DPoP {self.token}"}


def checked(token: str) -> str:
    """Return a token that can stand in a header. Raises MisuseError otherwise, without showing the token."""
    if not _TOKEN.fullmatch(token):
        raise MisuseError("the token is not written as tokens are", "Hand in the token alone, without blanks or lines.")
    return token


def public_jwk(key: ec.EllipticCurvePrivateKey) -> PublicKey:
    """Return the public half of a device's key as a JWK (RFC 7517)."""
    point = key.public_key().public_numbers()
    x, y = (b64u(one.to_bytes(COORDINATE, "big")) for one in (point.x, point.y))
    return PublicKey(kty="EC", crv="P-256", x=x, y=y)


def dpop_proof(key: ec.EllipticCurvePrivateKey, sent: Sent, token: str | None) -> str:
    """Return a proof of the key for one attempt (RFC 9449 §4.2), with `bh` and `hh` as docs/integrators.md tells."""
    jwk = public_jwk(key)
    claims: dict[str, object] = {
        "jti": new_id(),
        "htm": sent.method,
        "htu": sent.url.partition("?")[0],
        "iat": int(sent.now),
        "hh": _digest(f"{sent.operation}\n{sent.operator}".encode()),
    }
    if token is not None:
        claims["ath"] = _digest(token.encode())
    if sent.body:
        claims["bh"] = _digest(sent.body)
    head = {"typ": "dpop+jwt", "jwk": {"kty": jwk.kty, "crv": jwk.crv, "x": jwk.x, "y": jwk.y}}
    return jwt.encode(claims, key, algorithm="ES256", headers=head)


def _digest(data: bytes) -> str:
    return b64u(hashlib.sha256(data).digest())
