"""A presentation as its parts, each read once, and which token may stand in which place. Plain text and wire form both
use this.
"""

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
"""The longest text that is read, in characters, without a scanner's surrounding white space."""

# The characters that a token may contain, and all that the wire form carries raw. This does not mean that the text is a
# token.
TOKEN_TEXT: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


class PresentationError(Exception):
    """A text is no presentation (`malformed`), or a presentation is too long to pack (`too-long`)."""

    def __init__(self, reason: str = "malformed", detail: str = "not a presentation") -> None:
        super().__init__(detail)
        self.reason = reason


class Presentation:
    """What was scanned or tapped: a card token, a proof, or both. Nothing in it is verified. Its `repr` shows neither.

    Each token is read once and the card is hashed once, however many steps need them.
    """

    def __init__(self, card: str | None, proof: str | None) -> None:
        """Hold the texts of the parts. Raises PresentationError if there is no part, and for a text that cannot be a
        token.
        """
        for part in (card, proof):
            if part is not None and not TOKEN_TEXT.fullmatch(part):
                raise PresentationError
        if card is None and proof is None:
            raise PresentationError
        self.card = card
        self.proof = proof
        self.card_digest = sha256((card or "").encode()).digest()
        """SHA-256 of the card's exact text, by which proofs name the card (`ath`). Without a card, it is the hash of an
        empty text.
        """

    @classmethod
    def of(cls, card: UnverifiedToken | None, proof: UnverifiedToken | None) -> Presentation:
        """Return the presentation of tokens that are already read."""
        made = cls(None if card is None else card.text, None if proof is None else proof.text)
        if card is not None:
            made.card_token = card
        if proof is not None:
            made.proof_token = proof
        return made

    @cached_property
    def card_token(self) -> UnverifiedToken:
        """Return the card, with its claims unread. Raises MalformedToken if it has no card's form or the presentation
        has no card.
        """
        return read_unverified(self.card or "", CARD)

    @cached_property
    def proof_token(self) -> UnverifiedToken:
        """Return the phone's proof or the chip's answer. Raises MalformedToken if it has neither form or the
        presentation has no proof.
        """
        return read_unverified(self.proof or "", PROOF, CHIP_PROOF)

    @property
    def text(self) -> str:
        """The plain text: `card`, `card~proof` or `proof`."""
        return SEPARATOR.join(part for part in (self.card, self.proof) if part is not None)

    def card_says(self, claim: str) -> str | None:
        """Return a text claim of the unverified card, or None. For look-ups, never for a decision."""
        try:
            value = self.card_token.claims.get(claim)
        except TokenError:
            return None
        return value if isinstance(value, str) else None

    def proof_says(self, claim: str) -> str | None:
        """Return a text claim of the unverified proof, or None. For look-ups, never for a decision."""
        try:
            value = self.proof_token.claims.get(claim)
        except TokenError:
            return None
        return value if isinstance(value, str) else None

    @property
    def showing(self) -> str:
        """Return the name of this showing of the card: the phone's `jti` or the chip's nonce, or an empty text without
        either.

        For look-ups, never for a decision: nobody has verified the proof.
        """
        try:
            claims = self.proof_token.claims
        except TokenError:
            return ""
        return str(claims.get("jti") or claims.get("nonce") or "")

    def with_card(self, card: str) -> Presentation:
        """Return the same proof together with its card."""
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
    """Return the presentation of one or two tokens; `typ` says what each is. Raises PresentationError otherwise."""
    try:
        # Only outer forms and headers: bad claims are reported after the signature (docs/design.md §5, steps 3 and 4).
        read = [read_unverified(token, CARD, PROOF, CHIP_PROOF) for token in tokens]
    except MalformedToken:
        raise PresentationError from None
    match read:
        case [token]:
            return Presentation.of(token, None) if token.form is CARD else Presentation.of(None, token)
        case [token, proof] if token.form is CARD and proof.form is not CARD:
            return Presentation.of(token, proof)
    raise PresentationError
