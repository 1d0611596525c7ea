"""The four card profiles, probed in their order. A card of another kind gets a clear answer."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cards.claims import Form
from cards.parts import from_tokens
from cards.proof import verify_chip_proof
from devices.faults import CardEmpty, CardFault, CardGone, CardUnknown, DeviceFault
from devices.ndef import card_message, link_message
from devices.profiles import ChipChallenge, Profile, answer_chip, tap_card
from tests.devices.builders import tap, token
from tests.devices.emulators import NOT_FOUND, Card, NdefFile, Ntag424, PivCard, Type2Card, Type4Card

LINK = "https://card.example/t?p=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"
TOKEN_OBJECT = bytes.fromhex("5FFF59")
CHALLENGE = ChipChallenge("baiyun-talent-card", "device-1", bytes(range(32)), datetime(2026, 10, 31, 1, tzinfo=UTC))


def chip(**more) -> PivCard:
    """A chip that holds a card of its own key."""
    made = PivCard(**more)
    made.objects[TOKEN_OBJECT] = token(Form.CHIP, made.key.public_key()).encode()
    return made


def type4(text: str, **more) -> Type4Card:
    """A Type 4 tag with a card's text."""
    made = Type4Card(**more)
    made.ndef.put(card_message(text))
    return made


def type2(text: str) -> Type2Card:
    """A Type 2 tag with a card's text."""
    made = Type2Card()
    message = card_message(text)
    content = b"\x03\xff" + len(message).to_bytes(2, "big") + message + b"\xfe"
    made.pages[16 : 16 + len(content)] = content
    return made


def test_a_chip_is_read_and_answers():
    """The token comes from the PIV object; the answer verifies under the key that the card names."""
    card = chip()
    tapped = tap(card)
    read = tap_card(tapped)
    assert read.profile is Profile.CHIP
    presented = from_tokens(answer_chip(tapped, read, CHALLENGE).split("~"))
    proof = verify_chip_proof(presented.proof, card.key.public_key())
    assert (proof.nonce, proof.reader, proof.audience) == (CHALLENGE.nonce, "device-1", "baiyun-talent-card")
    assert tapped.exchanges <= 7


def test_a_chips_token_may_lie_in_ndef():
    """Without our PIV object the token is taken from NDEF, and the chip still proves itself."""
    card = PivCard(with_ndef=True)
    card.ndef.put(card_message(token(Form.CHIP, card.key.public_key())))
    tapped = tap(card)
    read = tap_card(tapped)
    assert read.profile is Profile.CHIP
    proof = answer_chip(tapped, read, CHALLENGE).partition("~")[2]
    assert verify_chip_proof(proof, card.key.public_key()).nonce == CHALLENGE.nonce


def test_a_piv_card_with_a_tags_token_is_a_plain_tag():
    """A tag's token on a chip gains nothing from the chip."""
    card = PivCard(with_ndef=True)
    card.ndef.put(card_message(token()))
    assert tap_card(tap(card)).profile is Profile.TYPE4


def test_a_counting_tag_gives_its_link():
    """A link of the right shape is a counting tag's."""
    card = Type4Card()
    card.ndef.put(link_message(LINK))
    read = tap_card(tap(card))
    assert (read.profile, read.text) == (Profile.SUN, LINK)


@pytest.mark.parametrize("made", [type4, type2])
def test_plain_tags_give_their_text(made):
    """Type 4 and Type 2 give the token as it was written, and the wire form too."""
    text = token()
    assert tap_card(tap(made(text))).text == text
    assert tap_card(tap(made("YJ01:ABC"))).text == "YJ01:ABC"


def test_the_tags_own_file_is_read():
    """File id and sizes come from the capability container: one independent card uses file 0001 and small blocks."""
    ndef = NdefFile(file_id=b"\x00\x01", read_most=20, write_most=13)
    assert tap_card(tap(type4("a" * 300, ndef=ndef))).text == "a" * 300


def test_a_failed_select_is_not_taken_for_success():
    """A card that keeps its old application when a SELECT fails is not read as the new one."""
    card = Type4Card()
    tapped = tap(card)
    with pytest.raises(CardEmpty):
        tap_card(tapped)
    assert card.commands[0][5:].startswith(bytes.fromhex("A000000308"))


class Silent(Card):
    def answer(self, command: bytes) -> bytes:
        return NOT_FOUND


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        (Silent(), CardUnknown),
        (PivCard(), CardEmpty),
        (Type4Card(), CardEmpty),
        (Type2Card(), CardEmpty),
        (PivCard(objects={TOKEN_OBJECT: b""}), CardEmpty),
        (PivCard(objects={TOKEN_OBJECT: b"\xff\xfe"}), CardFault),
    ],
)
def test_cards_without_ours_are_told_apart(card, fault):
    """Unknown, empty and damaged are three answers, each with what to do."""
    with pytest.raises(fault) as told:
        tap_card(tap(card))
    assert told.value.hint


@pytest.mark.parametrize("link", ["https://example.org/", "https://card.example/t?p=00&c=00"])
def test_other_links_are_none_of_ours(link):
    """A tag with any other link is unknown, never shown to the verifier."""
    card = Type4Card()
    card.ndef.put(link_message(link))
    with pytest.raises(CardUnknown):
        tap_card(tap(card))


@pytest.mark.parametrize(
    "made", [chip, lambda: chip(with_ndef=True), lambda: type4("a" * 700), lambda: type2("a" * 700)]
)
def test_a_card_torn_at_any_command_of_a_read_is_gone(made):
    """Wherever a reading is torn, the fault says that the card left; whole again, the card reads."""
    whole = made()
    tapped = tap(whole)
    read = tap_card(tapped)
    commands = tapped.exchanges
    for at in range(commands):
        card = made()
        card.torn_at = at
        with pytest.raises(CardGone):
            tap_card(tap(card))
    assert read.text


def test_a_chip_torn_while_signing_is_gone():
    """Torn at the challenge, no answer is made up."""
    card = chip()
    tapped = tap(card)
    read = tap_card(tapped)
    card.torn_at = len(card.commands)
    with pytest.raises(CardGone):
        answer_chip(tapped, read, CHALLENGE)


class BadSignature(PivCard):
    def general_authenticate(self, command, data):
        return (b"\x7c\x04\x82\x02\x30\x00",)


def test_a_signature_that_is_none_is_refused():
    """An answer that is no ECDSA signature is the card's fault."""
    card = BadSignature()
    card.objects[TOKEN_OBJECT] = token(Form.CHIP, card.key.public_key()).encode()
    tapped = tap(card)
    with pytest.raises(CardFault):
        answer_chip(tapped, tap_card(tapped), CHALLENGE)


def test_a_tag424_that_was_never_set_up_is_empty():
    """A factory-fresh tag says so."""
    with pytest.raises(DeviceFault):
        tap_card(tap(Ntag424()))


def test_a_chips_key_is_on_p256():
    """The emulator itself is what it says: a P-256 chip."""
    assert isinstance(chip().key.curve, ec.SECP256R1)
