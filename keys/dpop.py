"""DPoP proofs (RFC 9449), and the body hash `bh` that this project adds: made by devices, checked by servers.

Values only: no clock, no memory of what was seen. Whoever verifies hands in one instant and refuses a `proof_id` again.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from edge.encoding import b64u, digest
from edge.instants import to_epoch
from keys.errors import BadClaims, MalformedToken, UnknownKey
from keys.jwk import key_from_jwk, public_jwk
from keys.signer import Signer
from keys.tokens import TokenForm, check_signature, parse_unverified, sign_token

MAX_SKEW: Final = timedelta(seconds=60)
"""How far `iat` may lie from the server's instant, either way; beyond it the device's clock is off."""

DPOP: Final = TokenForm(
    typ="dpop+jwt",
    headers=frozenset({"alg", "typ", "jwk"}),
    required={"jti": str, "htm": str, "htu": str, "iat": int},
    optional={"ath": str, "bh": str, "hh": str},
    max_length=3072,
    max_lifetime=None,
)
"""RFC 9449 §4.2; `ath` with an access token, `bh` = base64url SHA-256 of the body when there is one.

`hh` = base64url SHA-256 of the headers Idempotency-Key and Yunju-Operator, a line feed between them, each empty where
it is not sent: neither can be exchanged on the way.
"""

HEADERS_UNSIGNED_UNTIL: Final = datetime(2028, 1, 1, tzinfo=UTC)
"""Until then a proof without `hh` is taken, from a device that has not been updated; one with `hh` must hold."""

JTI_LEAST, JTI_MOST = 16, 128
_JWK_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "kid", "use", "alg", "key_ops"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ClockOff(Exception):
    """The proof is genuine, but its time is too far from the server's: the device's clock, not the device."""


@dataclass(frozen=True, slots=True)
class ProofKey:
    """A device's key, ready to verify with: `members` are its JWK's `kty`, `crv`, `x` and `y`."""

    key: ec.EllipticCurvePublicKey
    members: Mapping[str, str]

    @classmethod
    def of(cls, jwk: Mapping[str, object]) -> "ProofKey":
        """Return the key of a JWK; BadKey if it is no P-256 public key."""
        key = key_from_jwk(jwk)
        return cls(key, public_jwk(key))


@dataclass(frozen=True, slots=True)
class HttpCall:
    """The call that a proof must be about. `urls`: every address, without query, under which the server knows it.

    `access_token` is None where none exists yet; `operation` and `operator` are the headers Idempotency-Key and
    Yunju-Operator, None where they are not sent.
    """

    method: str
    urls: Collection[str]
    body: bytes
    access_token: str | None
    operation: str | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class DpopProof:
    """A proof verified against a key and a call. Its `proof_id` (`jti`) is to be refused again until `expires_at`."""

    proof_id: str
    issued_at: datetime
    expires_at: datetime


def build_proof(  # noqa: PLR0917 - the order of a call: method, address, body, credential
    signer: Signer,
    method: str,
    url: str,
    body: bytes,
    access_token: str | None,
    at: datetime,
    *,
    operation: str | None = None,
    operator: str | None = None,
) -> str:
    """Return a proof for one call; `url` may carry a query, which is left out. `access_token` None only to enrol.

    `operation` and `operator`: the headers Idempotency-Key and Yunju-Operator that go with it.
    """
    claims: dict[str, object] = {
        "jti": b64u(secrets.token_bytes(16)),
        "htm": method.upper(),
        "htu": without_query(url),
        "iat": to_epoch(at),
    }
    if access_token is not None:
        claims["ath"] = b64u(digest(access_token.encode("ascii")))
    if body:
        claims["bh"] = b64u(digest(body))
    claims["hh"] = _hash_of_headers(operation, operator)
    return sign_token(signer, DPOP, claims, extra_header={"jwk": public_jwk(signer.public_key)})


def verify_proof(text: str, key: ProofKey, call: HttpCall, at: datetime) -> DpopProof:
    """Verify a proof with the key that is *known*; the one in the header must merely be the same.

    A TokenError as `verify_with_key`, UnknownKey for another key in the header, BadClaims for another method, address,
    access token or body; ClockOff, told last, when all else holds.
    """
    token = parse_unverified(text, DPOP)
    if not _names_key(token.header, key):
        raise UnknownKey("the proof is by another key")
    claims = check_signature(token, key.key).claims
    _check_call(claims, call)
    _check_headers(claims, call, at)
    issued_at = datetime.fromtimestamp(_integer(claims["iat"]), UTC)
    if not abs(at - issued_at) <= MAX_SKEW:
        raise ClockOff(f"more than {MAX_SKEW.seconds} s from the server's time")
    return DpopProof(str(claims["jti"]), issued_at, issued_at + MAX_SKEW)


def without_query(url: str) -> str:
    """Return a URL without query and fragment (RFC 9449 §4.2, `htu`)."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


