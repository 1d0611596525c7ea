"""The trust bundle, verified under the root that its owner told another way, and the promises that its keys sign.

Pure: reads no clock and asks nobody. docs/card-format.md has the bundle's claims, docs/log-format.md the promise's.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from yunju_client.credentials import COORDINATE, b64u
from yunju_client.errors import MisuseError, UnprovedError
from yunju_client.notes import ECDSA, HASH_BYTES, NoteKey

LEEWAY: Final = 5
"""So many seconds a bundle may be ahead of the caller's clock."""
_MOST: Final = 2 * 64 * 1024 + 1
_PROMISE_MOST: Final = 1024
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_HEAD: Final = frozenset({"alg", "kid", "typ"})
_UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, RecursionError, jwt.PyJWTError)
"""What reading somebody's malformed text raises."""
_AGAIN: Final = "Fetch the trust bundle anew, and compare the root with the operator another way than over this server."


class UntrustedError(MisuseError):
    """A trust bundle is not what the pinned root signed, or is not in force now. Nothing in it may be relied on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the trust bundle is refused: {reason}", _AGAIN)


@dataclass(frozen=True, slots=True)
class TrustKey:
    """A public key of the bundle: its thumbprint, what it signs (`card`, `status`, `log`, `receipt`), its validity.

    It is valid from `not_before` until before `not_after` (epoch seconds).
    """

    kid: str
    purpose: str
    key: ec.EllipticCurvePublicKey
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verified bundle says. `root`: the thumbprint to pin from now on; another one while a root is replaced.

    `version`: hand the greatest one seen to `read_trust` as `seen_version`. `expires_at`: epoch seconds.
    """

    issuer: str
    version: int
    root: str
    expires_at: int
    keys: tuple[TrustKey, ...]

    @property
    def log_keys(self) -> tuple[str, ...]:
        """The log's keys as `prove` takes them, `name+id+key`."""
        name = f"{self.issuer.partition('://')[2] or self.issuer}/v1/log"
        return tuple(_vkey(name, one.key) for one in self.keys if one.purpose == "log")


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise with a verified signature: the entry, the hash of its leaf, when it was made, by when it must be kept.

    The times are epoch seconds.
    """

    entry: str
    leaf: bytes
    made_at: int
    by: int


def read_trust(document: str, root: str, now: float, *, seen_version: int = 0) -> Trust:
    """Return a bundle that the pinned root signed and that is in force at `now` (epoch seconds).

    `root` is the thumbprint (RFC 7638) that the operator told, or that the device's enrolment told. Raises
    UntrustedError for any other document, and MisuseError for a root that is no thumbprint.
    """
    if not _THUMBPRINT.fullmatch(root):
        raise MisuseError("the root is no thumbprint", "Hand in the 43 characters that the operator told.")
    try:
        claims = _signed(document, root)
        found = _trust(claims)
        issued = _whole(claims["iat"])
    except _UNREADABLE as error:
        raise UntrustedError(str(error) if type(error) is ValueError else "it is malformed or badly signed") from None
    if found.version < seen_version:
        raise UntrustedError(f"version {found.version} is older than version {seen_version}, which was seen before")
    if not issued - LEEWAY <= now < found.expires_at:
        raise UntrustedError("it is not in force by this machine's clock")
    return found


def verify_promise(text: str, trust: Trust) -> Promise:
    """Return a promise that a receipt key of the bundle signed, valid when the promise was made.

    Raises UnprovedError for any other text: a server that signs nothing has promised nothing.
    """
    try:
        return _promise(text, trust)
    except _UNREADABLE:
        raise UnprovedError("the answer's promise is not signed by a receipt key of the trust bundle") from None


def _promise(text: str, trust: Trust) -> Promise:
    if len(text) > _PROMISE_MOST:
        raise ValueError("too long")
    kid = str(jwt.get_unverified_header(text)["kid"])
    (signer,) = (one for one in trust.keys if (one.kid, one.purpose) == (kid, "receipt"))
    claims = _claims(text, signer.key, kid, "promise+jwt")
    made, by, leaf = _whole(claims["iat"]), _whole(claims["by"]), unb64u(claims["leaf"])
    held = signer.not_before <= made < signer.not_after and made <= by
    if claims.keys() != {"iss", "iat", "by", "id", "leaf"} or claims["iss"] != trust.issuer or not held:
        raise ValueError("another issuer's, or out of its key's validity")
    if not isinstance(claims["id"], str) or len(leaf) != HASH_BYTES:
        raise ValueError("no entry")
    return Promise(claims["id"], leaf, made, by)


def _signed(document: str, root: str) -> Mapping[str, Any]:
    """Return the claims that every root named in a document signed, the pinned one among them."""
    parts = document.split("~")
    if len(document) > _MOST or len(parts) > 2 or len({part.split(".")[1:2][0] for part in parts}) != 1:
        raise ValueError("it is no bundle")
    unverified = json.loads(unb64u(parts[0].split(".")[1]))
    roots = [_key(unverified[name]) for name in ("root", "next_root") if name in unverified]
    if root not in [kid for kid, _ in roots]:
        raise ValueError("another root signed it")
    if len(roots) != len(parts):
        raise ValueError("a signature is missing")
    verified = [_claims(part, key, kid, "trust-bundle+jwt") for part, (kid, key) in zip(parts, roots, strict=True)]
    return verified[0]


def _trust(claims: Mapping[str, Any]) -> Trust:
    keys = tuple(_trust_key(one) for one in claims["keys"])
    names = [one.kid for one in keys]
    roots = [_key(claims[name])[0] for name in ("root", "next_root") if name in claims]
    if not isinstance(claims["iss"], str) or len({*names, *roots}) != len(names) + len(roots):
        raise ValueError("its keys cannot be told apart")
    pinned = roots[-1]
    return Trust(claims["iss"], _whole(claims["ver"]), pinned, _whole(claims["exp"]), keys)


def _trust_key(told: Mapping[str, Any]) -> TrustKey:
    kid, key = _key(told["jwk"])
    if kid != told["kid"]:
        raise ValueError("a key's id is not its thumbprint")
    return TrustKey(kid, str(told["purpose"]), key, _whole(told["nbf"]), _whole(told["exp"]))


def _claims(token: str, key: ec.EllipticCurvePublicKey, kid: str, kind: str) -> dict[str, Any]:
    """Return the claims of a token with a good ES256 signature of this very key and of this kind."""
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False}
    found = jwt.decode_complete(token, key, algorithms=["ES256"], options=options)  # type: ignore[arg-type]
    head = found["header"]
    if head.keys() != _HEAD or (head["kid"], head["typ"]) != (kid, kind):
        raise ValueError("it is signed as something else")
    return dict(found["payload"])


def _key(jwk: Mapping[str, Any]) -> tuple[str, ec.EllipticCurvePublicKey]:
    """Return the thumbprint (RFC 7638) and the key of a public JWK on P-256."""
    x, y = unb64u(jwk["x"]), unb64u(jwk["y"])
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256") or (len(x), len(y)) != (COORDINATE, COORDINATE):
        raise ValueError("a key is not on P-256")
    named = {"crv": "P-256", "kty": "EC", "x": b64u(x), "y": b64u(y)}
    kid = b64u(hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).digest())
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    return kid, numbers.public_key()


def _vkey(name: str, key: ec.EllipticCurvePublicKey) -> str:
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{name}+{NoteKey(name, ECDSA, public).key_id.hex()}+{b64encode(bytes([ECDSA]) + public).decode()}"


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a number is no whole number")
    return value


def unb64u(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError or TypeError for anything else."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
