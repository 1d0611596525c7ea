"""A presentation as its parts, each read once, and which token may stand where. Plain text and wire form share this."""

from __future__ import annotations

import re
from functools import cached_property
from hashlib import sha256
from typing import Final

from cards.claims import CARD
from cards.proof import CHIP_PROOF, PROOF
from keys.errors import MalformedToken, TokenError
from keys.tokens import UnverifiedToken, read_unverified

SEPARATOR: Final = "~"
TEXT_MOST: Final = 4096
"""The longest text that is read, in characters; scanners' surrounding white space not counted."""

# What a token's text may hold, and all that the wire form carries raw. Whether it is a token is another question.
TOKEN_TEXT: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


class PresentationError(Exception):
    """A text is no presentation (`malformed`), or a presentation is too long to be packed (`too-long`)."""

    def __init__(self, reason: str = "malformed", detail: str = "not a presentation") -> None:
        super().__init__(detail)
        self.reason = reason


class Presentation:
    """What was scanned or tapped: a card token, a proof, or both; nothing of it verified. Its `repr` shows neither.

    Each token is read once and the card hashed once, however many steps ask for them.
    """

    def __init__(self, card: str | None, proof: str | None) -> None:
        """Hold the texts of the parts; PresentationError without any part, and for a text that cannot be a token."""
        for part in (card, proof):
            if part is not None and not TOKEN_TEXT.fullmatch(part):
                raise PresentationError
        if card is None and proof is None:
            raise PresentationError
        self.card = card
        self.proof = proof
        self.card_digest = sha256((card or "").encode()).digest()
        """SHA-256 of the card's exact text, which proofs name it by (`ath`); of nothing where there is no card."""

    @classmethod
    def of(cls, card: UnverifiedToken | None, proof: UnverifiedToken | None) -> Presentation:
        """Return the presentation of tokens already read."""
        made = cls(None if card is None else card.text, None if proof is None else proof.text)
        if card is not None:
            made.card_token = card
        if proof is not None:
            made.proof_token = proof
        return made

    @cached_property
    def card_token(self) -> UnverifiedToken:
        """The card, its claims unread. Raises MalformedToken if it is no card's text or the presentation has none."""
        return read_unverified(self.card or "", CARD)

    @cached_property
    def proof_token(self) -> UnverifiedToken:
        """The phone's proof or the chip's answer. Raises MalformedToken if it is neither or the presentation has
        none.
        """
        return read_unverified(self.proof or "", PROOF, CHIP_PROOF)

    @property
    def text(self) -> str:
        """The plain text: `card`, `card~proof` or `proof`."""
        return SEPARATOR.join(part for part in (self.card, self.proof) if part is not None)

    def card_says(self, claim: str) -> str | None:
        """Return a text claim of the unverified card, or None if it has none. For look-ups, never for a decision."""
        try:
            value = self.card_token.claims.get(claim)
        except TokenError:
            return None
        return value if isinstance(value, str) else None

    def proof_says(self, claim: str) -> str | None:
        """Return a text claim of the unverified proof, or None if it has none. For look-ups, never for a decision."""
        try:
            value = self.proof_token.claims.get(claim)
        except TokenError:
            return None
        return value if isinstance(value, str) else None

    @property
    def showing(self) -> str:
        """What names this one showing of the card: the phone's `jti` or the chip's nonce, empty where it has neither.

        For look-ups, never for a decision: nobody has verified the proof.
        """
        try:
            claims = self.proof_token.claims
        except TokenError:
            return ""
        return str(claims.get("jti") or claims.get("nonce") or "")

    def with_card(self, card: str) -> Presentation:
        """Return the same proof beside the card that it names."""
        made = Presentation(card, self.proof)
        read: UnverifiedToken | None = vars(self).get("proof_token")
        if read is not None:
            made.proof_token = read
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Presentation) and (self.card, self.proof) == (other.card, other.proof)

    def __hash__(self) -> int:
        return hash((self.card, self.proof))

    def __repr__(self) -> str:
        return f"Presentation(card={self.card is not None}, proof={self.proof is not None})"


def from_tokens(tokens: list[str]) -> Presentation:
    """Return the presentation of one token or two; `typ` says what each is. PresentationError otherwise."""
    try:
        # Only outer shapes and headers: bad claims are told after the signature (docs/design.md §5, steps 3 and 4).
        read = [read_unverified(token, CARD, PROOF, CHIP_PROOF) for token in tokens]
    except MalformedToken:
        raise PresentationError from None
    match read:
        case [token]:
            return Presentation.of(token, None) if token.form is CARD else Presentation.of(None, token)
        case [token, proof] if token.form is CARD and proof.form is not CARD:
            return Presentation.of(token, proof)
    raise PresentationError
