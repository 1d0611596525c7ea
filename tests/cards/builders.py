"""Cards, proofs and trust for the tests, with valid defaults. A test changes only the part that it is about."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cards.claims import CardClaims, Form, sign_card
from cards.parts import Presentation
from cards.proof import ChipProofClaims, card_digest, chip_signing_input, sign_proof
from cards.status import Freshness, Status, StatusAnswer
from cards.verify import Trust
from cards.wire import Dictionary, dictionary_for
from edge.encoding import b64u
from keys.jwk import public_jwk
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import FileSigner

ISSUER = "https://cards.example"
AUDIENCE = "example-card"
STATUS_BASE = f"{ISSUER}/v1/status-lists/"
NOW = datetime(2026, 11, 22, 8, 15, 30, tzinfo=UTC)
DICTIONARY = dictionary_for(ISSUER, STATUS_BASE, 7, audience=AUDIENCE)
DICTIONARIES: dict[int, Dictionary] = {7: DICTIONARY}

ISSUER_KEY = FileSigner.generate()
STATUS_KEY = FileSigner.generate()
PHONE = FileSigner.generate()
READER = "reader-1"
NONCE = bytes(range(32))


def identifier() -> str:
    """Return a fresh 128-bit identifier."""
    return b64u(os.urandom(16))


def card_claims(form: Form = Form.PHONE, **changes: object) -> CardClaims:
    """Return a card's claims, issued at NOW for 30 days."""
    claims = CardClaims(
        issuer=ISSUER,
        subject=identifier(),
        card_id=identifier(),
        tier="silver",
        form=form,
        name="张*明",
        issued_at=NOW,
        not_before=NOW,
        expires_at=NOW + timedelta(days=30),
        key=public_jwk(PHONE.public_key) if form.holds_key else None,
        status_uri=f"{STATUS_BASE}3",
        status_index=4711,
    )
    return replace(claims, **changes)


def card(form: Form = Form.PHONE, signer: FileSigner = ISSUER_KEY, **changes: object) -> str:
    """Return a signed card token."""
    return sign_card(signer, card_claims(form, **changes))


def proof(token: str, signer: FileSigner = PHONE, *, audience: str = AUDIENCE, at: datetime = NOW) -> str:
    """Return a phone's proof for a card token."""
    return sign_proof(signer, card=token, audience=audience, proof_id=identifier(), issued_at=at)


def chip_proof(token: str, signer: FileSigner = PHONE, **changes: object) -> str:
    """Return a chip's answer for a card token."""
    claims = ChipProofClaims(AUDIENCE, READER, NONCE, NOW, card_digest(token))
    written = chip_signing_input(replace(claims, **changes))
    return f"{written}.{b64u(signer.sign(written.encode('ascii')))}"


def phone_presentation() -> Presentation:
    """Return a phone's card with a fresh proof."""
    token = card()
    return Presentation(token, proof(token))


@dataclass
class FixedStatus:
    """A status source with one answer; remembers what it was asked."""

    answer: StatusAnswer = field(default_factory=lambda: StatusAnswer(Status.VALID, Freshness.FRESH))
    asked: list[tuple[str, int]] = field(default_factory=list)

    def status(self, uri: str, index: int, at: datetime) -> StatusAnswer:
        self.asked.append((uri, index))
        return self.answer


@dataclass
class GivenChallenges:
    """Challenges of which `nonce` alone is outstanding, at `reader`."""

    reader: str = READER
    nonce: bytes = NONCE

    def outstanding(self, reader: str, nonce: bytes, at: datetime) -> bool:
        return (reader, nonce) == (self.reader, self.nonce)


def key_set(*, until: datetime = NOW + timedelta(days=365)) -> KeySet:
    """Return the card key and the status key, both valid around NOW."""
    return KeySet(
        VerificationKey.of(signer.public_key, purpose, NOW - timedelta(days=365), until)
        for signer, purpose in ((ISSUER_KEY, Purpose.CARD), (STATUS_KEY, Purpose.STATUS))
    )


def trust(says: Status | None = Status.VALID, freshness: Freshness = Freshness.FRESH, **changes: object) -> Trust:
    """Return a trust under which `card()` verifies at NOW."""
    source = FixedStatus(StatusAnswer(says, freshness))
    return replace(Trust(key_set(), ISSUER, AUDIENCE, source, 5), **changes)
