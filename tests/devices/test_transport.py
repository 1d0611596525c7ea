"""Whatever a card answers, a tap ends in bounded time, with a verdict or a named fault."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.faults import CardFault, CardGone, CardRefused, DeviceFault
from devices.profiles import CardRead, tap_card
from devices.transport import EXCHANGES_MOST, SECONDS_MOST, Tap
from tests.devices.builders import tap
from tests.devices.emulators import Card, NdefFile, PivCard, Type2Card, Type4Card


class Says:
    """A transport with fixed answers, the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.commands = []

    def transmit(self, command: bytes) -> bytes:
        self.commands.append(command)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_more_data_is_fetched():
    """61xx is followed with GET RESPONSE until the end."""
    says = Says(b"ab\x61\x02", b"cd\x61\x01", b"e\x90\x00")
    assert Tap(says).demand("read", "00CB3FFF", le=0) == b"abcde"
    assert says.commands[1:] == [bytes.fromhex("00C0000002"), bytes.fromhex("00C0000001")]


def test_a_wrong_le_is_corrected_once():
    """6Cxx names the right length; a card that names one for ever is refused."""
    says = Says(b"\x6c\x02", b"ab\x90\x00")
    assert Tap(says).demand("read", "00B00000", le=4) == b"ab"
    assert says.commands[1] == bytes.fromhex("00B0000002")
    with pytest.raises(CardRefused):
        Tap(Says(b"\x6c\x02")).demand("read", "00B00000", le=4)


@pytest.mark.parametrize(
    "answers",
    [
        (b"x" * 200 + b"\x61\xff",),  # never ends
        (b"\x61\x05",),  # promises and sends nothing
        (b"x",),  # half a status word
        (b"x" * 300 + b"\x90\x00",),  # longer than a short answer can be
    ],
)
def test_impossible_answers_are_bounded(answers):
    """Endless GET RESPONSE, empty promises and impossible lengths end in a fault, not in a loop."""
    tapped = Tap(Says(*answers))
    with pytest.raises(CardFault):
        tapped.demand("read", "00B00000", le=0)
    assert tapped.exchanges < 60


def test_an_empty_answer_is_a_card_torn_away():
    """Some drivers report a card torn away as success with nothing in it."""
    with pytest.raises(CardGone):
        Tap(Says(b"")).send("00B00000", le=0)


def send_for_ever(tapped: Tap) -> None:
    """Keep a card busy."""
    while True:
        tapped.send("00B00000")


def test_a_tap_ends_after_its_time():
    """A card that answers slowly for ever does not hold the counter up."""
    now = iter(range(0, 1000, 5))
    tapped = Tap(Says(b"\x90\x00"), monotonic=lambda: float(next(now)))
    with pytest.raises(CardFault):
        send_for_ever(tapped)
    assert tapped.exchanges <= SECONDS_MOST / 5 + 2


def test_a_tap_ends_after_its_commands():
    """So does one that is kept busy quickly."""
    tapped = Tap(Says(b"\x90\x00"), monotonic=lambda: 0.0)
    with pytest.raises(CardFault):
        send_for_ever(tapped)
    assert tapped.exchanges == EXCHANGES_MOST + 1


class Garbage(Card):
    """Answers with what it is given, in a circle."""

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__()
        self.answers = answers

    def answer(self, command: bytes) -> bytes:
        return self.answers[len(self.commands) % len(self.answers)]


@given(st.lists(st.one_of(st.binary(max_size=300), st.binary(max_size=258).map(lambda b: b + b"\x90\x00")), min_size=1))
def test_garbage_gives_a_card_or_a_fault(answers):
    """Any bytes at all end in a card's text or in a fault of ours, within bounds."""
    tapped = tap(Garbage(answers))
    with suppress(DeviceFault):
        assert isinstance(tap_card(tapped), CardRead)
    assert tapped.exchanges <= EXCHANGES_MOST + 1


def test_a_giant_ndef_length_is_refused():
    """A tag that claims 64 KB is not read."""
    card = Type4Card(ndef=NdefFile(content=bytearray(b"\xff\xfe" + bytes(60_000))))
    tapped = tap(card)
    with pytest.raises(CardFault):
        tap_card(tapped)
    assert tapped.exchanges < 10


def test_a_giant_type2_length_is_refused():
    """So is a Type 2 tag whose message would run past its end."""
    card = Type2Card()
    card.pages[16:20] = b"\x03\xff\xff\xfe"
    with pytest.raises(CardFault):
        tap_card(tap(card))


def test_a_giant_piv_object_is_refused():
    """A chip with 64 KB in our object is left at the bound."""
    tapped = tap(PivCard(objects={bytes.fromhex("5FFF59"): bytes(60_000)}))
    with pytest.raises(CardFault):
        tap_card(tapped)
    assert tapped.exchanges < 60


def test_a_container_that_lies_is_refused():
    """A capability container with impossible sizes is no container."""
    for changed in ({"read_most": 1}, {"write_most": 0}, {"content": bytearray(2)}):
        with pytest.raises(CardFault):
            tap_card(tap(Type4Card(ndef=NdefFile(**changed))))
