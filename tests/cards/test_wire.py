"""The wire form: unpacking gives the packed bytes back, and hostile input is refused early."""

import random
import string
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cards import wire
from cards.base45 import decode, encode
from cards.claims import Form
from cards.parts import Presentation, PresentationError
from cards.wire import dictionary_for, dictionary_of, pack, unpack
from edge.encoding import b64u, digest
from edge.strictjson import dumps
from tests.cards.builders import (
    AUDIENCE,
    DICTIONARIES,
    DICTIONARY,
    ISSUER,
    NOW,
    STATUS_BASE,
    card,
    proof,
)

CARD = card()
PROOF = proof(CARD)
TOKEN_CHARACTERS = string.ascii_letters + string.digits + "-_."
ABSENT, PACKED, RAW = 0, 1, 2


def body_of(text: str) -> bytes:
    """Return the bytes of a base45 wire form."""
    return decode(text[5:])


def wired(body: bytes) -> str:
    """Return the base45 wire form of a body made by hand."""
    return "YJ07:" + encode(body)


def kinds(text: str) -> tuple[int, int]:
    """Return how card and proof are carried."""
    return body_of(text)[0] & 3, body_of(text)[0] >> 2


def packed_card(skeleton: bytes, lifted: bytes = b"", *, tail: bytes = b"", cut: int = 0) -> str:
    """Return a wire form whose packed card inflates to `skeleton`."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=DICTIONARY.content)
    deflated = deflater.compress(skeleton) + deflater.flush()
    deflated = deflated[: len(deflated) - cut] + tail
    return wired(b"\x01" + bytes(64) + len(deflated).to_bytes(2, "big") + deflated + lifted)


def segments(header: bytes, payload: bytes, signature: bytes = bytes(64)) -> str:
    """Return a compact token of three segments."""
    return ".".join(b64u(part) for part in (header, payload, signature))


def test_ordinary_presentations_are_packed_not_carried_raw():
    """Otherwise the sizes that the design counts on would be lost without anybody noticing."""
    assert kinds(pack(Presentation(CARD, PROOF), DICTIONARY)) == (PACKED, PACKED)
    assert kinds(pack(Presentation(None, PROOF), DICTIONARY)) == (ABSENT, PACKED)
    assert kinds(pack(Presentation(card(Form.PRINT), None), DICTIONARY)) == (PACKED, ABSENT)


def test_layout_of_a_proof_alone():
    """parts, iat, jti, ath, signature: 117 bytes, as docs/card-format.md says."""
    body = body_of(pack(Presentation(None, PROOF), DICTIONARY))
    assert len(body) == 1 + 4 + 16 + 32 + 64
    assert body[1:5] == int(NOW.timestamp()).to_bytes(4, "big")
    assert body[21:53] == digest(CARD.encode())


def test_a_proof_beside_its_card_leaves_the_digest_out():
    """`ath` follows from the card and is not sent."""
    both = len(body_of(pack(Presentation(CARD, PROOF), DICTIONARY)))
    alone = len(body_of(pack(Presentation(CARD, None), DICTIONARY)))
    assert both - alone == 4 + 16 + 64


@pytest.mark.parametrize(
    ("card_token", "proof_token"),
    [
        (CARD, proof(card())),
        (None, proof(CARD, audience="another-programme")),
        (segments(b'{"alg":"ES256"}', b"\x00\x01\x02"), None),
        (segments(b"{}", b'{"a":"\\u0000"}', bytes(63)), None),
        (segments(b"", b""), None),
        ("a.b.c", "....."),
        (segments(b"{}", b"{" + b" " * 2000 + b"}"), None),
        (None, segments(b"{}", b'{"iat":true,"jti":"","ath":""}')),
        (None, segments(b"{}", b"[]")),
        (None, segments(b"{}", b"{")),
        (CARD[:-1] + "-", None),
    ],
)
def test_what_does_not_pack_is_carried_raw(card_token, proof_token):
    """A proof of another card or programme, control bytes, other spellings: all come back as they were."""
    presentation = Presentation(card_token, proof_token)
    assert unpack(pack(presentation, DICTIONARY), DICTIONARIES) == presentation


def test_quoted_text_that_only_looks_like_an_identifier_survives():
    """22 characters with spare bits set, 22 characters as a key, escaped quotes beside them."""
    for value in ("B" * 22, "B" * 43, "A" * 21, "A" * 44, '\\"' + "A" * 22):
        token = segments(b'{"kid":"' + b"A" * 43 + b'"}', dumps({"A" * 22: value}))
        presentation = Presentation(token, None)
        assert unpack(pack(presentation, DICTIONARY), DICTIONARIES) == presentation


_claims = st.dictionaries(
    st.sampled_from(["iss", "sub", "jti", "name", "iat", "x", "aud", "ath"]),
    st.one_of(
        st.text(max_size=30),
        st.integers(-(2**40), 2**40),
        st.binary(min_size=16, max_size=16).map(b64u),
        st.binary(min_size=32, max_size=32).map(b64u),
        st.text(alphabet='\x00\x01\x02"\\', max_size=5),
    ),
)
_tokens = st.one_of(
    st.text(alphabet=TOKEN_CHARACTERS, min_size=1, max_size=200),
    st.builds(segments, st.binary(max_size=60), st.binary(max_size=200), st.binary(min_size=60, max_size=66)),
    st.builds(
        lambda header, payload, signature: segments(dumps(header), dumps(payload), signature),
        _claims,
        _claims,
        st.binary(min_size=64, max_size=64),
    ),
    st.just(CARD),
    st.just(PROOF),
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.one_of(st.none(), _tokens), st.one_of(st.none(), _tokens), st.booleans())
@example(CARD, PROOF, True)
def test_whatever_is_packed_comes_back_byte_for_byte(card_token, proof_token, digits):
    """unpack(pack(x)) == x for real tokens, token-like ones and noise."""
    if card_token is None and proof_token is None:
        return
    presentation = Presentation(card_token, proof_token)
    assert unpack(pack(presentation, DICTIONARY, digits=digits), DICTIONARIES) == presentation


@pytest.mark.parametrize("token", ["ß.a", "a b", "", "a\n", "a~b", "é", "a=", "٣"])
def test_what_is_no_token_text_makes_no_presentation(token):
    """Characters outside base64url and dots never enter a presentation."""
    with pytest.raises(PresentationError):
        Presentation(token, None)


@settings(max_examples=300)
@given(st.sampled_from([(CARD, PROOF), (None, PROOF), (CARD, None)]), st.data())
def test_a_changed_byte_is_refused_or_unpacks_to_other_or_equal_tokens(tokens, data):
    """One flipped byte of a body is malformed, or changes a token (whose signature then fails), or changes nothing."""
    presentation = Presentation(*tokens)
    body = bytearray(body_of(pack(presentation, DICTIONARY)))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    try:
        unpack(wired(bytes(body)), DICTIONARIES)
    except PresentationError as refusal:
        if refusal.reason != "malformed":
            pytest.fail("another reason")


@given(st.binary(max_size=400))
@example(b"\x01" + bytes(66))
@example(b"\x01" + bytes(64) + b"\xff\xff")
@example(b"\x02\x00\x01\xff")
@example(b"\x03")
@example(b"\x0c")
@example(b"\x10")
@example(b"\x00")
@example(b"")
def test_no_body_gives_any_other_error(body):
    """Any bytes behind the prefix: a presentation or the documented error."""
    try:
        unpack(wired(body), DICTIONARIES)
    except PresentationError as refusal:
        if refusal.reason != "malformed":
            pytest.fail("another reason")


HEADER_AND_PAYLOAD = b'{"a":1}\x02{"b":2}'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(packed_card(b'{"a":1}{"b":2}'), id="no end of the header"),
        pytest.param(packed_card(b'\x02{"b":2}'), id="no header"),
        pytest.param(packed_card(b'{"a":1}\x02'), id="no payload"),
        pytest.param(packed_card(b'{"a":1}\x02{"b"\x02:2}'), id="two ends of the header"),
        pytest.param(packed_card(b'{"a":1}\x02{"b":\x00}', bytes(16)), id="a mark without quotes"),
        pytest.param(packed_card(b'{"a":1}\x02{"b":"\x00"}', bytes(15)), id="lifted bytes missing"),
        pytest.param(packed_card(b'{"a":1}\x02{"b":"\x00"}', bytes(17)), id="lifted bytes left over"),
        pytest.param(packed_card(HEADER_AND_PAYLOAD, tail=b"\x00"), id="bytes after the deflated ones"),
        pytest.param(packed_card(HEADER_AND_PAYLOAD, cut=1), id="deflate cut short"),
        pytest.param(packed_card(b'{"a":1}\x02{' + b" " * 8200 + b"}"), id="more than 8 KB inflated"),
        pytest.param(wired(b"\x01" + bytes(64) + b"\x00\x02\x07\x00"), id="a bad block type"),
        pytest.param(wired(b"\x01" + bytes(64) + b"\x00\x00"), id="no deflate at all"),
        pytest.param(wired(b"\x00"), id="no part at all"),
        pytest.param(wired(b"\x11"), id="a reserved bit"),
        pytest.param(wired(b"\x02\x00\x00"), id="an empty raw part"),
        pytest.param(wired(b"\x02\x00\x02a~"), id="a raw part with a tilde"),
        pytest.param(wired(b"\x02\x00\x03a.b."), id="a raw part that runs on"),
    ],
)  # fmt: skip
def test_a_hostile_body_is_malformed(text):
    """Each way to cheat the layout is refused, the decompression bomb before it has grown."""
    with pytest.raises(PresentationError) as refusal:
        unpack(text, DICTIONARIES)
    assert refusal.value.reason == "malformed"


def test_a_bomb_within_the_text_bound_is_refused():
    """1 MB of zeros deflates to 1 KB: it stops at 8 KB."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(bytes(1_000_000)) + deflater.flush()
    assert len(bomb) < 2000
    with pytest.raises(PresentationError):
        unpack(wired(b"\x01" + bytes(64) + len(bomb).to_bytes(2, "big") + bomb), DICTIONARIES)


