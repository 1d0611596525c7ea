"""DPoP proofs (RFC 9449), and the body hash `bh` that this project adds. Devices make them, and servers check them.

Values only: no clock, and no memory of proofs. The caller that verifies passes one instant and refuses a repeated
`proof_id`.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from edge.encoding import b64u, digest_text
from edge.instants import to_epoch
from keys.errors import BadClaims, MalformedToken, UnknownKey
from keys.jwk import key_from_jwk, public_jwk
from keys.signer import Signer
from keys.tokens import TokenForm, check_signature, parse_unverified, sign_token

MAX_SKEW: Final = timedelta(seconds=60)
"""How far `iat` may be from the server's instant, before or after. Beyond this, the device's clock is wrong."""

DPOP: Final = TokenForm(
    typ="dpop+jwt",
    headers=frozenset({"alg", "typ", "jwk"}),
    required={"jti": str, "htm": str, "htu": str, "iat": int},
    optional={"ath": str, "bh": str, "hh": str},
    max_length=3072,
    max_lifetime=None,
)
"""RFC 9449 §4.2. `ath` is present with an access token, and `bh` = base64url SHA-256 of the body if there is a body.

`hh` = base64url SHA-256 of the headers Idempotency-Key and Yunju-Operator, with a line feed between them; a header that
is not sent is empty. So neither header can be changed on the way.
"""

HEADERS_UNSIGNED_UNTIL: Final = datetime(2028, 1, 1, tzinfo=UTC)
"""Until this date, a proof without `hh` is accepted from a device that was not updated. If `hh` is present, it must be
right.
"""

JTI_LEAST, JTI_MOST = 16, 128
_JWK_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "kid", "use", "alg", "key_ops"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ClockOff(Exception):
    """The proof is genuine, but its time is too far from the server's. The device's clock is wrong, not the device."""


@dataclass(frozen=True, slots=True)
class ProofKey:
    """A device's key, ready for verification. `members` are its JWK's `kty`, `crv`, `x` and `y`."""

    key: ec.EllipticCurvePublicKey
    members: Mapping[str, str]

    @classmethod
    def of(cls, jwk: Mapping[str, object]) -> "ProofKey":
        """Return the key of a JWK. Raises BadKey if it is no P-256 public key."""
        key = key_from_jwk(jwk)
        return cls(key, public_jwk(key))


@dataclass(frozen=True, slots=True)
class HttpCall:
    """The call that a proof must be about. `urls`: every address, without query, under which clients know the server.

    `access_token` is None before there is one. `operation` and `operator` are the headers Idempotency-Key and
    Yunju-Operator, or None if they are not sent.
    """

    method: str
    urls: Collection[str]
    body: bytes
    access_token: str | None
    operation: str | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class DpopProof:
    """A proof that was verified against a key and a call. Refuse its `proof_id` (`jti`) until `expires_at`.

    `call`: the hash of the `proof_id`, by which a log names the signed call.
    """

    proof_id: str
    call: str
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
    """Return a proof for one call. The query of `url` is left out. `access_token` is None only for an enrolment.

    `operation` and `operator`: the headers Idempotency-Key and Yunju-Operator of the call.
    """
    claims: dict[str, object] = {
        "jti": b64u(secrets.token_bytes(16)),
        "htm": method.upper(),
        "htu": without_query(url),
        "iat": to_epoch(at),
    }
    if access_token is not None:
        claims["ath"] = digest_text(access_token.encode("ascii"))
    if body:
        claims["bh"] = digest_text(body)
    claims["hh"] = digest_text(_signed_headers(operation, operator))
    return sign_token(signer, DPOP, claims, extra_header={"jwk": public_jwk(signer.public_key)})


def verify_dpop(text: str, key: ProofKey, call: HttpCall, at: datetime) -> DpopProof:
    """Verify a proof with the key that is *known*. The key in the header must only be the same.

    Raises a TokenError as `verify_with_key` does, UnknownKey for another key in the header, BadClaims for another
    method, address, access token or body, and ClockOff last, if everything else is right.
    """
    token = parse_unverified(text, DPOP)
    jwk = token.header["jwk"]
    if not isinstance(jwk, dict) or not jwk.keys() <= _JWK_MEMBERS:
        raise MalformedToken("jwk has members that a public P-256 key does not have")
    # The four members make the thumbprint (RFC 7638 §3.2). So equal members mean an equal thumbprint, at less cost.
    if not key.members.items() <= jwk.items():
        raise UnknownKey("the proof is by another key")
    claims = check_signature(token, key.key).claims
    _check_call(claims, call, at)
    proof_id, issued = claims["jti"], claims["iat"]
    if not isinstance(proof_id, str) or not isinstance(issued, int):
        raise BadClaims("jti is no text, or iat no integer")
    issued_at = datetime.fromtimestamp(issued, UTC)
    if not abs(at - issued_at) <= MAX_SKEW:
        raise ClockOff(f"more than {MAX_SKEW.seconds} s from the server's time")
    return DpopProof(proof_id, digest_text(proof_id.encode()), issued_at, issued_at + MAX_SKEW)


def without_query(url: str) -> str:
    """Return a URL without query and fragment (RFC 9449 §4.2, `htu`)."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


@lru_cache(maxsize=1024)  # The same few addresses come with every request
def normal_url(url: str) -> str | None:
    """Return a URL in the form for comparing two URLs (RFC 9449 §4.3), or None if it is no address of a call.

    Scheme and host become lower case, the default port is left out, and percent-encoding is undone in the same way as
    routing does. A query, a fragment or a user name is not allowed.
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


def _check_call(claims: Mapping[str, object], call: HttpCall, at: datetime) -> None:
    """Raise BadClaims if the proof is about another call. The hashes of the call are computed last, together."""
    if not JTI_LEAST <= len(str(claims["jti"])) <= JTI_MOST:
        raise BadClaims(f"jti has {JTI_LEAST} to {JTI_MOST} characters")
    if claims["htm"] != call.method:
        raise BadClaims("htm is not this call's method")
    address = normal_url(str(claims["htu"]))
    if address is None or address not in map(normal_url, call.urls):
        raise BadClaims("htu is not this call's address, without its query, at the address that the server is known by")
    parts = ((call.access_token or "").encode(), call.body, _signed_headers(call.operation, call.operator))
    token, body, headers = map(digest_text, parts)
    if claims.get("ath") != (None if call.access_token is None else token):
        raise BadClaims("ath is not base64url(SHA-256(access token)), or stands there without a token")
    # Without a body, `bh` may be absent, or be the hash of nothing.
    if claims.get("bh") != body and (call.body or "bh" in claims):
        raise BadClaims(
            "bh is not base64url(SHA-256(body)): a call with a body carries this claim beside those of RFC 9449"
        )
    if claims.get("hh") != headers and ("hh" in claims or at >= HEADERS_UNSIGNED_UNTIL):
        raise BadClaims("hh is not base64url(SHA-256(Idempotency-Key, a line feed, Yunju-Operator))")


def _signed_headers(operation: str | None, operator: str | None) -> bytes:
    return f"{operation or ''}\n{operator or ''}".encode()
