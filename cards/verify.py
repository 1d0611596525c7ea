"""Whether a presentation is valid: steps 2 to 6 of docs/design.md §5, pure. Step 1 is `cards.presentation`.

The numbers in the comments are those of docs/design.md §5 and of docs/card-format.md.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from types import MappingProxyType
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from cards.binding import MISFIT, bindings_of
from cards.claims import CardClaims, Form, parse
from cards.parts import Presentation
from cards.programme.types import Assurance
from cards.proof import (
    CHALLENGE_MAX_AGE,
    PROOF_AHEAD,
    PROOF_MAX_AGE,
    ChipProofClaims,
    ProofClaims,
    verify_read_chip_proof,
    verify_read_proof,
)
from cards.status import Freshness, Status, StatusAnswer, StatusSource
from keys.errors import MalformedToken, TokenError
from keys.jwk import key_from_jwk
from keys.keyset import KeySet, Purpose
from keys.tokens import LEEWAY, VerifiedToken, check_signature_by

REASONS: Final = (
    "unknown-key",
    "bad-signature",
    "bad-claims",
    "not-yet-valid",
    "expired",
    "revoked",
    "suspended",
    "status-unknown",
    "proof-missing",
    "bad-proof",
    "stale-proof",
    "clock-ahead",
    "id-check-needed",
    "assurance-too-low",
)
"""Every reason that verification can give, in the order of its steps."""

_STATUS_REASONS: Final = MappingProxyType({Status.REVOKED: "revoked", Status.SUSPENDED: "suspended"})


class Challenges(Protocol):
    """The nonces that readers were given and that no chip has answered yet."""

    def outstanding(self, reader: str, nonce: bytes, at: datetime) -> bool:
        """Return whether `nonce` was given to the device `reader`, is valid at `at`, and is not used."""
        ...


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier trusts. `version` is the trust bundle's: a cache finds no card that was verified under another
    version.
    """

    keys: KeySet
    issuer: str
    audience: str
    status: StatusSource
    version: int


@dataclass(frozen=True, slots=True)
class Verified:
    """The presentation is valid. `needs_id_check`: an operator must still compare the person's ID (in a look only).

    `proof` is the phone's or the chip's; its `proof_id` or `nonce` is claimed once, in step 10. `freshness` is that of
    the used status list: fresh or stale.
    """

    card: CardClaims
    token_digest: bytes
    assurance: Assurance
    proof: ProofClaims | ChipProofClaims | None
    freshness: Freshness
    needs_id_check: bool
    assurance_word: str
    """How well the presentation proved itself, in the word of the log and the API."""


@dataclass(frozen=True, slots=True)
class RefusedCard:
    """The presentation is not valid. `reason` is one of REASONS. `card` is known from step 4 on, and None before.

    `mark` says more to auditors, never to the visitor: MISFIT for a card with the index of another card.
    """

    reason: str
    card: CardClaims | None
    token_digest: bytes
    mark: str | None = None
    assurance_word: None = field(default=None, init=False)


@dataclass(frozen=True, slots=True)
class VerifiedCard:
    """A card that passed steps 2 to 4 once: the results that do not change with time."""

    kid: str
    card: CardClaims
    key: ec.EllipticCurvePublicKey | None
    bindings: tuple[bytes, ...]
    """The bindings with which an index of a status list belongs to this card."""


class CardCache:
    """Verified cards by token digest and trust version. The least recently used card is dropped first. Safe between
    threads.

    It saves only the signature and the parsing: time, the signing key's validity, status and proof are judged every
    time.
    """

    def __init__(self, most: int = 10_000) -> None:
        """Hold at most `most` cards. Raises ValueError for less than one."""
        if most < 1:
            raise ValueError("a cache holds at least one card")
        self._most = most
        self._cards: OrderedDict[tuple[bytes, int], VerifiedCard] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._cards)

    def get(self, digest: bytes, version: int) -> VerifiedCard | None:
        """Return the card with this digest that was verified under this trust version, or None."""
        with self._lock:
            known = self._cards.get((digest, version))
            if known is not None:
                self._cards.move_to_end((digest, version))
            return known

    def put(self, digest: bytes, version: int, card: VerifiedCard) -> None:
        """Keep a verified card."""
        with self._lock:
            self._cards[(digest, version)] = card
            self._cards.move_to_end((digest, version))
            if len(self._cards) > self._most:
                self._cards.popitem(last=False)


