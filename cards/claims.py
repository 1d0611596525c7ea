"""The content of a card: its claims, all of them checked (docs/design.md §4). No clock, no key store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from edge.encoding import EncodingError, unb64u
from edge.instants import InstantError, from_epoch, to_epoch
from keys.errors import BadClaims, BadKey
from keys.jwk import key_from_jwk, thumbprint
from keys.signer import Signer
from keys.tokens import TokenForm, sign_token


class Form(StrEnum):
    """The carrier of the card. A phone and a chip have a key of their own; a tag and a print can be copied."""

    PHONE = "phone"
    CHIP = "chip"
    TAG = "tag"
    PRINT = "print"

    @property
    def holds_key(self) -> bool:
        """Return whether a card of this form names a key (`cnf`) that must prove itself at the counter."""
        return self in (Form.PHONE, Form.CHIP)


LIFETIME_CAPS: Mapping[Form, timedelta] = {
    Form.PHONE: timedelta(days=31),
    Form.CHIP: timedelta(days=3653),
    Form.TAG: timedelta(days=3653),
    Form.PRINT: timedelta(days=3653),
}
"""The longest `exp` minus `iat` of each form. This is part of the format: a programme may set a shorter time, never a
longer one.
"""

CARD = TokenForm(
    typ="card+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={
        "iss": str,
        "sub": str,
        "jti": str,
        "tier": str,
        "form": str,
        "name": str,
        "iat": int,
        "nbf": int,
        "exp": int,
        "status": dict,
    },
    optional={"cnf": dict},
    max_length=2000,
    max_lifetime=max(LIFETIME_CAPS.values()),
)
"""The form of a card token (RFC 7515 compact, ES256)."""

NAME_MOST = 100
URI_MOST = 200
_TIER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_URI = re.compile(r"https?://[!-~]+")
_ISSUER = re.compile(r"[!-~]+")
_IDENTIFIER_BYTES = 16
_INDEX_MOST = 2**31 - 1
# The complete list of characters that a name may not contain. It never changes: none of these sets grows with Unicode's
# versions, so that every reader refuses the same names. A character that is assigned after this program is allowed in
# names.
_NAME_REFUSES: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # Control characters
    "\u2028\u2029"  # Line and paragraph separators would break a counter's screen
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"  # Bidirectional marks, byte order mark
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # Surrogates, private use
    "\ufdd0-\ufdef"  # Noncharacters, here and at the end of every plane
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(15))
    + "]"
)
_WHITE: Final = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_WHITE_ALONE: Final = re.compile(f"[{_WHITE}]*")


@dataclass(frozen=True)
class CardClaims:
    """The claims of a card token, with their form checked. Instants are aware UTC, whole seconds.

    `subject` (the holder) and `card_id` are base64url of 16 random bytes. `name` is masked. `key` is the public JWK of
    the phone or the chip, and None on a tag or a print. `status_uri` and `status_index` are the place of its status.
    """

    issuer: str
    subject: str
    card_id: str
    tier: str
    form: Form
    name: str
    issued_at: datetime
    not_before: datetime
    expires_at: datetime
    key: Mapping[str, str] | None
    status_uri: str
    status_index: int

    @property
    def key_thumbprint(self) -> str | None:
        """The RFC 7638 thumbprint of `key`, or None."""
        return None if self.key is None else thumbprint(self.key)

    def to_claims(self) -> dict[str, object]:
        """Return the JSON claims in the order of every card, so that the wire form is small."""
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": self.subject,
            "jti": self.card_id,
            "tier": self.tier,
            "form": self.form.value,
            "name": self.name,
            "iat": to_epoch(self.issued_at),
            "nbf": to_epoch(self.not_before),
            "exp": to_epoch(self.expires_at),
        }
        if self.key is not None:
            claims["cnf"] = {"jwk": {member: self.key[member] for member in ("kty", "crv", "x", "y")}}
        claims["status"] = {"status_list": {"idx": self.status_index, "uri": self.status_uri}}
        return claims


def parse(claims: Mapping[str, object]) -> CardClaims:
    """Return the typed claims of a card. Raises BadClaims for a claim that is missing, unknown, of a wrong type or out
    of bounds.

    This checks neither the present instant nor the issuer's name nor the status: `cards.verify` does.
    """
    CARD.check_claims(claims)
    form = _form(claims["form"])
    uri, index = _status(claims["status"])
    card = CardClaims(
        issuer=_text(claims["iss"], "iss", _ISSUER, URI_MOST),
        subject=identifier(claims["sub"], "sub"),
        card_id=identifier(claims["jti"], "jti"),
        tier=_text(claims["tier"], "tier", _TIER, 32),
        form=form,
        name=_name(claims["name"]),
        issued_at=claim_instant(claims["iat"], "iat"),
        not_before=claim_instant(claims["nbf"], "nbf"),
        expires_at=claim_instant(claims["exp"], "exp"),
        key=_key(claims.get("cnf"), form),
        status_uri=uri,
        status_index=index,
    )
    _check_times(card)
    return card


def sign_card(signer: Signer, claims: CardClaims) -> str:
    """Return the card token, signed with an issuer's card key. Raises BadClaims for claims that would be refused."""
    written = claims.to_claims()
    parse(written)
    return sign_token(signer, CARD, written)


