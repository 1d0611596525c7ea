"""Targets: what lies on a reader: answers to APDUs, tags' contents, NDEF, TLV, and a scanner's line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import strategies as st

from cards.claims import Form
from devices import ndef, ntag424, piv, tlv, type2, type4
from devices.faults import CardFault, CardGone, CardUnknown, DeviceFault
from devices.ntag424 import TagMasters
from devices.personalise import Replacing, make_key, write_chip, write_tag, write_tag424
from devices.piv import ManagementKey
from devices.profiles import ChipChallenge, Profile, answer_chip, tap_card
from devices.scanner import LINE_MOST, SerialLines
from devices.transport import EXCHANGES_MOST, Tap
from tests.devices.builders import AT, KNOWN, token
from tests.devices.emulators import Ntag424, PivCard, Torn, Type2Card, Type4Card
from tests.fuzz.target import mangled, target

KEYED = PivCard()
MANAGEMENT = ManagementKey(0x0A, bytes(range(24)))
MASTERS = TagMasters(bytes(16), bytes(16))
CHALLENGE = ChipChallenge("yunju-baiyun", "reader-1", bytes(32), AT)
TOKEN, CHIP_TOKEN = token(), token(Form.CHIP, KEYED.key.public_key())
MESSAGES = [
    ndef.card_message(TOKEN),
    ndef.link_message("https://card.example/t?p=1"),
    b"\xd0\0\0",
    b"\x91\x01\0T\x51\x01\x01U\4",
]
STATUSES = [
    b"\x90\0",
    b"\x91\0",
    b"\x91\xaf",
    b"\x61\x10",
    b"\x61\0",
    b"\x6c\x10",
    b"\x6a\x82",
    b"\x69\x82",
    b"\x6d\0",
    b"\x63\xc2",
]


@target(lambda: st.one_of(st.binary(max_size=60), mangled(MESSAGES)))
def ndef_message(data: bytes) -> None:
    """Bytes are a message or none; what is found in one is a text of ours or another's."""
    try:
        records = ndef.decode(data)
    except CardFault:
        return
    assert sum(len(one.type) + len(one.payload) for one in records) <= len(data)
    with contextlib.suppress(CardFault, CardUnknown):
        assert ndef.message_text(data).isascii()


@target(
    lambda: st.one_of(
        st.binary(max_size=60), mangled([tlv.wrap(0x7C, tlv.wrap(0x82, bytes(70)) + tlv.wrap(0x5F2F, b"1"))])
    )
)
def data_objects(data: bytes) -> None:
    """Data objects lie inside what was answered, or the card is at fault."""
    try:
        found = tlv.members(data)
    except CardFault:
        return
    assert sum(map(len, found.values())) + 2 * len(found) <= len(data)


@target(
    lambda: st.lists(
        st.one_of(st.binary(max_size=40), mangled([TOKEN.encode() + b"\r\n", b"\x02YJ07:ABC\x03\r"])), max_size=6
    )
)
def scanner_bytes(pieces: list[bytes]) -> None:
    """A scanner's bytes give whole printable lines, the same however they are cut."""
    lines, whole = SerialLines(), SerialLines()
    found = [text for piece in pieces for text in lines.feed(piece)]
    assert found == list(whole.feed(b"".join(pieces)))
    assert all(text.isprintable() and 0 < len(text) <= LINE_MOST for text in found)


class Spoiling:
    """Carries commands to a card that is sound at first, and spoils single answers as a script says."""

    def __init__(self, card: object, script: dict[int, tuple[str, bytes]]) -> None:
        card.power_on()
        self.card, self.script, self.sent = card, script, 0

    def transmit(self, command: bytes) -> bytes:
        assert len(command) <= 261, "no short APDU is longer"
        self.sent += 1
        try:
            answer = self.card.transmit(command)
        except Torn:
            raise CardGone("torn away") from None
        how, data = self.script.get(self.sent, ("keep", b""))
        return {
            "keep": answer,
            "whole": data,
            "status": answer[:-2] + data[:2],
            "data": data + answer[-2:],
            "flip": bytes(octet ^ mask for octet, mask in zip(answer, data.ljust(len(answer), b"\0"), strict=False)),
            "cut": answer[: len(data)],
        }[how]


