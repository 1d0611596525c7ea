"""P-256 public keys as JWK (RFC 7517, RFC 7518 §6.2) and their thumbprints (RFC 7638). Never a private key."""

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from edge.encoding import EncodingError, b64u, digest, unb64u
from edge.strictjson import dumps
from keys.errors import BadKey

COORDINATE_BYTES: Final = 32
THUMBPRINT_CHARS: Final = 43
_NEEDED: Final = frozenset({"kty", "crv", "x", "y"})
# Members that may stand beside the four. Anything else, above all `d`, is refused.
_ALLOWED: Final = _NEEDED | {"kid", "use", "alg", "key_ops"}


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the JWK of a P-256 key: `kty`, `crv`, `x`, `y`, in this order. Raises BadKey for another curve."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise BadKey(f"a P-256 key is needed, this one is on {key.curve.name}")
    numbers = key.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _coordinate_text(numbers.x), "y": _coordinate_text(numbers.y)}


def key_from_jwk(jwk: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    """Return the key of a JWK.

    Raises BadKey unless it is a P-256 public key for ES256 signatures: exact members, canonical coordinates of 32
    bytes, and a point on the curve. If given, `use` must be `sig`, `alg` must be `ES256`, `key_ops` must be [`verify`],
    and `kid` must be a short text.
    """
    if not isinstance(jwk, Mapping):
        raise BadKey("a JWK is an object")
    _check_members(jwk)
    _check_use(jwk)
    x, y = _coordinate(jwk["x"]), _coordinate(jwk["y"])
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except ValueError:
        raise BadKey("the point is not on the curve P-256") from None


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a P-256 JWK, 43 characters of base64url. Raises BadKey for any other
    JWK.
    """
    key_from_jwk(jwk)
    return _thumbprint(str(jwk["x"]), str(jwk["y"]))


def key_thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the RFC 7638 thumbprint of a key object. Raises BadKey for another curve than P-256."""
    jwk = public_jwk(key)
    return _thumbprint(jwk["x"], jwk["y"])


def is_thumbprint(value: object) -> bool:
    """Return whether a value has the form of a SHA-256 thumbprint: canonical base64url of 32 bytes."""
    if not isinstance(value, str) or len(value) != THUMBPRINT_CHARS:
        return False
    try:
        unb64u(value)
    except EncodingError:
        return False
    return True


def _thumbprint(x: str, y: str) -> str:
    # RFC 7638 §3.2: the required members alone, sorted, without white space.
    return b64u(digest(dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y})))


def _check_members(jwk: Mapping[str, object]) -> None:
    if not jwk.keys() >= _NEEDED:
        raise BadKey("a JWK needs kty, crv, x and y")
    if not jwk.keys() <= _ALLOWED:
        # `d` would be somebody's private key: the message gives no member's value.
        raise BadKey("the JWK has members that a public P-256 key does not have")
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise BadKey("only EC keys on P-256 are used")
    kid = jwk.get("kid", "-")
    if not isinstance(kid, str) or not 0 < len(kid) <= 128:
        raise BadKey("kid is a text of at most 128 characters")


def _check_use(jwk: Mapping[str, object]) -> None:
    if jwk.get("use", "sig") != "sig":
        raise BadKey("the JWK is not for signatures (use)")
    if jwk.get("alg", "ES256") != "ES256":
        raise BadKey("the JWK is not for ES256 (alg)")
    if jwk.get("key_ops", ["verify"]) != ["verify"]:
        raise BadKey("the JWK is not for verifying (key_ops)")


def _coordinate(value: object) -> bytes:
    try:
        data = unb64u(value) if isinstance(value, str) and len(value) == THUMBPRINT_CHARS else b""
    except EncodingError:
        data = b""
    if len(data) != COORDINATE_BYTES:
        raise BadKey("a coordinate is canonical base64url of 32 bytes")
    return data


def _coordinate_text(number: int) -> str:
    return b64u(number.to_bytes(COORDINATE_BYTES, "big"))
