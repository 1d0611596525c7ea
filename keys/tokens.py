"""Strict JWS tokens (RFC 7515, 7519, 8725). Only this module uses PyJWT. No clock: callers judge the times.

PyJWT's own `decode` accepts far more than this project may, so it is used only for the signature. Everything around the
signature is checked here explicitly, claim by claim and member by member.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from edge.encoding import EncodingError, b64u, digest, unb64u
from edge.strictjson import INTEGER_BOUND, JsonError, dumps, loads
from keys.errors import BadClaims, BadSignature, MalformedToken, TokenError, UnknownKey
from keys.jwk import is_thumbprint, key_thumbprint
from keys.keyset import KeySet, Purpose
from keys.signer import Signer

__all__ = [
    "LEEWAY",
    "BadClaims",
    "BadSignature",
    "MalformedToken",
    "TokenError",
    "TokenForm",
    "UnknownKey",
    "UnverifiedToken",
    "VerifiedToken",
    "check_signature",
    "check_signature_by",
    "parse_unverified",
    "read_unverified",
    "sign_token",
    "signature_holds",
    "verify_with_key",
    "verify_with_keys",
]

LEEWAY: Final = timedelta(seconds=5)
"""How far two honest clocks may differ. Every comparison of a token's time with an instant uses this value."""

ALGORITHM: Final = "ES256"
MAX_HEADER_CHARS: Final = 1024
MAX_TEXT_CHARS: Final = 512
"""The longest text claim. The length of the token bounds nested values."""
_TIME_BOUND: Final = 253_402_300_800  # 10000-01-01: after it, no datetime exists
_TIMES: Final = ("iat", "nbf", "exp")
_MAX_DEPTH: Final = 8
# Three segments of base64url. 64 bytes of signature are 86 characters, of which the last has four unused bits. They
# must be zero, so that each value has one text. `fullmatch`, because `$` accepts a line feed.
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{85}[AQgw])", re.ASCII)
# One algorithm object and one curve: nothing in a token chooses an algorithm.
_ES256: Final = ECAlgorithm(ECAlgorithm.SHA256, expected_curve=ec.SECP256R1)
# Members that a form may require. `crit`, `jku`, `x5u`, `x5c`, `zip`, `b64`, `cty` are in no form.
_HEADERS: Final = frozenset({"alg", "kid", "typ", "jwk"})
_KINDS: Final = frozenset({str, int, bool, list, dict})


@dataclass(frozen=True, eq=False)
class TokenForm:
    """The form of one kind of token, made once as a module's constant (ValueError if it contradicts itself).

    `typ` and `headers`: the header has exactly these members: always `alg` and `typ`, and `kid` and `jwk` if listed.
    `required`, `optional`: the name and type of every claim (str, int, bool, list, dict); no other claim is allowed.
    `max_length`: characters of the compact text. `max_lifetime`: the greatest `exp` - `iat`, which are then required.
    """

    typ: str
    headers: frozenset[str]
    required: Mapping[str, type]
    optional: Mapping[str, type]
    max_length: int
    max_lifetime: timedelta | None
    _kinds: Mapping[str, type] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not {"alg", "typ"} <= self.headers <= _HEADERS or not self.typ:
            raise ValueError("a form's headers are alg and typ, and kid or jwk if it needs them")
        if self.required.keys() & self.optional.keys():
            raise ValueError("a claim is required or optional, not both")
        kinds = {**self.required, **self.optional}
        if not set(kinds.values()) <= _KINDS or any(kinds.get(name, int) is not int for name in _TIMES):
            raise ValueError("a claim is a str, int, bool, list or dict, and a time is an int")
        if self.max_lifetime is not None and not {"iat", "exp"} <= self.required.keys():
            raise ValueError("a cap on the lifetime needs iat and exp")
        object.__setattr__(self, "_kinds", kinds)

    def check_claims(self, claims: Mapping[str, object]) -> None:
        """Raise BadClaims unless every claim is expected, present, typed and in bounds, and the times agree.

        This does not judge whether the token is valid *now*: compare with one instant and `LEEWAY`.
        """
        if not self.required.keys() <= claims.keys():
            raise BadClaims(f"missing: {', '.join(sorted(self.required.keys() - claims.keys()))}")
        for name, value in claims.items():
            kind = self._kinds.get(name)
            if kind is None:
                raise BadClaims("a claim that this form does not know")
            _check_value(name, value, kind)
        _check_times(claims, self.max_lifetime)


