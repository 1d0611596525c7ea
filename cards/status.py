"""Status lists: which cards are revoked or suspended (IETF Token Status List), as bits and as a signed document.

This module reads no clock and fetches nothing. Callers hand in the lists.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from cards.binding import SignedBindingList
from cards.claims import URI_MOST, claim_instant
from edge.encoding import EncodingError, b64u, unb64u
from edge.instants import to_epoch
from keys.errors import BadClaims, TokenError
from keys.keyset import KeySet, Purpose
from keys.signer import Signer
from keys.tokens import LEEWAY, TokenForm, sign_token, verify_with_keys

LIST_SIZE: Final = 131_072
"""The number of cards in one list (docs/design.md §4)."""
STATUS_GRACE: Final = timedelta(seconds=60)
"""How long after its `ttl` a list still counts as fresh: the time to fetch the next list."""
INFLATED_MOST: Final = 1 << 20
"""The greatest unpacked size of a list, in bytes."""
_TTL_MOST: Final = 86_400

STATUS_LIST: Final = TokenForm(
    typ="statuslist+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={
        "sub": str,
        "iss": str,
        "iat": int,
        "exp": int,
        "ttl": int,
        "status_list": dict,
        "bundle": int,
    },
    optional={},
    max_length=131_072,
    max_lifetime=timedelta(days=7),
)
"""The form of a signed status list."""


class Status(IntEnum):
    """The status of one card in a list. Unassigned indexes are published as revoked."""

    VALID = 0
    REVOKED = 1
    SUSPENDED = 2


class Freshness(StrEnum):
    """The age of the list behind an answer: fresh, stale (amber), or expired (must not be used any more)."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


