"""Proofs that the card itself is here: the phone's fresh signature, or the chip's answer to a challenge (docs/design.md
§4).

The key that the card names (`cnf`) signs both. `cards.verify` judges whether a proof is fresh.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cards.claims import URI_MOST
from edge.encoding import EncodingError, b64u, digest, unb64u
from edge.instants import to_epoch
from edge.strictjson import dumps
from keys.errors import BadClaims, MalformedToken
from keys.signer import Signer
from keys.tokens import TokenForm, UnverifiedToken, check_signature, parse_unverified, read_unverified, sign_token

PROOF_MAX_AGE: Final = timedelta(seconds=45)
PROOF_AHEAD: Final = timedelta(seconds=5)
CHALLENGE_MAX_AGE: Final = timedelta(seconds=30)
"""How long a chip may take to answer, from the reader's `iat`. Each challenge serves once (docs/design.md §4)."""

PROOF: Final = TokenForm(
    typ="card-proof+jwt",
    headers=frozenset({"alg", "typ"}),
    required={"iat": int, "aud": str, "jti": str, "ath": str},
    optional={},
    max_length=600,
    max_lifetime=None,
)
"""The form of a phone's proof. It has no `kid`: the card names the key."""

CHIP_PROOF: Final = TokenForm(
    typ="chip-proof+jwt",
    headers=frozenset({"alg", "typ"}),
    required={"aud": str, "rdr": str, "nonce": str, "iat": int, "ath": str},
    optional={},
    max_length=700,
    max_lifetime=None,
)
"""The form of a chip's answer: the reader writes it, and the chip signs the SHA-256 of its signing input."""

_READER = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NONCE_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]", re.ASCII)  # 16 bytes: the last character carries two bits of them
_DIGEST_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True)
class ProofClaims:
    """The content of a phone's proof. `proof_id` is base64url of 16 random bytes. `card_digest` is the card token's
    SHA-256.
    """

    issued_at: datetime
    audience: str
    proof_id: str
    card_digest: bytes

    def to_claims(self) -> dict[str, object]:
        """Return the JSON claims in the order that the wire form packs."""
        return {
            "iat": to_epoch(self.issued_at),
            "aud": self.audience,
            "jti": self.proof_id,
            "ath": b64u(self.card_digest),
        }


@dataclass(frozen=True)
class ChipProofClaims:
    """The content of a chip's answer. `reader` is the device that asked, `nonce` is the challenge of 32 random
    bytes.
    """

    audience: str
    reader: str
    nonce: bytes
    issued_at: datetime
    card_digest: bytes

    def to_claims(self) -> dict[str, object]:
        """Return the JSON claims in the order in which readers write them."""
        return {
            "aud": self.audience,
            "rdr": self.reader,
            "nonce": b64u(self.nonce),
            "iat": to_epoch(self.issued_at),
            "ath": b64u(self.card_digest),
        }


def card_digest(card: str) -> bytes:
    """Return the content of `ath`: SHA-256 of the exact text of a card token."""
    return digest(card.encode("ascii"))


def parse_proof(claims: Mapping[str, object]) -> ProofClaims:
    """Return the typed claims of a phone's proof, or raise BadClaims."""
    PROOF.check_claims(claims)
    return _proof_of(claims)


def _proof_of(claims: Mapping[str, object]) -> ProofClaims:
    """Turn claims that were read as a phone's proof into typed claims. Their form has already checked names, kinds and
    bounds.
    """
    return ProofClaims(
        issued_at=_instant(claims["iat"]),
        audience=_audience(claims["aud"]),
        proof_id=_identifier(claims["jti"]),
        card_digest=_octets(claims["ath"], "ath", _DIGEST_BYTES),
    )


def parse_chip_proof(claims: Mapping[str, object]) -> ChipProofClaims:
    """Return the typed claims of a chip's answer, or raise BadClaims."""
    CHIP_PROOF.check_claims(claims)
    return _chip_proof_of(claims)