def identifier(value: object, claim: str) -> str:
    """Return `value` if it is canonical base64url of 16 bytes (a 128-bit random identifier). Raises BadClaims
    otherwise.
    """
    if type(value) is not str or len(_bytes(value, claim)) != _IDENTIFIER_BYTES:
        raise BadClaims(f"{claim} is not base64url of 16 bytes")
    return value


def claim_instant(value: object, claim: str) -> datetime:
    """Return the instant of a claim in integer epoch seconds, aware UTC. Raises BadClaims for anything else."""
    if type(value) is not int or value < 0:
        raise BadClaims(f"{claim} is not a whole number of seconds")
    try:
        return from_epoch(value)
    except InstantError:
        raise BadClaims(f"{claim} lies outside the calendar") from None


def _bytes(value: str, claim: str) -> bytes:
    try:
        return unb64u(value)
    except EncodingError:
        raise BadClaims(f"{claim} is not base64url") from None


def _form(value: object) -> Form:
    try:
        return Form(str(value))
    except ValueError:
        raise BadClaims("form is none of phone, chip, tag, print") from None


def _text(value: object, claim: str, pattern: re.Pattern[str], most: int) -> str:
    if type(value) is not str or len(value) > most or not pattern.fullmatch(value):
        raise BadClaims(f"{claim} is not written as it should be")
    return value


def _name(value: object) -> str:
    if type(value) is not str or _WHITE_ALONE.fullmatch(value) or len(value) > NAME_MOST:
        raise BadClaims("name is empty or too long")
    if _NAME_REFUSES.search(value):
        raise BadClaims("name holds a character that does not belong in a name")
    return value


def _status(value: object) -> tuple[str, int]:
    entry = value.get("status_list") if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(entry, Mapping) or entry.keys() != {"idx", "uri"}:
        raise BadClaims("status is not a reference to a status list")
    index = entry["idx"]
    if type(index) is not int or not 0 <= index <= _INDEX_MOST:
        raise BadClaims("idx is not an index")
    return _text(entry["uri"], "uri", _URI, URI_MOST), index


def _key(value: object, form: Form) -> Mapping[str, str] | None:
    if value is None and not form.holds_key:
        return None
    jwk = value.get("jwk") if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(jwk, Mapping) or jwk.keys() != {"kty", "crv", "x", "y"} or not form.holds_key:
        raise BadClaims("cnf: a phone and a chip name one P-256 key, a tag and a print none")
    try:
        key_from_jwk(jwk)
    except BadKey:
        raise BadClaims("cnf is not a P-256 key") from None
    return dict(jwk)


def _check_times(card: CardClaims) -> None:
    # The token form itself checks that `exp` follows `iat` and `nbf`.
    if card.expires_at - card.issued_at > LIFETIME_CAPS[card.form]:
        raise BadClaims("exp is further from iat than a card of this form may live")
