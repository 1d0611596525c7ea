"""The promise in every answer: the entry will be in the log's tree by a given time. The holder of a promise reads and
verifies it.

The receipt key signs it. An entry proof (`keys.entry_proof`) for its `leaf` keeps the promise; no such proof by then
breaks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keys.entry_proof import EntryProof, PromiseState, promise_state
from keys.errors import BadClaims, TokenError
from keys.keyset import KeySet, Purpose
from keys.notes import NoteKey, ecdsa_key
from keys.signer import Signer
from keys.tokens import TokenForm, parse_unverified, sign_token, verify_with_keys

INTEGRATION: Final = timedelta(seconds=60)
"""How soon an entry must be in the log's tree. Answers promise this time, and the alarm uses it."""

PROMISE: Final = TokenForm(
    typ="promise+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"iss": str, "iat": int, "by": int, "id": str, "leaf": str},
    optional={},
    max_length=1024,
    max_lifetime=None,
)
"""The form of a promise to integrate an entry: its id, its leaf hash (base64url) and the latest time, signed by the
receipt key.
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise with a verified signature: the entry's id, its leaf's hash (base64url), the time of the promise, and
    the latest time for the entry.
    """

    entry: str
    leaf: str
    made_at: int
    by: int

    def state(self, now: int, proof: EntryProof | None, keys: list[NoteKey]) -> tuple[PromiseState, str]:
        """Return the state of the promise at `now` (epoch seconds), given the log's proof and its `keys`, and the
        reason.
        """
        return promise_state(self.leaf, self.by, now, proof, keys)


def sign_promise(signer: Signer, issuer: str, promise: Promise) -> str:
    """Return a promise in the form of an answer."""
    claims: dict[str, object] = {
        "iss": issuer,
        "iat": promise.made_at,
        "by": promise.by,
        "id": promise.entry,
        "leaf": promise.leaf,
    }
    return sign_token(signer, PROMISE, claims)


def verify_promise(text: str, keys: KeySet, issuer: str, at: datetime) -> Promise:
    """Return a promise that one of these receipt keys signed in this issuer's name. Raises TokenError otherwise."""
    claims = verify_with_keys(text, PROMISE, keys, Purpose.RECEIPT, at).claims
    if claims["iss"] != issuer:
        raise BadClaims("another issuer's promise")
    return _of(claims)


def unverified_promise(text: str) -> Promise | None:
    """Return the content of an unverified promise, or None for a malformed text."""
    try:
        return _of(parse_unverified(text, PROMISE).claims)
    except TokenError:
        return None


def origin_of(issuer: str) -> str:
    """Return the log's name for an issuer: its address without the scheme, as tlog-tiles recommends."""
    return f"{issuer.partition('://')[2] or issuer}/v1/log"


def log_keys(keys: KeySet, issuer: str) -> list[NoteKey]:
    """Return the keys in a trust bundle that make checkpoints of the issuer's log trusted."""
    return [ecdsa_key(origin_of(issuer), key.key) for key in keys.of_purpose(Purpose.LOG)]


def _of(claims: Mapping[str, object]) -> Promise:
    made, by = claims["iat"], claims["by"]
    if not isinstance(made, int) or not isinstance(by, int) or by < made:
        raise BadClaims("by is before iat")
    return Promise(str(claims["id"]), str(claims["leaf"]), made, by)