def _chip_proof_of(claims: Mapping[str, object]) -> ChipProofClaims:
    """Turn claims that were read as a chip's answer into typed claims. Their form has already checked names, kinds and
    bounds.
    """
    reader = claims["rdr"]
    if type(reader) is not str or not _READER.fullmatch(reader):
        raise BadClaims("rdr is not a device's id")
    return ChipProofClaims(
        audience=_audience(claims["aud"]),
        reader=reader,
        nonce=_octets(claims["nonce"], "nonce", _NONCE_BYTES),
        issued_at=_instant(claims["iat"]),
        card_digest=_octets(claims["ath"], "ath", _DIGEST_BYTES),
    )


def sign_proof(signer: Signer, *, card: str, audience: str, proof_id: str, issued_at: datetime) -> str:
    """Return a phone's proof for the card token `card`, signed with the key that the card names. Raises BadClaims for
    bad values.
    """
    written = ProofClaims(issued_at, audience, proof_id, card_digest(card)).to_claims()
    parse_proof(written)
    return sign_token(signer, PROOF, written)


def verify_proof(text: str, key: ec.EllipticCurvePublicKey) -> ProofClaims:
    """Return the content of a phone's proof, verified with the card's key. Raises TokenError otherwise. Judges no
    time.
    """
    return verify_read_proof(read_unverified(text, PROOF), key)


def verify_chip_proof(text: str, key: ec.EllipticCurvePublicKey) -> ChipProofClaims:
    """Return the content of a chip's answer, verified with the card's key. Raises TokenError otherwise. Judges no
    time.
    """
    return verify_read_chip_proof(read_unverified(text, CHIP_PROOF), key)


def verify_read_proof(token: UnverifiedToken, key: ec.EllipticCurvePublicKey) -> ProofClaims:
    """Do the same as `verify_proof` for a token that is already read. Raises MalformedToken for a token of another
    form.
    """
    if token.form is not PROOF:
        raise MalformedToken("not a phone's proof")
    return _proof_of(check_signature(token, key).claims)


def verify_read_chip_proof(token: UnverifiedToken, key: ec.EllipticCurvePublicKey) -> ChipProofClaims:
    """Do the same as `verify_chip_proof` for a token that is already read. Raises MalformedToken for a token of another
    form.
    """
    if token.form is not CHIP_PROOF:
        raise MalformedToken("not a chip's answer")
    return _chip_proof_of(check_signature(token, key).claims)


def chip_signing_input(claims: ChipProofClaims) -> str:
    """Return the text that a reader hashes with SHA-256 and that the chip signs (PIV slot 9E). Raises BadClaims
    otherwise.
    """
    written = claims.to_claims()
    parse_chip_proof(written)
    header = {"alg": "ES256", "typ": CHIP_PROOF.typ}
    return f"{b64u(dumps(header))}.{b64u(dumps(written))}"


def complete_chip_proof(signing_input: str, signature: bytes, key: ec.EllipticCurvePublicKey) -> str:
    """Return the chip-proof token from a signing input and the chip's signature over it.

    `signature` is r and s of 32 bytes each. A PIV chip answers in DER, which the reader unpacks. Raises ValueError for
    another length. Raises TokenError unless the card's `key` verifies it, so that a broken chip is noticed at the
    reader.
    """
    if len(signature) != _SIGNATURE_BYTES:
        raise ValueError("an ES256 signature is r and s of 32 bytes each")
    text = f"{signing_input}.{b64u(signature)}"
    check_signature(parse_unverified(text, CHIP_PROOF), key)
    return text


def _instant(value: object) -> datetime:
    if type(value) is not int:
        raise BadClaims("iat is not an instant")
    return datetime.fromtimestamp(value, UTC)


def _identifier(value: object) -> str:
    if type(value) is not str or _ID.fullmatch(value) is None:
        raise BadClaims("jti is not base64url of 16 bytes")
    return value


def _audience(value: object) -> str:
    if type(value) is not str or len(value) > URI_MOST:
        raise BadClaims("aud is not an audience")
    return value


def _octets(value: object, claim: str, size: int) -> bytes:
    try:
        octets = unb64u(value) if type(value) is str else b""
    except EncodingError:
        octets = b""
    if len(octets) != size:
        raise BadClaims(f"{claim} is not base64url of {size} bytes")
    return octets