class UnverifiedToken:
    """A token of the right form whose signature nobody has checked. Never base a decision on it.

    The claims are read when they are first needed, and then kept with the token.
    """

    def __init__(self, form: TokenForm, header: Mapping[str, object], parts: re.Match[str]) -> None:
        """Hold the segments of a token whose header was checked (`read_unverified`)."""
        self.form = form
        self.header = header
        self.text = parts.string
        self._parts = parts

    @cached_property
    def claims(self) -> Mapping[str, object]:
        """The claims, each checked by the form. Raises BadClaims if they are not right."""
        return MappingProxyType(_read_claims(self._parts[2], self.form))

    @property
    def signature(self) -> bytes:
        """The 64 bytes of the signature (r, s)."""
        return urlsafe_b64decode(f"{self._parts[3]}==")

    @property
    def signing_input(self) -> bytes:
        """The text under the signature (RFC 7515 §5.1): header and claims as they stand in the token."""
        return self.text[: self._parts.end(2)].encode("ascii")

    def __repr__(self) -> str:
        return f"UnverifiedToken(typ={self.form.typ!r})"


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token of the right form with a verified signature."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the ASCII text.

        An ECDSA signature can be changed into another valid one (s and n - s). So neither text nor digest may be the
        key of a replay guard: use the token's `jti`.
        """
        return digest(self.text.encode("ascii"))

    def __repr__(self) -> str:
        return f"VerifiedToken(typ={self.header.get('typ')!r})"


def read_unverified(text: str, *forms: TokenForm) -> UnverifiedToken:
    """Return the token with its outer form and its header checked. Its `typ` says which of the `forms` it has.

    Claims and signature are not checked yet. Raises MalformedToken for a text that is no token of these forms.
    """
    parts = _split(text, max(form.max_length for form in forms))
    form = forms[0] if len(forms) == 1 else _form_of(parts[1], forms)
    if len(text) > form.max_length:
        raise MalformedToken(f"longer than {form.max_length} characters")
    return UnverifiedToken(form, _header(parts[1], form), parts)


def parse_unverified(text: str, form: TokenForm) -> UnverifiedToken:
    """Return the token with its form and claims checked, but not its signature. Raises MalformedToken or BadClaims."""
    token = read_unverified(text, form)
    token.claims  # noqa: B018 - reads them, so that bad ones are refused here
    return token


def check_signature(token: UnverifiedToken, key: ec.EllipticCurvePublicKey) -> VerifiedToken:
    """Verify a token that is already read, without reading it again. Raises TokenError as `verify_with_key` does."""
    _check_key(token.header, key)
    return _verified(token, key)


def check_signature_by(token: UnverifiedToken, keys: KeySet, purpose: Purpose, at: datetime) -> VerifiedToken:
    """Verify a token that is already read, with the key of the set that its `kid` names. Errors as in
    `verify_with_keys`.

    The token's form must list `kid`.
    """
    return _verified(token, keys.find(str(token.header["kid"]), purpose, at).key)


def verify_with_key(text: str, form: TokenForm, key: ec.EllipticCurvePublicKey) -> VerifiedToken:
    """Verify with one given key, in the order header, key, signature, claims.

    For any text, raises only a TokenError: MalformedToken; UnknownKey if the header's `kid` is another key's;
    BadSignature; BadClaims.
    """
    return check_signature(read_unverified(text, form), key)


def verify_with_keys(text: str, form: TokenForm, keys: KeySet, purpose: Purpose, at: datetime) -> VerifiedToken:
    """Verify with the key of the set that the header's `kid` names, of this purpose, valid at `at`.

    Errors as in `verify_with_key`. `form` must list `kid` (ValueError otherwise: a fault of the caller, not of the
    token).
    """
    if "kid" not in form.headers:
        raise ValueError("a form without kid cannot choose a key")
    return check_signature_by(read_unverified(text, form), keys, purpose, at)


def sign_token(
    signer: Signer,
    form: TokenForm,
    claims: Mapping[str, object],
    *,
    extra_header: Mapping[str, object] | None = None,
) -> str:
    """Return the compact token: header `alg`, `kid` (if the form has it), `typ`, then `extra_header`; claims as given.

    Raises BadClaims or MalformedToken if the result would not verify in its own form, so that no refused token is sent
    out.
    """
    form.check_claims(claims)
    plain = all(map(_is_plain, claims.values()))
    kid = signer.kid if "kid" in form.headers else None
    head = _plain_header(kid, form) if extra_header is None else _written_header(kid, form, extra_header)
    try:
        signing_input = f"{head}.{b64u(dumps(dict(claims)))}"
    except JsonError as error:
        raise BadClaims(f"the claims are no JSON: {error}") from None
    text = f"{signing_input}.{b64u(signer.sign(signing_input.encode('ascii')))}"
    if len(text) > form.max_length or not plain:
        # Integers, truth values and printable ASCII texts have one spelling: other claims are read again.
        parse_unverified(text, form)
    return text


@lru_cache(maxsize=64)
def _plain_header(kid: str | None, form: TokenForm) -> str:
    return _written_header(kid, form, {})


def _written_header(kid: str | None, form: TokenForm, extra: Mapping[str, object]) -> str:
    header: dict[str, object] = {"alg": ALGORITHM, **({} if kid is None else {"kid": kid}), "typ": form.typ, **extra}
    _check_header(header, form)
    try:
        return b64u(dumps(header))
    except JsonError as error:
        raise BadClaims(f"the header is no JSON: {error}") from None


def signature_holds(message: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether 64 bytes (r, s) are the ES256 signature of `message` by a P-256 key; False for any other curve.

    Both s and n - s are valid: hardware chips make either, so the low one is not required.
    """
    # PyJWT checks the curve P-256 where it reads keys, not here: secp256k1 signatures have the same length.
    if not isinstance(key.curve, ec.SECP256R1):
        return False
    return _ES256.verify(message, key, signature)


