"""Writes cards: a key is made on the chip, the card is written and read again, tags get keys and are closed.

Each step may be interrupted, and the whole may be repeated on the same card. Management keys are arguments, never text.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from cards.claims import CARD, CardClaims, Form, parse
from cards.parts import PresentationError
from cards.presentation import read
from cards.wire import Dictionary
from devices import ndef, ntag424, piv, type2, type4
from devices.faults import CardEmpty, CardFault, CardTaken, CardUnknown, CardUnsuited, DeviceFault
from devices.ntag424 import FILE_KEY, META_KEY, TagMasters
from devices.piv import ManagementKey
from devices.transport import Tap
from keys.errors import TokenError
from keys.jwk import key_from_jwk, public_jwk
from keys.tokens import parse_unverified, signature_holds


class WrongToken(DeviceFault):
    """The token does not belong to this card."""

    hint = "give the token as the issuer's command line shows it"


class CardKind(StrEnum):
    """The kinds of cards to personalise."""

    CHIP = "chip"
    TAG = "tag"
    TAG424 = "tag424"


@dataclass(frozen=True, slots=True)
class Written:
    """The result for one card: its id in the register, the record for the verifier (tag424), and the number of
    APDUs.
    """

    card_id: str
    record: dict[str, str] | None
    exchanges: int

    def __repr__(self) -> str:
        return f"Written({self.card_id})"


class Replacing(StrEnum):
    """Which content of a chip may be replaced."""

    NOTHING = "nothing"
    KEY = "key"
    """A key without a card, which an interrupted try of the same job left."""
    ALL = "all"


def make_key(tap: Tap, management: ManagementKey, *, replacing: Replacing = Replacing.NOTHING) -> dict[str, str]:
    """Make a new key on the chip and return its public JWK.

    Raises CardTaken if the chip holds a key or a card that may not be replaced, CardUnsuited if no place of the chip
    can hold a card. Both are raised before anything on the chip is changed.
    """
    _piv(tap)
    _check_free(tap, replacing)
    piv.authenticate(tap, management)
    if _place(tap) is None:  # NDEF was selected to check that it is there
        _piv(tap)
        piv.authenticate(tap, management)
    return public_jwk(piv.generate_key(tap))


def write_chip(tap: Tap, management: ManagementKey, token: str, *, replacing: Replacing = Replacing.NOTHING) -> Written:
    """Write a card token on the chip whose key it names, and read it again. Raises WrongToken for another chip's token.

    The token goes into a data object of the PIV application, or into NDEF if the chip has no such object. Raises
    CardTaken if the chip holds another card that may not be replaced.
    """
    claims = claims_of(token, Form.CHIP)
    _piv(tap)
    if not holds_key(tap, key_from_jwk(dict(claims.key or {}))):
        raise WrongToken("the token names another chip's key", "put the chip on that the key was made on")
    if replacing is not Replacing.ALL and _card_on(tap) not in {None, token}:
        raise CardTaken("the chip holds another card")
    piv.authenticate(tap, management)
    place = _place(tap)
    if place is None:
        type4.write(tap, ndef.card_message(token))
    else:
        piv.write_token(tap, token, place)
    return Written(claims.card_id, None, tap.exchanges)


def _check_free(tap: Tap, replacing: Replacing) -> None:
    """Refuse a chip whose content may not be replaced. The PIV application stays selected."""
    if replacing is Replacing.ALL:
        return
    if _card_on(tap) is not None:
        raise CardTaken("the chip holds a card already")
    if replacing is Replacing.NOTHING and _has_key(tap):
        raise CardTaken("the chip holds a key already")


def _card_on(tap: Tap) -> str | None:
    """Return the card's text in either place of the chip, or None. PIV is selected afterwards."""
    try:
        token = piv.read_token(tap)
        if token is None and type4.select(tap):
            token = ndef.message_text(type4.read(tap))
    except (CardEmpty, CardFault, CardUnknown):
        token = None
    _piv(tap)
    return token


def _has_key(tap: Tap) -> bool:
    try:
        piv.sign(tap, secrets.token_bytes(32))
    except CardFault:
        return False
    return True


def _place(tap: Tap) -> bytes | None:
    """Return the object for a card, or None for NDEF, which is then selected. Raises CardUnsuited if neither is
    possible.
    """
    name = piv.writable_object(tap)
    if name is None and not type4.select(tap):
        raise CardUnsuited("this chip takes a card neither in a data object nor in NDEF")
    return name


def holds_key(tap: Tap, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the chip's slot 9E holds this key. The slot signs a fresh text for this. Return False for an empty
    slot.
    """
    asked = secrets.token_bytes(32)
    try:
        return signature_holds(asked, piv.sign(tap, asked), key)
    except CardFault:
        return False


def write_tag(tap: Tap, text: str, *, lock: bool, dictionaries: Mapping[int, Dictionary]) -> Written:
    """Write a card's text (a token or its wire form) on a Type 4 or Type 2 tag. `lock` closes a Type 2 tag for ever.

    The text is first read in the same way as a reader of the tag will: WrongToken for a text that is no card.
    `dictionaries` are the programme's (`cards.wire`).
    """
    card_id = _tag_card(text, dictionaries)
    message = ndef.card_message(text)
    if type4.select(tap):
        type4.write(tap, message)
        return Written(card_id, None, tap.exchanges)
    found = type2.container(tap)
    if found is None:
        raise CardUnknown("no tag that can be written")
    type2.write(tap, found, message)
    if lock:
        type2.lock(tap, found)
    return Written(card_id, None, tap.exchanges)


def write_tag424(tap: Tap, masters: TagMasters, base: str, token: str) -> Written:
    """Set up an NTAG 424 DNA. Return the record that the verifier must import before the tag is used.

    The record holds this tag's own key and the key that decrypts UID and count. It never holds a master key.
    """
    claims = claims_of(token, Form.TAG)
    if not type4.select(tap) or not ntag424.is_ntag424(tap):
        raise CardUnknown("this is no NTAG 424 DNA")
    uid = ntag424.personalise(tap, masters, base)
    record = {
        "uid": uid.hex(),
        "card": token,
        "file_key": masters.key_of(uid, FILE_KEY).hex(),
        "meta_key": masters.key_of(uid, META_KEY).hex(),
    }
    return Written(claims.card_id, record, tap.exchanges)


def _tag_card(text: str, dictionaries: Mapping[int, Dictionary]) -> str:
    """Return the id of the card in a tag's text. Raises WrongToken unless it is one card and nothing else."""
    try:
        shown = read(text, dictionaries)
    except PresentationError as error:
        raise WrongToken(f"this is no card's text ({error.reason})") from None
    if shown.card is None or shown.proof is not None:
        raise WrongToken("a tag carries a card alone, without a proof")
    return claims_of(shown.card, Form.TAG, Form.PRINT).card_id


def claims_of(token: str, *forms: Form) -> CardClaims:
    """Return the unverified claims of a token. Raises WrongToken unless it is a card of one of these forms."""
    try:
        claims = parse(parse_unverified(token, CARD).claims)
    except TokenError as error:
        raise WrongToken(f"this is no card token ({error.reason})") from None
    if claims.form not in forms:
        raise WrongToken(f"a card of form {claims.form} is not written on this kind of card")
    return claims


def _piv(tap: Tap) -> None:
    if not piv.select(tap):
        raise CardUnknown("the card has no PIV application")