def verify_presentation(
    p: Presentation,
    trust: Trust,
    at: datetime,
    *,
    id_checked: bool,
    provisional: bool = False,
    least: Assurance = Assurance.COPYABLE,
    counted: bool = False,
    challenges: Challenges | None = None,
    cache: CardCache | None = None,
    proof_at: datetime | None = None,
) -> Verified | RefusedCard:
    """Return whether a presentation is valid at the instant `at`, and why not. Stops at the first step that fails.

    `p.card` must be set: for a proof alone, the caller has looked it up (ValueError otherwise, a fault of the caller).
    `id_checked`: the operator compared a person's ID. `provisional`: a look, which goes on without this and says so.
    `least`: the assurance that the service requires. `counted`: the caller has checked a tag's rising counter.
    `challenges`: the nonces that a chip may answer; without it, every chip's answer is refused. `proof_at`: the instant
    for the proof's age and the challenge, if it is not `at` (a confirmed look, or a use recorded offline).
    """
    if p.card is None:
        raise ValueError("look up the card that a proof names before verifying")
    digest = p.card_digest
    # 2. and 3. Header, key, signature; 4. the claims that never change.
    try:
        known = _known_card(p, digest, trust, at, cache)
    except TokenError as error:
        # A presentation that was read has no malformed parts. One made in another way has no valid signature.
        return RefusedCard("bad-signature" if isinstance(error, MalformedToken) else error.reason, None, digest)
    card = known.card
    reason = _refused_by_claims(card, trust, at)
    if reason is not None:
        return RefusedCard(reason, card, digest)
    # 5. Status list, and whether the index is this card's own.
    answer = trust.status.status(card.status_uri, card.status_index, at)
    refused = _refused_by_status(known, answer)
    if refused is not None:
        return RefusedCard(refused, card, digest, MISFIT if _is_anothers(known, answer) else None)
    # 6. Proof or challenge if the card names a key, the operator's word if it does not.
    proof = _checked_proof(known, p, digest, trust, at if proof_at is None else proof_at, challenges=challenges)
    if isinstance(proof, str):
        return RefusedCard(proof, card, digest)
    assurance = _assurance(card.form, proved=proof is not None, counted=counted)
    needs_id_check = assurance is not Assurance.PROVED and not id_checked
    if needs_id_check and not provisional:
        return RefusedCard("id-check-needed", card, digest)
    if assurance < least:
        return RefusedCard("assurance-too-low", card, digest)
    return Verified(card, digest, assurance, proof, answer.freshness, needs_id_check, assurance.word)


def _known_card(p: Presentation, digest: bytes, trust: Trust, at: datetime, cache: CardCache | None) -> VerifiedCard:
    known = None if cache is None else cache.get(digest, trust.version)
    if known is not None:
        # 2. Cards end with the validity of their key, even cards that were verified before.
        trust.keys.find(known.kid, Purpose.CARD, at)
        return known
    known = _read_card(check_signature_by(p.card_token, trust.keys, Purpose.CARD, at))
    if cache is not None:
        cache.put(digest, trust.version, known)
    return known


def _read_card(token: VerifiedToken) -> VerifiedCard:
    card = parse(token.claims)
    key = None if card.key is None else key_from_jwk(card.key)
    return VerifiedCard(str(token.header["kid"]), card, key, bindings_of(card))


def _refused_by_claims(card: CardClaims, trust: Trust, at: datetime) -> str | None:
    """4. Issuer and time. The leeway for two clocks applies to a card's beginning; its end is exact (RFC 7519
    §4.1.4).
    """
    if card.issuer != trust.issuer:
        return "bad-claims"
    if at < max(card.not_before, card.issued_at) - LEEWAY:
        return "not-yet-valid"
    if at >= card.expires_at:
        return "expired"
    return None


def _refused_by_status(known: VerifiedCard, answer: StatusAnswer) -> str | None:
    if answer.status is None or answer.freshness is Freshness.EXPIRED:
        return "status-unknown"
    if answer.status is Status.REVOKED and answer.issued_at is not None and known.card.issued_at > answer.issued_at:
        # When the list was made, nobody had this card, and an index without a card is listed as revoked.
        return "status-unknown"
    if answer.status is not Status.VALID:
        return _STATUS_REASONS[answer.status]
    return "revoked" if answer.bound and answer.binding not in known.bindings else None


def _is_anothers(known: VerifiedCard, answer: StatusAnswer) -> bool:
    """Return whether the index is bound to another card. An index without a binding was taken back meanwhile."""
    return answer.binding is not None and answer.binding not in known.bindings


def _checked_proof(
    known: VerifiedCard,
    p: Presentation,
    digest: bytes,
    trust: Trust,
    at: datetime,
    *,
    challenges: Challenges | None,
) -> ProofClaims | ChipProofClaims | str | None:
    """6. Return the proof, or None if the card can have none, or the reason why the proof is not valid."""
    if known.key is None:
        return None if p.proof is None else "bad-proof"
    if p.proof is None:
        return "proof-missing"
    try:
        if known.card.form is Form.CHIP:
            answer = verify_read_chip_proof(p.proof_token, known.key)
            return _refused_challenge(answer, digest, trust, at, challenges) or answer
        proof = verify_read_proof(p.proof_token, known.key)
    except TokenError:
        return "bad-proof"
    reason = _refused_by_binding(proof, digest, trust) or _refused_by_age(proof.issued_at, at, PROOF_MAX_AGE)
    return reason or proof


def _refused_challenge(
    answer: ChipProofClaims, digest: bytes, trust: Trust, at: datetime, challenges: Challenges | None
) -> str | None:
    reason = _refused_by_binding(answer, digest, trust)
    if reason is not None or challenges is None:
        return reason or "bad-proof"
    reason = _refused_by_age(answer.issued_at, at, CHALLENGE_MAX_AGE)
    if reason is not None:
        return reason
    return None if challenges.outstanding(answer.reader, answer.nonce, at) else "bad-proof"


def _refused_by_binding(proof: ProofClaims | ChipProofClaims, digest: bytes, trust: Trust) -> str | None:
    bound = proof.audience == trust.audience and proof.card_digest == digest
    return None if bound else "bad-proof"


def _refused_by_age(issued_at: datetime, at: datetime, most: timedelta) -> str | None:
    if issued_at - at > PROOF_AHEAD:
        return "clock-ahead"
    return "stale-proof" if at - issued_at > most else None


def _assurance(form: Form, *, proved: bool, counted: bool) -> Assurance:
    if proved:
        return Assurance.PROVED
    return Assurance.COUNTED if counted and form is Form.TAG else Assurance.COPYABLE
