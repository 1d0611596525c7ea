"""Writing tags: length last, read back, and mended after a tear at any command."""

import pytest

from devices.faults import CardFault, CardGone, CardLocked, CardTooSmall, DeviceFault
from devices.personalise import WrongToken, write_tag
from devices.profiles import tap_card
from tests.devices.builders import KNOWN, tap, token
from tests.devices.emulators import Card, NdefFile, Type2Card, Type4Card

OLD, NEW = token(), token()


def written(card: Card, text: str = OLD) -> Card:
    """A tag that carries a text."""
    write_tag(tap(card), text, lock=False, dictionaries=KNOWN)
    return card


@pytest.mark.parametrize("made", [Type4Card, Type2Card, lambda: Type4Card(ndef=NdefFile(write_most=13, read_most=15))])
def test_what_is_written_is_read(made):
    """A tag gives the text that was written, over an older one too."""
    card = written(made())
    assert tap_card(tap(card)).text == OLD
    assert tap_card(tap(written(card, NEW))).text == NEW


@pytest.mark.parametrize("made", [Type4Card, Type2Card])
def test_a_tear_at_any_command_leaves_old_or_none_or_new(made):
    """Never half a card; and the same writing again mends it."""
    card = written(made())
    before = len(card.commands)
    written(card, NEW)
    commands = len(card.commands) - before
    for at in range(commands):
        card = written(made())
        card.torn_at = len(card.commands) + at
        with pytest.raises(CardGone):
            write_tag(tap(card), NEW, lock=False, dictionaries=KNOWN)
        card.torn_at = None
        assert left_on(card) in {OLD, NEW, None}
        assert tap_card(tap(written(card, NEW))).text == NEW


def left_on(card: Card) -> str | None:
    """What a reader finds on a torn card, None when it is empty."""
    try:
        return tap_card(tap(card)).text
    except CardFault as damaged:
        raise AssertionError("half a card was left") from damaged
    except DeviceFault:
        return None


def test_a_type2_tag_is_locked_for_ever():
    """A locked tag is still read, and never written again."""
    card = Type2Card()
    write_tag(tap(card), OLD, lock=True, dictionaries=KNOWN)
    assert card.locked
    assert card.pages[15] == 0x0F
    assert tap_card(tap(card)).text == OLD
    with pytest.raises(CardLocked):
        write_tag(tap(card), NEW, lock=False, dictionaries=KNOWN)


def test_a_closed_type4_tag_is_told():
    """A container that is closed against writing is believed, and so is a card that refuses."""
    with pytest.raises(CardLocked):
        write_tag(tap(Type4Card(ndef=NdefFile(write_access=0xFF))), OLD, lock=False, dictionaries=KNOWN)


@pytest.mark.parametrize("card", [Type4Card(ndef=NdefFile(content=bytearray(256))), Type2Card(size=0x12)])
def test_a_card_that_is_too_small_is_not_begun(card):
    """What does not fit is told before a byte is written."""
    before = bytes(getattr(card, "pages", None) or card.ndef.content)
    with pytest.raises(CardTooSmall):
        write_tag(tap(card), OLD, lock=False, dictionaries=KNOWN)
    assert bytes(getattr(card, "pages", None) or card.ndef.content) == before


class Forgets(Type4Card):
    """Accepts every write and keeps none beyond the first bytes."""

    def answer(self, command: bytes) -> bytes:
        if command[1] == 0xD6 and int.from_bytes(command[2:4], "big") > 100:
            return b"\x90\x00"
        return super().answer(command)


def test_a_card_that_forgets_is_noticed():
    """What does not read back is not called written: the length stays nought."""
    card = Forgets()
    with pytest.raises(CardFault):
        write_tag(tap(card), OLD, lock=False, dictionaries=KNOWN)
    assert card.ndef.content[:2] == b"\0\0"


def test_a_packed_card_fits_an_ntag215(world):
    """A wire form fits 504 bytes, as NFC tags of that size hold."""
    from cards.claims import Form

    packed = world.card("gold", Form.TAG).packed()
    card = Type2Card(size=0x3E)
    write_tag(tap(card), packed, lock=False, dictionaries=KNOWN)
    assert tap_card(tap(card)).text == packed


@pytest.mark.parametrize(
    "text", ["", "a.b.c", "x", "id: 7\nholder: 9", "YJ01:NOT BASE45 OF OURS", f"{OLD}~a.b.c", "https://card.example/t"]
)
def test_what_is_no_card_is_not_written(text):
    """Only a card's token or its wire form goes on a tag."""
    with pytest.raises(WrongToken):
        write_tag(tap(Type4Card()), text, lock=False, dictionaries=KNOWN)