def _is_plain(value: object) -> bool:
    return type(value) in {int, bool} or (isinstance(value, str) and value.isascii() and value.isprintable())


def _split(text: str, most: int) -> re.Match[str]:
    if not isinstance(text, str):
        raise MalformedToken("a token is a text")
    if len(text) > most:
        raise MalformedToken(f"longer than {most} characters")
    parts = _COMPACT.fullmatch(text)
    if parts is None:
        raise MalformedToken("not three segments of canonical base64url, the last of 64 bytes")
    return parts


def _form_of(segment: str, forms: tuple[TokenForm, ...]) -> TokenForm:
    """Return the form of a header's `typ`."""
    typ = _typ_of(segment) if len(segment) <= MAX_HEADER_CHARS else None
    for form in forms:
        if form.typ == typ:
            return form
    raise MalformedToken("typ is of no form that is read here")


@lru_cache(maxsize=256)
def _typ_of(segment: str) -> object:
    # Cards signed by one key have the same header, and so do all proofs.
    header = _object(segment, MAX_HEADER_CHARS)
    return None if header is None else header.get("typ")


@lru_cache(maxsize=1024)
def _header(segment: str, form: TokenForm) -> Mapping[str, object]:
    # Tokens by one key have the same header, so it is read only once. Only accepted headers are kept.
    if len(segment) > MAX_HEADER_CHARS:
        raise MalformedToken("the header is too long")
    header = _object(segment, MAX_HEADER_CHARS)
    if header is None:
        raise MalformedToken("the header is no JSON object")
    _check_header(header, form)
    return MappingProxyType(header)


def _check_header(header: Mapping[str, object], form: TokenForm) -> None:
    if header.keys() != form.headers:
        raise MalformedToken(f"the header's members are exactly {', '.join(sorted(form.headers))}")
    if header["alg"] != ALGORITHM:
        raise MalformedToken("alg is not ES256")
    if header["typ"] != form.typ:
        raise MalformedToken(f"typ is not {form.typ}")
    if "kid" in form.headers and not is_thumbprint(header["kid"]):
        raise MalformedToken("kid is no thumbprint of 43 characters")
    if "jwk" in form.headers and not isinstance(header["jwk"], dict):
        raise MalformedToken("jwk is no object")


def _read_claims(segment: str, form: TokenForm) -> dict[str, object]:
    claims = _object(segment, form.max_length)
    if claims is None:
        raise BadClaims("the claims are no JSON object, or one with a key given twice")
    form.check_claims(claims)
    return claims


def _object(segment: str, max_bytes: int) -> dict[str, object] | None:
    try:
        value = loads(unb64u(segment), max_bytes=max_bytes, max_depth=_MAX_DEPTH)
    except (EncodingError, JsonError):
        return None
    return value if isinstance(value, dict) else None


def _check_key(header: Mapping[str, object], key: ec.EllipticCurvePublicKey) -> None:
    if "kid" in header and (not isinstance(key.curve, ec.SECP256R1) or header["kid"] != key_thumbprint(key)):
        raise UnknownKey("the token names another key")


def _verified(token: UnverifiedToken, key: ec.EllipticCurvePublicKey) -> VerifiedToken:
    if not signature_holds(token.signing_input, token.signature, key):
        raise BadSignature("the signature is not this key's")
    return VerifiedToken(token.header, token.claims, token.text)


def _check_value(name: str, value: object, kind: type) -> None:
    # `type is`, not `isinstance`: in Python, True is an int.
    if type(value) is not kind:
        raise BadClaims(f"{name} is not of type {kind.__name__}")
    if isinstance(value, str) and not 0 < len(value) <= MAX_TEXT_CHARS:
        raise BadClaims(f"{name} is empty or longer than {MAX_TEXT_CHARS} characters")
    if kind is int and isinstance(value, int) and not 0 <= value < (_TIME_BOUND if name in _TIMES else INTEGER_BOUND):
        raise BadClaims(f"{name} is out of bounds")


def _check_times(claims: Mapping[str, object], max_lifetime: timedelta | None) -> None:
    exp = claims.get("exp")
    if not isinstance(exp, int):
        return
    for name in ("iat", "nbf"):
        begins = claims.get(name)
        if isinstance(begins, int) and begins >= exp:
            raise BadClaims(f"exp is not after {name}")
    iat = claims.get("iat")
    if max_lifetime is not None and isinstance(iat, int) and exp - iat > max_lifetime.total_seconds():
        raise BadClaims(f"lives longer than {max_lifetime}")