def _type2() -> Type2Card:
    card = Type2Card()
    write_tag(Tap(Spoiling(card, {})), TOKEN, lock=False, dictionaries=KNOWN)
    return card


def _type4() -> Type4Card:
    card = Type4Card()
    write_tag(Tap(Spoiling(card, {})), TOKEN, lock=False, dictionaries=KNOWN)
    return card


def _chip() -> PivCard:
    return PivCard(key_der=KEYED.key_der, objects={piv.TOKEN_OBJECT: CHIP_TOKEN.encode()})


KINDS: dict[str, Callable[[], object]] = {
    "type2": _type2,
    "type4": _type4,
    "chip": _chip,
    "empty chip": lambda: PivCard(key_der=KEYED.key_der),
    "blank chip": lambda: PivCard(blank=True),
    "ntag424": Ntag424,
    "empty type2": Type2Card,
    "empty type4": Type4Card,
}


def _read(tap: Tap) -> None:
    found = tap_card(tap)
    if found.profile is Profile.CHIP:
        answer_chip(tap, found, CHALLENGE)


DEEDS: dict[str, Callable[[Tap], object]] = {
    "read": _read,
    "write": lambda tap: write_tag(tap, TOKEN, lock=True, dictionaries=KNOWN),
    "key": lambda tap: make_key(tap, MANAGEMENT, replacing=Replacing.ALL),
    "chip": lambda tap: write_chip(tap, MANAGEMENT, CHIP_TOKEN, replacing=Replacing.ALL),
    "tag424": lambda tap: write_tag424(tap, MASTERS, "https://card.example/t", TOKEN),
    "type2": lambda tap: type2.read(tap, bytes([0xE1, 0x10, 0x12, 0])),
    "type4": type4.read,
    "ask": ntag424.is_ntag424,
}


@st.composite
def _taps(draw) -> tuple[str, str, dict[int, tuple[str, bytes]]]:
    kind, deed = draw(st.sampled_from(list(KINDS))), draw(st.sampled_from(["read", "read", *DEEDS]))
    spoilt = st.one_of(
        st.tuples(st.just("status"), st.sampled_from(STATUSES)),
        st.tuples(st.just("flip"), st.binary(max_size=12)),
        st.tuples(st.sampled_from(["whole", "data", "cut"]), st.binary(max_size=40)),
        st.tuples(st.just("whole"), mangled([one + b"\x90\0" for one in MESSAGES])),
    )
    return kind, deed, draw(st.dictionaries(st.integers(1, 60), spoilt, max_size=4))


@target(_taps, examples=120)
def card_answers(asked: tuple[str, str, dict[int, tuple[str, bytes]]]) -> None:
    """Whatever a card answers, a tap ends in a card, a written card or a fault of the card's, within its bounds."""
    kind, deed, script = asked
    carrier = Spoiling(KINDS[kind](), script)
    ticks = iter(range(10**9))
    tap = Tap(carrier, monotonic=lambda: next(ticks) / 1000)
    with contextlib.suppress(DeviceFault):
        DEEDS[deed](tap)
    assert carrier.sent <= EXCHANGES_MOST


@target(
    lambda: st.lists(
        st.one_of(st.binary(max_size=30), st.tuples(st.binary(max_size=20), st.sampled_from(STATUSES)).map(b"".join)),
        max_size=30,
    )
)
def any_answers(answers: list[bytes]) -> None:
    """A card that answers anything at all, over and over, is let go within the bounds of a tap."""
    given = answers or [b"\x6d\0"]

    class Anything:
        sent = 0

        def transmit(self, command: bytes) -> bytes:
            self.sent += 1
            return given[self.sent % len(given)]

    for deed in DEEDS.values():
        carrier = Anything()
        ticks = iter(range(10**9))
        with contextlib.suppress(DeviceFault):
            deed(Tap(carrier, monotonic=lambda ticks=ticks: next(ticks) / 1000))
        assert carrier.sent <= EXCHANGES_MOST
