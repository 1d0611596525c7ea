"""Targets: texts that are scanned, tapped, pasted and typed, and the small formats that all other formats use."""

from __future__ import annotations

import json
import random

from hypothesis import strategies as st

from cards import base45, names, numbers, sun, typed, wire
from cards.parts import Presentation, PresentationError
from cards.presentation import read
from cards.programme.types import Assurance
from cards.transport import undone
from cards.verify import REASONS, CardCache, Verified, verify_presentation
from edge import strictjson
from edge.instants import InstantError, day_asked, from_epoch, parse_asked, parse_rfc3339, rfc3339, to_epoch
from keys.dpop import normal_url
from tests.cards.builders import DICTIONARIES, DICTIONARY, NOW, Form, GivenChallenges, card, chip_proof, proof, trust
from tests.fuzz.target import mangled, mangled_json, mangled_text, spelled, target

PHONE, CHIP, PRINT, TAG = card(), card(Form.CHIP), card(Form.PRINT), card(Form.TAG)
SHOWN = [
    Presentation(PHONE, proof(PHONE)),
    Presentation(None, proof(PHONE)),
    Presentation(CHIP, chip_proof(CHIP)),
    Presentation(PRINT, None),
    Presentation(TAG, None),
    Presentation(PHONE, proof(PHONE, audience='another "audience"')),
]
TEXTS = [one.text for one in SHOWN]
TEXTS += [wire.pack(one, DICTIONARY, digits=digits) for one in SHOWN for digits in (False, True)]
TEXTS += [f"]Q1{TEXTS[6]}\r\n", TEXTS[6].replace(":", "%3A"), f"看 {TEXTS[6]}", TEXTS[7].replace("9", "９")]
HONEST = frozenset((one.card, one.proof) for one in SHOWN)
CARDS = {one.card for one in SHOWN}
CHALLENGES, TRUST = GivenChallenges(), trust()


@target(lambda: mangled_text(TEXTS))
def presentation(text: str) -> None:
    """Any text is a presentation or refused; what is read packs and comes back the same, and no altered one holds."""
    try:
        found = read(text, DICTIONARIES)
    except PresentationError as refused:
        assert refused.reason == "malformed"
        return
    assert read(found.text, DICTIONARIES) == found
    for digits in (False, True):
        try:
            assert wire.unpack(wire.pack(found, DICTIONARY, digits=digits), DICTIONARIES) == found
        except PresentationError as refused:
            assert refused.reason == "too-long"
    _judged(found)


def _judged(found: Presentation) -> None:
    """Verify for every kind of asking; a card or a proof that nobody signed is never taken."""
    if found.card is None:
        return
    cache = CardCache(4)
    for id_checked in (True, False, True):
        verdict = verify_presentation(
            found, TRUST, NOW, id_checked=id_checked, challenges=CHALLENGES, cache=cache, least=Assurance.COPYABLE
        )
        if isinstance(verdict, Verified):
            assert found.card in CARDS
            assert (found.card, found.proof) in HONEST
        else:
            assert verdict.reason in REASONS


@st.composite
def _bodies(draw) -> bytes:
    seeds = [base45.decode(text.partition(":")[2]) for text in TEXTS[6:18:2]]
    return draw(st.one_of(st.binary(max_size=80), mangled(seeds)))


