"""The trust bundle, signed by an offline root: which keys to trust, where status lists lie, and which programme
applies.

A document is one compact JWS by the root. During a roll-over it is two over the same payload, the old root's first,
joined by `~` (docs/decisions/0010-trust-bundle.md). Nothing here reads a clock or a file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge.instants import from_epoch, to_epoch
from edge.strictjson import JsonError, loads
from keys.errors import BadKey, TokenError
from keys.jwk import is_thumbprint, key_from_jwk, public_jwk, thumbprint
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import Signer
from keys.tokens import LEEWAY, TokenForm, UnverifiedToken, check_signature, parse_unverified, sign_token

LIFETIME: Final = timedelta(days=90)
"""The longest validity of a bundle."""
RENEWAL_DUE: Final = timedelta(days=60)
"""At this age a bundle should be replaced. Thirty days then remain for verifiers that were offline."""
SEPARATOR: Final = "~"
MAX_KEYS: Final = 64
MAX_STATUS_LISTS: Final = 256
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")
_URI: Final = re.compile(r"https?://[!-~]{1,500}")

BUNDLE: Final = TokenForm(
    typ="trust-bundle+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={
        "iss": str,
        "ver": int,
        "iat": int,
        "exp": int,
        "root": dict,
        "keys": list,
        "status_lists": list,
        "programme": dict,
    },
    optional={"next_root": dict},
    max_length=65_536,
    max_lifetime=LIFETIME,
)
"""One signature of a bundle document."""


class BundleError(Exception):
    """A bundle is refused, or cannot be made.

    `reason` is `malformed`, `unknown-root`, `bad-signature`, `bad-claims`, `not-yet-valid`, `expired` or `rolled-back`.
    The text gives details to an operator.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ProgrammePin:
    """The programme that applies from `effective_at`: its version and the SHA-256 of its file, 64 lower-case hex."""

    version: str
    sha256: str
    effective_at: datetime

    def __post_init__(self) -> None:
        if not 0 < len(self.version) <= 64:
            raise BundleError("bad-claims", "a programme's version is a text of at most 64 characters")
        if not _SHA256_HEX.fullmatch(self.sha256):
            raise BundleError("bad-claims", "a programme's sha256 is 64 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class TrustBundle:
    """What a verifier trusts from `issued_at` until before `expires_at` (aware UTC, whole seconds).

    `version` counts from 1 and never goes back. `keys` holds card, status, log and receipt keys, never a root.
    `next_root`: the public JWK of the root that replaces the signing root, set only during a roll-over. Raises
    BundleError (`bad-claims`) if a value is out of bounds.
    """

    version: int
    issuer: str
    issued_at: datetime
    expires_at: datetime
    keys: tuple[VerificationKey, ...]
    status_lists: tuple[str, ...]
    programme: ProgrammePin
    next_root: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.version < 1:
            raise BundleError("bad-claims", "versions count from 1")
        if not timedelta() < self.expires_at - self.issued_at <= LIFETIME:
            raise BundleError("bad-claims", f"a bundle lives at most {LIFETIME.days} days")
        if len(self.keys) > MAX_KEYS or len(self.status_lists) > MAX_STATUS_LISTS:
            raise BundleError("bad-claims", f"at most {MAX_KEYS} keys and {MAX_STATUS_LISTS} status lists")
        if any(key.purpose is Purpose.ROOT for key in self.keys):
            raise BundleError("bad-claims", "a root key is pinned or introduced by its predecessor, never listed")
        if not all(_URI.fullmatch(uri) for uri in self.status_lists):
            raise BundleError("bad-claims", "a status list is named by an http or https address")
        if len(set(self.status_lists)) != len(self.status_lists):
            raise BundleError("bad-claims", "a status list is named twice")
        _key_set(self.keys)

    def key_set(self) -> KeySet:
        """Return the keys as a set for verification."""
        return _key_set(self.keys)

    def renewal_due(self, at: datetime) -> bool:
        """Return whether the bundle is so old that its successor should be published."""
        return at >= self.issued_at + RENEWAL_DUE

    def pin_after(self, pinned_root: str | Mapping[str, object]) -> str:
        """Return the thumbprint to pin after this bundle, verified under `pinned_root`, is kept."""
        return _pin(pinned_root) if self.next_root is None else thumbprint(self.next_root)


def sign_bundle(bundle: TrustBundle, root: Signer, *, old_root: Signer | None = None) -> str:
    """Return the published document, signed by `root`, and first by `old_root` during a roll-over.

    `bundle.next_root` may be None; it is set from `root` if `old_root` is given. Raises BundleError if it names another
    key, if a root is also one of the bundle's keys, or if the document would not verify.
    """
    first = old_root or root
    claims = _to_claims(bundle) | {"root": public_jwk(first.public_key)}
    if old_root is not None:
        claims["next_root"] = public_jwk(root.public_key)
    if bundle.next_root is not None and dict(bundle.next_root) != claims.get("next_root"):
        raise BundleError("bad-claims", "next_root is the new root of a roll-over, which both roots sign")
    signers = (root,) if old_root is None else (old_root, root)
    try:
        document = SEPARATOR.join(sign_token(signer, BUNDLE, claims) for signer in signers)
    except TokenError as error:
        raise BundleError(error.reason, str(error)) from None
    for signer in signers:
        verify_bundle(document, signer.kid, bundle.issued_at)
    return document


def verify_bundle(
    text: str, pinned_root: str | Mapping[str, object], at: datetime, *, seen_version: int = 0
) -> TrustBundle:
    """Return the bundle of a document that the pinned root signed, valid at `at`, and not older than `seen_version`.

    `pinned_root` is a root's RFC 7638 thumbprint or its JWK (ValueError if it is neither). The document of a roll-over
    is accepted under either root if both signed it; from then on, pin the result of `pin_after`. The version that was
    already seen may be read again. Any text gives a bundle or a BundleError.
    """
    pin = _pin(pinned_root)
    tokens = _parse(text)
    roots = _roots(tokens)
    if pin not in roots:
        raise BundleError("unknown-root", "the document is not signed by the pinned root")
    # The pinned root comes first: until its signature is verified, the document's name of the other root means nothing.
    for token in sorted(tokens, key=lambda token: token.header["kid"] != pin):
        _check_root_signature(token, roots[str(token.header["kid"])])
    bundle = _from_claims(tokens[0].claims)
    if any(key.kid in roots for key in bundle.keys):
        raise BundleError("bad-claims", "a root key serves no other purpose")
    _check_now(bundle, at, seen_version)
    return bundle


def read_pin(content: bytes) -> str:
    """Return the pin in a file that YUNJU_ROOT names: a root's public JWK or its thumbprint. Raises BadKey
    otherwise.
    """
    text = content.decode("ascii", "replace").strip()
    if is_thumbprint(text):
        return text
    try:
        jwk = loads(content)
    except JsonError:
        raise BadKey("the root is neither a thumbprint nor a public JWK") from None
    return thumbprint(jwk if isinstance(jwk, dict) else {})


def _pin(pinned_root: str | Mapping[str, object]) -> str:
    if isinstance(pinned_root, str):
        if not is_thumbprint(pinned_root):
            raise BadKey("a root is pinned by its thumbprint of 43 characters or by its JWK")
        return pinned_root
    return thumbprint(pinned_root)


def _parse(text: str) -> list[UnverifiedToken]:
    if len(text) > 2 * BUNDLE.max_length + 1:
        raise BundleError("malformed", "the document is too long")
    signed = text.split(SEPARATOR)
    if len(signed) > 2:
        raise BundleError("malformed", "a document has one signature, or two during a roll-over")
    try:
        tokens = [parse_unverified(part, BUNDLE) for part in signed]
    except TokenError as error:
        raise BundleError(error.reason, str(error)) from None
    if len({part.split(".")[1] for part in signed}) != 1:
        raise BundleError("malformed", "the two roots signed different payloads")
    return tokens


def _roots(tokens: list[UnverifiedToken]) -> dict[str, Mapping[str, object]]:
    """Return the roots that a document names, by thumbprint, after checking that they are the roots in its headers."""
    claims = tokens[0].claims
    named = [jwk for jwk in (claims["root"], claims.get("next_root")) if isinstance(jwk, dict)]
    try:
        roots: dict[str, Mapping[str, object]] = {thumbprint(jwk): jwk for jwk in named}
    except BadKey as error:
        raise BundleError("bad-claims", f"a root's key: {error}") from None
    if list(roots) != [token.header["kid"] for token in tokens] or len(roots) != len(named):
        raise BundleError("unknown-root", "the signatures are not those of the roots named, in their order")
    return roots


def _check_root_signature(token: UnverifiedToken, root: Mapping[str, object]) -> None:
    try:
        check_signature(token, key_from_jwk(root))
    except TokenError as error:
        raise BundleError(error.reason, str(error)) from None


def _check_now(bundle: TrustBundle, at: datetime, seen_version: int) -> None:
    if bundle.version < seen_version:
        raise BundleError("rolled-back", f"version {bundle.version} is older than version {seen_version} seen before")
    if at < bundle.issued_at - LEEWAY:
        raise BundleError("not-yet-valid", "the bundle is from the future: is this clock right?")
    if at >= bundle.expires_at:
        raise BundleError("expired", "the bundle has expired: fetch or publish its successor")


def _to_claims(bundle: TrustBundle) -> dict[str, object]:
    return {
        "iss": bundle.issuer,
        "ver": bundle.version,
        "iat": to_epoch(bundle.issued_at),
        "exp": to_epoch(bundle.expires_at),
        "keys": [key.to_json() for key in bundle.keys],
        "status_lists": list(bundle.status_lists),
        "programme": {
            "version": bundle.programme.version,
            "sha256": bundle.programme.sha256,
            "effective_at": to_epoch(bundle.programme.effective_at),
        },
    }


def _from_claims(claims: Mapping[str, object]) -> TrustBundle:
    match claims:
        case {
            "iss": str(issuer),
            "ver": int(version),
            "iat": int(issued),
            "exp": int(expires),
            "keys": list(keys),
            "status_lists": list(lists),
            "programme": dict(programme),
        }:
            pass
        case _:
            raise BundleError("bad-claims", "a claim is missing")
    try:
        return TrustBundle(
            version=version,
            issuer=issuer,
            issued_at=from_epoch(issued),
            expires_at=from_epoch(expires),
            keys=tuple(VerificationKey.from_json(key) for key in keys),
            status_lists=_texts(lists),
            programme=_programme(programme),
            next_root=_next_root(claims),
        )
    except ValueError as error:
        raise BundleError("bad-claims", str(error)) from None


def _texts(values: list[object]) -> tuple[str, ...]:
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values):
        raise BundleError("bad-claims", "a status list is named by a text")
    return texts


def _programme(value: Mapping[str, object]) -> ProgrammePin:
    match value:
        case {"version": str(version), "sha256": str(sha256), "effective_at": int(effective), **others} if not others:
            return ProgrammePin(version, sha256, from_epoch(effective))
    raise BundleError("bad-claims", "a programme is pinned by version, sha256 and effective_at")


def _next_root(claims: Mapping[str, object]) -> dict[str, str] | None:
    jwk = claims.get("next_root")
    return public_jwk(key_from_jwk(jwk)) if isinstance(jwk, dict) else None


def _key_set(keys: tuple[VerificationKey, ...]) -> KeySet:
    try:
        return KeySet(keys)
    except BadKey as error:
        raise BundleError("bad-claims", str(error)) from None
