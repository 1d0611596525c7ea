"""The proof that a phone's key signs for each call of the wallet (docs/design.md §9). Values only: no clock, no memory.

It is of no use at a counter: its `typ` differs from a card proof's, and a card proof is no wallet proof.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from edge.encoding import b64u, digest
from edge.instants import from_epoch, to_epoch
from keys.dpop import ClockOff, normal_url
from keys.errors import BadClaims, BadSignature, TokenError
from keys.signer import Signer
from keys.tokens import TokenForm, sign_token, verify_with_key

PROOF_HEADER: Final = "Wallet-Proof"
"""The header in which a phone sends its proof."""

WALLET_PROOF: Final = TokenForm(
    typ="wallet-proof+jwt",
    headers=frozenset({"alg", "typ"}),
    required={"htm": str, "htu": str, "iat": int, "jti": str},
    optional={"bh": str, "ath": str},
    max_length=2048,
    max_lifetime=None,
)
"""`htm`, `htu` as RFC 9449; `bh` = base64url SHA-256 of the body, `ath` of the card token when there is one."""

MAX_SKEW: Final = timedelta(seconds=60)
"""How far `iat` may be from the server's instant, before or after."""
_JTI_LEAST, _JTI_MOST = 16, 128


@dataclass(frozen=True, slots=True)
class SignedCall:
    """The call that a proof must be about. `card` is the phone's card token, or None.

    `url` is its address without query. `also` are further addresses of the same call.
    """

    method: str
    url: str
    body: bytes
    card: str | None
    also: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class WalletProof:
    """A verified proof. Its `proof_id` is refused a second time until `forget_at`."""

    proof_id: str
    forget_at: datetime


BAD_WALLET_PROOF: Final = "bad-wallet-proof"
"""The problem of a call with a wrong proof. Its detail says which part is wrong."""
PROOF_USED: Final = "jti was used before; sign a new proof for each request."


def fault_told(error: TokenError, shown: str) -> str:
    """Return which part of a proof is wrong, for the author of the client. Nothing of the proof is quoted."""
    if not shown:
        return f"there is no {PROOF_HEADER} header."
    if isinstance(error, BadSignature):
        return "the signature is not by the key that is enrolled (the card's cnf), over this very proof."
    return f"{error}."


def sign_wallet_proof(signer: Signer, call: SignedCall, at: datetime) -> str:
    """Return a proof for one call."""
    claims: dict[str, object] = {
        "htm": call.method,
        "htu": call.url,
        "iat": to_epoch(at),
        "jti": b64u(secrets.token_bytes(16)),
        "bh": b64u(digest(call.body)),
    }
    if call.card is not None:
        claims["ath"] = b64u(digest(call.card.encode("ascii")))
    return sign_token(signer, WALLET_PROOF, claims)


def verify_wallet_proof(text: str, key: ec.EllipticCurvePublicKey, call: SignedCall, at: datetime) -> WalletProof:
    """Verify a proof with the phone's known key for this very call.

    Raises a TokenError for any other key, method, address, body or card, and ClockOff last, if everything else is
    right.
    """
    claims = verify_with_key(text, WALLET_PROOF, key).claims
    if not _JTI_LEAST <= len(str(claims["jti"])) <= _JTI_MOST:
        raise BadClaims(f"jti has {_JTI_LEAST} to {_JTI_MOST} characters")
    if claims["htm"] != call.method:
        raise BadClaims("htm is not this call's method")
    address = normal_url(str(claims["htu"]))
    if address is None or address not in map(normal_url, (call.url, *call.also)):
        raise BadClaims("htu is not this call's address, without its query, at the address that the server is known by")
    if claims.get("bh") != b64u(digest(call.body)):
        raise BadClaims("bh is not base64url(SHA-256(body))")
    if claims.get("ath") != (None if call.card is None else b64u(digest(call.card.encode()))):
        raise BadClaims("ath is not base64url(SHA-256(card token)), or stands there without a card")
    issued_at = from_epoch(int(str(claims["iat"])))
    if abs(at - issued_at) > MAX_SKEW:
        raise ClockOff(f"more than {MAX_SKEW.seconds} s from the server's time")
    return WalletProof(str(claims["jti"]), issued_at + 2 * MAX_SKEW)
