"""The card profiles, tried in their order on the card on the reader. Each gives what to show to the verifier.

Nothing is verified here: the verifier does this online, and `cards.verify` offline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cards.claims import CARD, Form
from cards.proof import ChipProofClaims, card_digest, chip_signing_input
from devices import ndef, piv, type2, type4
from devices.faults import CardEmpty, CardFault, CardUnknown
from devices.transport import Tap
from edge.encoding import b64u
from keys.tokens import TokenError, parse_unverified

SUN_LINK: Final = re.compile(r"https?://[!-~]{1,160}\?p=[0-9A-Fa-f]{32}&c=[0-9A-Fa-f]{16}", re.ASCII)
_HTTP: Final = ("http://", "https://")


class Profile(StrEnum):
    """What kind of card it is."""

    CHIP = "chip"
    SUN = "ntag424"
    TYPE4 = "type4"
    TYPE2 = "type2"

    @property
    def assurance(self) -> str:
        """Return how well a card of this profile can prove itself (docs/design.md §4)."""
        return {Profile.CHIP: "proved", Profile.SUN: "counted"}.get(self, "copyable")


@dataclass(frozen=True, slots=True)
class CardRead:
    """What was read from a card: its profile and its text (a card token, a wire form, or a tag's link). No `repr` shows
    it.
    """

    profile: Profile
    text: str

    def __repr__(self) -> str:
        return f"CardRead({self.profile}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class ChipChallenge:
    """The challenge for a chip: the server's nonce if the server answers, otherwise the reader's own."""

    audience: str
    reader: str
    nonce: bytes
    issued_at: datetime


def tap_card(tap: Tap) -> CardRead:
    """Read the card on the reader. Raises CardUnknown, CardEmpty or CardFault if it is no card of this product."""
    has_piv = piv.select(tap)
    if has_piv:
        token = piv.read_token(tap)
        if token is not None:
            return CardRead(Profile.CHIP, token)
    if type4.select(tap):
        return _from_type4(tap, has_piv=has_piv)
    if has_piv:
        raise CardEmpty("the chip holds no card yet")
    found = type2.container(tap)
    if found is None:
        raise CardUnknown("no card that this reader knows how to read")
    return CardRead(Profile.TYPE2, _card_text(ndef.message_text(type2.read(tap, found))))


def _from_type4(tap: Tap, *, has_piv: bool) -> CardRead:
    text = ndef.message_text(type4.read(tap))
    if SUN_LINK.fullmatch(text):
        return CardRead(Profile.SUN, text)
    if has_piv and form_of_card(_card_text(text)) is Form.CHIP:
        # The key belongs to the PIV application, which must be selected again before it can sign.
        if not piv.select(tap):
            raise CardFault("the chip's PIV application went away")
        return CardRead(Profile.CHIP, text)
    return CardRead(Profile.TYPE4, _card_text(text))


def answer_chip(tap: Tap, read: CardRead, challenge: ChipChallenge) -> str:
    """Have the chip answer a challenge. Return the presentation (`card~chip-proof`).

    The answer of a copied card is returned like any other: the verifier refuses it and logs the refusal.
    """
    claims = ChipProofClaims(
        challenge.audience, challenge.reader, challenge.nonce, challenge.issued_at, card_digest(read.text)
    )
    asked = chip_signing_input(claims)
    return f"{read.text}~{asked}.{b64u(piv.sign(tap, asked.encode('ascii')))}"


def form_of_card(text: str) -> Form | None:
    """Return the form that a plain card token claims, or None for any other text. It is unverified, and only chooses
    questions.
    """
    try:
        return Form(str(parse_unverified(text.partition("~")[0], CARD).claims.get("form")))
    except (TokenError, ValueError):
        return None


def _card_text(text: str) -> str:
    if text.startswith(_HTTP):
        raise CardUnknown("the tag carries a link that is none of ours")
    return text