@target(_bodies)
def wire_body(body: bytes) -> None:
    """A packed body is read alike in base45 and in digits, or refused in both."""
    told = []
    for text in (f"YJ07:{base45.encode(body)}", f"9307{wire._to_digits(body)}"):
        try:
            told.append(wire.unpack(text, DICTIONARIES) if len(text) <= 4096 else None)
        except PresentationError:
            told.append(None)
    assert told[0] == told[1] or max(len(body) * 17 // 7, 1) > 4000


@target(lambda: st.one_of(st.text(max_size=40), mangled_text([base45.encode(bytes(range(60)))])))
def base45_text(text: str) -> None:
    """A text that decodes is the one text of its bytes."""
    try:
        data = base45.decode(text)
    except base45.Base45Error:
        return
    assert base45.encode(data) == text


@target(lambda: mangled_text([*TEXTS, "https://card.example/t?p=" + "0A" * 16 + "&c=" + "0b" * 8]))
def scanned_text(text: str) -> None:
    """Undoing what a scanner did ends, and a tag's link gives its two parts or nothing."""
    assert undone(undone(text)) is not None
    message = sun.read_link(text)
    if message is not None:
        assert (len(message.picc), len(message.mac)) == (16, 8)
        sun.open_picc(bytes(16), message.picc)


WRITTEN = [
    "020-8366 1234转8",
    "+86 138 0013 8000",
    "粤A·12345",
    "CZ 3101",
    "王小明",
    "José Ángel",
    "13800138000",
    "欧阳·娜娜",
]


@target(lambda: st.one_of(st.text(max_size=60), mangled_text(WRITTEN)))
def typed_text(text: str) -> None:
    """What people type is spelled in one way: spelling it again changes nothing."""
    for spell in (typed.plain, typed.code, typed.digits, typed.plate, typed.characters):
        assert spell(spell(text)) == spell(text)
    phone = typed.phone(text)
    assert phone is None or typed.phone(phone) == phone
    for pattern in (None, "[A-Z0-9]{2}[0-9]{3,4}"):
        assert isinstance(typed.by_pattern(text, pattern), str)
    spelled_name = typed.name(text)
    assert typed.same_name(spelled_name, spelled_name)
    if not text.split():
        return
    masked = names.mask(text)
    assert len(masked) <= max(2 * len(text), 4)


NUMBER = numbers.generate("BY", random.Random(1))


@target(lambda: st.one_of(st.text(max_size=24), mangled_text([NUMBER, numbers.spaced(NUMBER), NUMBER.lower()])))
def card_number(text: str) -> None:
    """A card number passes its check and gives itself, or is refused."""
    try:
        found = numbers.check(text, "BY")
    except numbers.CardNumberError:
        return
    assert numbers.check(found, "BY") == numbers.check(numbers.spaced(found)) == found


TIMES = [
    "2026-10-31T09:00:00Z",
    "2026-10-31T09:00:00.123456+08:00",
    "2026-02-29",
    "2026-10-31 09:00",
    "9999-12-31T23:59:59Z",
]


@target(lambda: st.one_of(st.text(max_size=30), mangled_text(TIMES)))
def instant(text: str) -> None:
    """A time is read and written again as the same instant, or refused."""
    for reading in (parse_rfc3339, parse_asked, day_asked):
        try:
            found = reading(text)
        except InstantError:
            continue
        if reading is not day_asked:
            assert found.utcoffset() is not None
            assert from_epoch(to_epoch(found.replace(microsecond=0))) == found.replace(microsecond=0)
            assert parse_rfc3339(rfc3339(found)) == found.replace(microsecond=0)


VALUES = [
    {"a": [1, "é", True, {"b": "\n"}], "c": 0.5, "d": None},
    [],
    "text",
    9007199254740991,
    {"z": {}, "é": 1, "😀": 2},
]


@st.composite
def _json_texts(draw) -> bytes:
    body = spelled(draw(mangled_json(VALUES)))
    return draw(st.one_of(st.just(body), mangled([body])))


@target(_json_texts)
def json_text(data: bytes) -> None:
    """A text that the strict reader takes means the same to Python's own, and writes and reads back."""
    try:
        value = strictjson.loads(data)
    except strictjson.JsonError:
        return
    assert json.loads(data) == value or value != value  # noqa: PLR0124 - a NaN would differ from itself
    assert strictjson.loads(strictjson.dumps(value)) == value
    assert strictjson.loads(data.decode()) == value
    try:
        written = strictjson.canonical(value)
    except strictjson.JsonError:
        return
    assert strictjson.loads(written) == value
    assert strictjson.canonical(strictjson.loads(written)) == written


ADDRESSES = [
    "https://card.example/v1/check-ins",
    "http://LOCALHOST:80/a%2Fb/../c",
    "https://[::1]:8443/v1",
    "https://u@h/",
]


@target(lambda: st.one_of(st.text(max_size=40), mangled_text(ADDRESSES)))
def address(text: str) -> None:
    """An address of a call is brought into one form or refused; that form is its own."""
    found = normal_url(text)
    assert found is None or "?" in found or "#" in found or isinstance(normal_url(found), str | None)
