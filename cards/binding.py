"""Binding lists: which card an index of a status list belongs to, so that a stolen card key cannot make a valid card.

Reads no clock and fetches nothing. Bytes and rules: docs/card-format.md, "Binding list".
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import accumulate
from typing import Final

from cards.claims import URI_MOST, CardClaims, claim_instant
from edge.encoding import EncodingError, b64u, unb64u
from edge.instants import to_epoch
from keys.errors import BadClaims, TokenError
from keys.keyset import KeySet, Purpose
from keys.signer import Signer
from keys.tokens import LEEWAY, TokenForm, parse_unverified, sign_token, verify_with_keys

BINDING_BYTES: Final = 10
"""How many bytes of a SHA-256 are in the list: 80 bits, and each guess works for one index alone."""
SIZE_MOST: Final = 1 << 20
CONTENT_MOST: Final = 1 << 21
"""The greatest unpacked size of a list's content, in bytes."""
SEPARATOR: Final = "~"
MISFIT: Final = "card-misfit"
"""The mark of an entry and the kind of an incident: the card's index was given to another card."""

BINDING_LIST: Final = TokenForm(
    typ="bindinglist+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"sub": str, "iss": str, "iat": int, "exp": int, "size": int, "content": str},
    optional={},
    max_length=2_000,
    max_lifetime=timedelta(days=7),
)
"""The form of the signed statement. Its content follows after a tilde."""


class BindingListError(Exception):
    """A binding list is refused. `reason` gives the reason in one word; the text gives details to an operator.

    The reasons: `malformed`, `unknown-key`, `bad-signature`, `bad-claims`, `not-yet-valid`, `expired`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def card_binding(card: CardClaims) -> bytes:
    """Return the binding of an index to its card: a hash of everything in the card except its times."""
    said = (card.issuer, card.subject, card.card_id, card.tier, card.form.value, card.name, card.key_thumbprint or "")
    return _short_hash("card", card.status_uri, card.status_index, *said)


def pool_binding(uri: str, index: int, card_id: str) -> bytes:
    """Return the binding of a ready index to the id (`jti`) that was drawn for its card."""
    return _short_hash("pool", uri, index, card_id)


def bindings_of(card: CardClaims) -> tuple[bytes, bytes]:
    """Return the two bindings that an index of this card may have: to the whole card, or to its drawn id."""
    return card_binding(card), pool_binding(card.status_uri, card.status_index, card.card_id)


def fits(card: CardClaims, binding: bytes | None) -> bool:
    """Return whether an index with this binding is the card's own: bound to the whole card, or to its drawn id."""
    return binding in bindings_of(card)


def _short_hash(kind: str, uri: str, index: int, *said: str) -> bytes:
    # No part can contain a line feed (`cards.claims`), so two cards never give the same text.
    return sha256("\n".join((kind, uri, str(index), *said)).encode("utf-8")).digest()[:BINDING_BYTES]