@pytest.mark.parametrize(("size", "digits"), [(1, 3), (2, 5), (3, 8), (4, 10), (5, 13), (6, 15), (7, 17)])
def test_last_chunk_of_digits(size, digits):
    """Each length has its number of digits; the greatest value fits and one more is refused."""
    text = wire._to_digits(b"\xff" * size)
    assert len(text) == digits
    assert wire._from_digits(text) == b"\xff" * size
    with pytest.raises(PresentationError):
        wire._from_digits(str(int(text) + 1).rjust(digits, "0"))


@given(st.binary(max_size=80))
def test_digits_are_a_bijection(data):
    """Every value comes back from its digits."""
    assert wire._from_digits(wire._to_digits(data)) == data


def test_a_token_too_long_for_any_reader_is_not_packed():
    """The plain text must serve then; the error says so."""
    with pytest.raises(PresentationError) as refusal:
        pack(Presentation("".join(random.Random(1).choices(TOKEN_CHARACTERS, k=3000)), None), DICTIONARY)
    assert refusal.value.reason == "too-long"
    with pytest.raises(PresentationError):
        pack(Presentation("a" * 70_000, None), DICTIONARY)


def test_a_dictionary_is_a_function_of_the_programme():
    """Same issuer and status base, same bytes; another status base, other bytes; numbers have two digits."""
    assert dictionary_for(ISSUER, STATUS_BASE, 7, audience=AUDIENCE) == DICTIONARY
    assert dictionary_for(ISSUER, STATUS_BASE + "x", 7, audience=AUDIENCE).content != DICTIONARY.content
    with pytest.raises(ValueError, match="0 to 99"):
        dictionary_for(ISSUER, STATUS_BASE, 100, audience=AUDIENCE)


def test_a_card_packed_with_another_dictionary_is_never_granted():
    """A dictionary that changed under its number gives other bytes or none, never the card."""
    other = dictionary_for("https://other.example", "https://other.example/lists/", 7, audience=AUDIENCE)
    try:
        assert unpack(pack(Presentation(CARD, None), DICTIONARY), {7: other}).card != CARD
    except PresentationError as refusal:
        if refusal.reason != "malformed":
            pytest.fail("another reason")


def test_a_programme_names_its_dictionary():
    """`dictionary_of` reads the four fields of a programme."""

    class Named:
        issuer, status_base, wire_dictionary, audience = ISSUER, STATUS_BASE, 7, AUDIENCE

    assert dictionary_of(Named()) == DICTIONARY