@lru_cache(maxsize=1024)  # the same few addresses come with every request
def normal_url(url: str) -> str | None:
    """Return a URL in the form in which two are compared (RFC 9449 §4.3), None if it is no address of a call.

    Letters of scheme and host small, default port left out, percent-encoding undone as routing undoes it. A query, a
    fragment or a user name is not forgiven.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or "?" in url or "#" in url:
        return None
    return SplitResult(parts.scheme, _authority(parts, port), unquote(parts.path) or "/", "", "").geturl()


def _authority(parts: SplitResult, port: int | None) -> str:
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    return host if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"


def _names_key(header: Mapping[str, object], key: ProofKey) -> bool:
    # The four members make the thumbprint (RFC 7638 §3.2), so equal members are an equal thumbprint, at less cost.
    jwk = header["jwk"]
    if not isinstance(jwk, dict) or not jwk.keys() <= _JWK_MEMBERS:
        raise MalformedToken("jwk has members that a public P-256 key does not have")
    return {name: jwk.get(name) for name in key.members} == key.members


def _check_call(claims: Mapping[str, object], call: HttpCall) -> None:
    if not JTI_LEAST <= len(str(claims["jti"])) <= JTI_MOST:
        raise BadClaims(f"jti has {JTI_LEAST} to {JTI_MOST} characters")
    if claims["htm"] != call.method:
        raise BadClaims("htm is not this call's method")
    address = normal_url(str(claims["htu"]))
    if address is None or address not in (normal_url(url) for url in call.urls):
        raise BadClaims("htu is not this call's address, without its query, at the address that the server is known by")
    if claims.get("ath") != _hash_of(None if call.access_token is None else call.access_token.encode()):
        raise BadClaims("ath is not base64url(SHA-256(access token)), or stands there without a token")
    if claims.get("bh") not in _hashes_of_body(call.body):
        raise BadClaims(
            "bh is not base64url(SHA-256(body)): a call with a body carries this claim beside those of RFC 9449"
        )


def _check_headers(claims: Mapping[str, object], call: HttpCall, at: datetime) -> None:
    signed = claims.get("hh")
    if signed is None and at < HEADERS_UNSIGNED_UNTIL:
        return
    if signed != _hash_of_headers(call.operation, call.operator):
        raise BadClaims("hh is not base64url(SHA-256(Idempotency-Key, a line feed, Yunju-Operator))")


def _hash_of_headers(operation: str | None, operator: str | None) -> str:
    return b64u(digest(f"{operation or ''}\n{operator or ''}".encode()))


def _hash_of(data: bytes | None) -> str | None:
    return None if data is None else b64u(digest(data))


def _hashes_of_body(body: bytes) -> Collection[str | None]:
    # Without a body `bh` may be left out, or be the hash of nothing.
    return (_hash_of(body),) if body else (None, _hash_of(b""))


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise BadClaims("iat is no integer")
    return value