@dataclass(frozen=True, slots=True)
class BindingList:
    """Bindings by index: a bitmap of the indexes with a binding, then the bindings in the order of their indexes."""

    bitmap: bytes
    bindings: bytes
    _before: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        before = tuple(accumulate((octet.bit_count() for octet in self.bitmap), initial=0))
        if not 0 < self.size <= SIZE_MOST or len(self.bindings) != before[-1] * BINDING_BYTES:
            raise BindingListError("malformed", "the bindings are not as many as the bitmap says")
        object.__setattr__(self, "_before", before)

    @property
    def size(self) -> int:
        """The number of indexes in the bitmap."""
        return len(self.bitmap) * 8

    @classmethod
    def of(cls, bindings: Mapping[int, bytes], size: int) -> BindingList:
        """Return the list of `size` indexes with these bindings. Raises ValueError for a wrong index or binding."""
        if size <= 0 or size % 8 or any(not 0 <= index < size for index in bindings):
            raise ValueError("an index lies outside the list, or the list fills no whole bytes")
        if any(len(binding) != BINDING_BYTES for binding in bindings.values()):
            raise ValueError(f"a binding has {BINDING_BYTES} bytes")
        bitmap = bytearray(size // 8)
        for index in bindings:
            bitmap[index >> 3] |= 1 << (index & 7)
        return cls(bytes(bitmap), b"".join(bindings[index] for index in sorted(bindings)))

    def at(self, index: int) -> bytes | None:
        """Return the binding of an index, or None. The cost does not depend on the list's size."""
        if not 0 <= index < self.size:
            return None
        octet, bit = self.bitmap[index >> 3], index & 7
        if not octet >> bit & 1:
            return None
        start = (self._before[index >> 3] + (octet & ((1 << bit) - 1)).bit_count()) * BINDING_BYTES
        return self.bindings[start : start + BINDING_BYTES]


@dataclass(frozen=True, slots=True)
class SignedBindingList:
    """A binding list with the content of its signed statement. `uri` is the address of its status list.

    Instants are aware UTC, whole seconds.
    """

    uri: str
    issuer: str
    issued_at: datetime
    expires_at: datetime
    listed: BindingList

    def at(self, index: int) -> bytes | None:
        """Return the binding of an index, or None."""
        return self.listed.at(index)


def sign_binding_list(signer: Signer, signed: SignedBindingList) -> str:
    """Return the binding list's text, signed with a status key. Raises BadClaims for values that would be refused."""
    content = zlib.compress(signed.listed.bitmap + signed.listed.bindings, 9)
    claims: dict[str, object] = {
        "sub": signed.uri,
        "iss": signed.issuer,
        "iat": to_epoch(signed.issued_at),
        "exp": to_epoch(signed.expires_at),
        "size": signed.listed.size,
        "content": b64u(sha256(content).digest()),
    }
    _check_claims(claims)
    return f"{sign_token(signer, BINDING_LIST, claims)}{SEPARATOR}{b64u(content)}"


def verify_binding_list(text: str, keys: KeySet, at: datetime, *, uri: str, issuer: str) -> SignedBindingList:
    """Return the bindings of a text whose statement a status key signed, with the address `uri`, of this issuer, valid
    at `at`.

    The caller that pairs the two checks that it is not older than its status list (`cards.status`). Raises
    BindingListError otherwise.
    """
    token, _, content = text.partition(SEPARATOR)
    try:
        claims = verify_with_keys(token, BINDING_LIST, keys, Purpose.STATUS, at).claims
        _check_claims(claims)
        issued_at, expires_at = claim_instant(claims["iat"], "iat"), claim_instant(claims["exp"], "exp")
    except TokenError as error:
        raise BindingListError(error.reason, str(error)) from None
    if claims["sub"] != uri or claims["iss"] != issuer:
        raise BindingListError("bad-claims", "the binding list has another name or another issuer")
    if at < issued_at - LEEWAY:
        raise BindingListError("not-yet-valid", "the binding list is from the future: is this clock right?")
    if at >= expires_at:
        raise BindingListError("expired", "the binding list has expired: fetch or publish its successor")
    return SignedBindingList(uri, issuer, issued_at, expires_at, _listed(content, claims))


def content_of(token: str) -> str | None:
    """Return a statement's name of its content, unverified, or None. Content that is already held is not fetched
    again.
    """
    try:
        return str(parse_unverified(token, BINDING_LIST).claims["content"])
    except TokenError:
        return None


def digest_of(content: bytes) -> str | None:
    """Return a statement's name of this content, or None if it is not base64url."""
    try:
        return b64u(sha256(unb64u(content.decode("ascii", "replace"))).digest())
    except EncodingError:
        return None


def _listed(content: str, claims: Mapping[str, object]) -> BindingList:
    try:
        octets = unb64u(content)
    except EncodingError:
        raise BindingListError("malformed", "the content is not base64url") from None
    if b64u(sha256(octets).digest()) != claims["content"]:
        raise BindingListError("bad-signature", "the content is not the one that was signed")
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(octets, CONTENT_MOST + 1)
    except zlib.error:
        raise BindingListError("malformed", "the content does not inflate") from None
    if not inflater.eof or inflater.unused_data or len(data) > CONTENT_MOST:
        raise BindingListError("malformed", "the content ends early, runs on, or inflates beyond two mebibytes")
    bitmap = int(str(claims["size"])) // 8
    return BindingList(data[:bitmap], data[bitmap:])


def _check_claims(claims: Mapping[str, object]) -> None:
    BINDING_LIST.check_claims(claims)
    size = claims["size"]
    if max(len(str(claims["sub"])), len(str(claims["iss"]))) > URI_MOST:
        raise BadClaims("sub and iss are short texts")
    if not isinstance(size, int) or not 0 < size <= SIZE_MOST or size % 8:
        raise BadClaims("size is a multiple of 8, at most 1048576")