class StatusListError(Exception):
    """A status list is refused. `reason` gives the reason in one word; the text gives details to an operator.

    The reasons: `malformed`, `unknown-key`, `bad-signature`, `bad-claims`, `not-yet-valid`, `expired`, `rolled-back`,
    `bundle-too-old`, `not-bound`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """A source's answer about one card. `status` is None if it has no such list or no such index.

    `bound`: the source has the list's bindings. `binding` is the binding of the index, or None. `issued_at` is the
    list's instant, or None from a source without lists.
    """

    status: Status | None
    freshness: Freshness
    bound: bool = False
    binding: bytes | None = None
    issued_at: datetime | None = None


UNKNOWN: Final = StatusAnswer(None, Freshness.EXPIRED)
"""The answer of a source that has no such list."""


class StatusSource(Protocol):
    """A source of statuses for verification. It never raises for an unknown list: the answer is then UNKNOWN."""

    def status(self, uri: str, index: int, at: datetime) -> StatusAnswer:
        """Return the answer at `at` about the card at `index` in the list `uri`."""
        ...


@dataclass(frozen=True, slots=True)
class StatusList:
    """Statuses of `bits` bits each (1, 2, 4 or 8), packed from the least significant bit up. Cards use two bits."""

    bits: int
    octets: bytes

    def __post_init__(self) -> None:
        if self.bits not in (1, 2, 4, 8) or not 0 < len(self.octets) <= INFLATED_MOST:
            raise StatusListError("malformed", "a list has 1, 2, 4 or 8 bits a status and holds something")

    def __len__(self) -> int:
        return len(self.octets) * 8 // self.bits

    def value(self, index: int) -> int:
        """Return the number at `index`. Raises IndexError outside the list."""
        if not 0 <= index < len(self):
            raise IndexError("outside the status list")
        at = index * self.bits
        return self.octets[at >> 3] >> (at & 7) & ((1 << self.bits) - 1)

    def lookup(self, index: int) -> Status | None:
        """Return the status at `index`, or None outside the list and for a number without a meaning here."""
        if not 0 <= index < len(self):
            return None
        value = self.value(index)
        return Status(value) if value <= Status.SUSPENDED else None

    def to_claim(self) -> dict[str, object]:
        """Return the `status_list` claim: `bits` and `lst`, base64url of the zlib-deflated octets."""
        return {"bits": self.bits, "lst": b64u(zlib.compress(self.octets, 9))}

    @classmethod
    def from_claim(cls, claim: object) -> StatusList:
        """Read a `status_list` claim. Raises StatusListError unless it unpacks exactly, within bounds, to a list."""
        if not isinstance(claim, Mapping) or claim.keys() != {"bits", "lst"}:
            raise StatusListError("malformed", "a status list is bits and lst")
        bits, lst = claim["bits"], claim["lst"]
        if type(bits) is not int or type(lst) is not str:
            raise StatusListError("malformed", "bits is a number and lst a text")
        try:
            return cls(bits, _inflate(unb64u(lst)))
        except EncodingError:
            raise StatusListError("malformed", "lst is not base64url") from None


def build(statuses: Mapping[int, Status], *, size: int = LIST_SIZE, bits: int = 2) -> StatusList:
    """Return a list of `size` statuses: those in `statuses` by index, and all others revoked.

    Raises ValueError for an index outside the list, or for a size that fills no whole bytes.
    """
    if size <= 0 or size * bits % 8:
        raise ValueError("a list fills whole bytes")
    each = 8 // bits
    octets = bytearray([sum(Status.REVOKED << bits * place for place in range(each))]) * (size // each)
    mask = (1 << bits) - 1
    for index, status in statuses.items():
        if not 0 <= index < size or status > mask:
            raise ValueError("an index or a status that the list has no room for")
        at = index * bits
        octets[at >> 3] = octets[at >> 3] & ~(mask << (at & 7)) | status << (at & 7)
    return StatusList(bits, bytes(octets))


@dataclass(frozen=True, slots=True)
class SignedStatusList:
    """A list with the content of its signed document. Instants are aware UTC, whole seconds.

    `uri` names the list. `ttl` is when to fetch the next list. Nobody may use it after `expires_at`. `bundle` is the
    lowest version of the trust bundle that may be used with it.
    """

    uri: str
    issuer: str
    issued_at: datetime
    expires_at: datetime
    ttl: timedelta
    bundle: int
    statuses: StatusList

    def freshness(self, at: datetime) -> Freshness:
        """Return how far the list may be trusted at `at`."""
        if at >= self.expires_at:
            return Freshness.EXPIRED
        return Freshness.FRESH if at - self.issued_at <= self.ttl + STATUS_GRACE else Freshness.STALE

    def answer(self, index: int, at: datetime) -> StatusAnswer:
        """Return the list's answer at `at` about the card at `index`. The cost does not depend on the list's size."""
        return StatusAnswer(self.statuses.lookup(index), self.freshness(at), issued_at=self.issued_at)


def sign_status_list(signer: Signer, signed: SignedStatusList) -> str:
    """Return the status list token, signed with a status key. Raises BadClaims for values that would be refused."""
    claims = {
        "sub": signed.uri,
        "iss": signed.issuer,
        "iat": to_epoch(signed.issued_at),
        "exp": to_epoch(signed.expires_at),
        "ttl": signed.ttl // timedelta(seconds=1),
        "status_list": signed.statuses.to_claim(),
        "bundle": signed.bundle,
    }
    _from_claims(claims)
    return sign_token(signer, STATUS_LIST, claims)


def verify_status_list(
    text: str,
    keys: KeySet,
    at: datetime,
    *,
    uri: str,
    issuer: str,
    bundle_version: int,
    seen: datetime | None = None,
) -> SignedStatusList:
    """Return the list of a token that a status key signed, with the name `uri`, of this issuer, not expired at `at`.

    `bundle_version` is the version of the trust bundle in use. `seen` is the `iat` of the newest list of this name
    accepted so far: an older list is refused, and the same list may be read again. Raises StatusListError otherwise.
    """
    try:
        signed = _from_claims(verify_with_keys(text, STATUS_LIST, keys, Purpose.STATUS, at).claims)
    except TokenError as error:
        raise StatusListError(error.reason, str(error)) from None
    if signed.uri != uri or signed.issuer != issuer:
        raise StatusListError("bad-claims", "the list has another name or another issuer")
    _check_now(signed, at, bundle_version, seen)
    return signed


def check_paired(signed: SignedStatusList, bindings: SignedBindingList) -> None:
    """Raise StatusListError (`not-bound`) for bindings older than their status list, which lack its newest cards."""
    if bindings.uri != signed.uri or bindings.issued_at < signed.issued_at:
        raise StatusListError("not-bound", "the binding list is older than its status list: fetch or publish again")


class StatusLists:
    """Lists in memory, with their bindings if they have any: a StatusSource.

    Replacing a list is atomic; readers need no lock.
    """

    def __init__(self, lists: Iterable[SignedStatusList] = ()) -> None:
        self._lists: dict[str, tuple[SignedStatusList, SignedBindingList | None]] = {
            one.uri: (one, None) for one in lists
        }

    def put(self, signed: SignedStatusList, bindings: SignedBindingList | None = None) -> None:
        """Replace an older list of the same name by this list. Raises StatusListError if that is not allowed.

        `rolled-back`: it is older than the present list. `not-bound`: its bindings are older than itself, or missing
        although the present list has some.
        """
        held, bound = self._lists.get(signed.uri, (None, None))
        if held is not None and signed.issued_at < held.issued_at:
            raise StatusListError("rolled-back", "the list is older than the one held")
        if bindings is not None:
            check_paired(signed, bindings)
        elif bound is not None:
            raise StatusListError("not-bound", "the list comes without the bindings that it had before")
        self._lists = {**self._lists, signed.uri: (signed, bindings)}

    def get(self, uri: str) -> SignedStatusList | None:
        """Return the list of this name, or None."""
        return self._lists.get(uri, (None, None))[0]

    def bindings(self, uri: str) -> SignedBindingList | None:
        """Return the bindings of the list of this name, or None."""
        return self._lists.get(uri, (None, None))[1]

    def status(self, uri: str, index: int, at: datetime) -> StatusAnswer:
        """Return the answer at `at` about the card at `index` in the list `uri`."""
        held, bindings = self._lists.get(uri, (None, None))
        if held is None:
            return UNKNOWN
        answer = held.answer(index, at)
        return answer if bindings is None else replace(answer, bound=True, binding=bindings.at(index))


def _inflate(octets: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(octets, INFLATED_MOST + 1)
    except zlib.error:
        raise StatusListError("malformed", "lst does not inflate") from None
    if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail or len(data) > INFLATED_MOST:
        raise StatusListError("malformed", "lst ends early, runs on, or inflates beyond a mebibyte")
    return data


def _from_claims(claims: Mapping[str, object]) -> SignedStatusList:
    STATUS_LIST.check_claims(claims)
    uri, issuer, ttl, bundle = claims["sub"], claims["iss"], claims["ttl"], claims["bundle"]
    if not isinstance(uri, str) or not isinstance(issuer, str) or max(len(uri), len(issuer)) > URI_MOST:
        raise BadClaims("sub and iss are short texts")
    if not isinstance(ttl, int) or not isinstance(bundle, int) or not 0 < ttl <= _TTL_MOST or bundle < 1:
        raise BadClaims("ttl is 1 to 86400 seconds, bundle a version from 1")
    try:
        statuses = StatusList.from_claim(claims["status_list"])
    except StatusListError as error:
        raise BadClaims(str(error)) from None
    issued_at, expires_at = claim_instant(claims["iat"], "iat"), claim_instant(claims["exp"], "exp")
    return SignedStatusList(uri, issuer, issued_at, expires_at, timedelta(seconds=ttl), bundle, statuses)


def _check_now(signed: SignedStatusList, at: datetime, bundle_version: int, seen: datetime | None) -> None:
    if at < signed.issued_at - LEEWAY:
        raise StatusListError("not-yet-valid", "the list is from the future: is this clock right?")
    if at >= signed.expires_at:
        raise StatusListError("expired", "the list has expired: fetch or publish its successor")
    if seen is not None and signed.issued_at < seen:
        raise StatusListError("rolled-back", "the list is older than one seen before")
    if bundle_version < signed.bundle:
        raise StatusListError("bundle-too-old", f"the list asks for trust bundle {signed.bundle} or later: fetch it")
