"""Reading a presentation: total, and strict about which token stands where."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cards.claims import Form
from cards.presentation import Presentation, PresentationError, read
from cards.wire import pack
from edge.encoding import b64u, unb64u
from tests.cards.builders import DICTIONARIES, DICTIONARY, card, chip_proof, phone_presentation, proof

CARD = card()
PROOF = proof(CARD)
CHIP = card(Form.CHIP)
GOOD = [
    Presentation(CARD, None),
    Presentation(CARD, PROOF),
    Presentation(None, PROOF),
    Presentation(CHIP, chip_proof(CHIP)),
    Presentation(None, chip_proof(CHIP)),
    Presentation(card(Form.PRINT), None),
]


@pytest.mark.parametrize("presentation", GOOD)
def test_every_form_reads_as_the_same_tokens(presentation):
    """Plain, base45 and digits carry the same presentation; none of them needs to be told which it is."""
    assert read(presentation.text, {}) == presentation
    assert read(pack(presentation, DICTIONARY), DICTIONARIES) == presentation
    assert read(pack(presentation, DICTIONARY, digits=True), DICTIONARIES) == presentation


@pytest.mark.parametrize("around", ["{}\r\n", "\n{}", " \t{}  ", "\u3000{}\u3000"])
def test_a_scanner_may_add_white_space(around):
    """Scanners end with Enter or Tab; what they add goes."""
    presentation = phone_presentation()
    for text in (presentation.text, pack(presentation, DICTIONARY), pack(presentation, DICTIONARY, digits=True)):
        assert read(around.format(text), DICTIONARIES) == presentation


def test_caps_lock_and_small_letters_are_forgiven_in_base45():
    """A wedge scanner under caps lock, or a page that lowers addresses, does no harm to the wire form."""
    presentation = phone_presentation()
    text = pack(presentation, DICTIONARY)
    assert read(text.lower(), DICTIONARIES) == presentation
    assert read(text.swapcase(), DICTIONARIES) == presentation


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "~", "...", "a.b.c", "hello", "YJ", "YJ07:", "YJ07", "YJ7:00", "9307", "93071",
        "930799999999999999999",
        CARD + "~", "~" + PROOF, "~" + CARD, PROOF + "~" + CARD, CARD + "~" + CARD, PROOF + "~" + PROOF,
        CARD + "~" + PROOF + "~", CARD + "~" + PROOF + "~" + PROOF, CARD + " " + PROOF, CARD + "\n~" + PROOF,
        CARD + "=", CARD[:-1], CARD + "A", "." + CARD, CARD.replace(".", ".."), CARD.upper(), CARD + "\u0000",
        "\ufeff" + CARD, "A" * 5000, CARD + "~" + "A" * 4096, "９３０７１２３", "YJ99:" + pack(GOOD[0], DICTIONARY)[5:],
    ],
)  # fmt: skip
def test_anything_else_is_malformed(text):
    """Every other text gives the one documented error."""
    with pytest.raises(PresentationError) as refusal:
        read(text, DICTIONARIES)
    assert refusal.value.reason == "malformed"


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none","kid":"%s","typ":"card+jwt"}',
        '{"alg":"HS256","kid":"%s","typ":"card+jwt"}',
        '{"alg":"ES256","kid":"%s","typ":"wallet-proof+jwt"}',
        '{"alg":"ES256","kid":"%s","typ":"card+jwt","jku":"https://evil.example"}',
        '{"alg":"ES256","kid":"%s","typ":"card+jwt","alg":"ES256"}',
        '{"alg":"ES256","kid":"%s","typ":["card+jwt"]}',
        '["%s"]',
    ],
)
def test_a_token_of_another_kind_is_malformed(header):
    """Other algorithms, other types, further or doubled header members: step 1 stops them all."""
    forged = ".".join([b64u((header % ("A" * 43)).encode()), *CARD.split(".")[1:]])
    with pytest.raises(PresentationError):
        read(forged, {})


def test_a_signature_written_in_another_way_is_malformed():
    """The last character of 64 bytes has four spare bits: only zeros are read."""
    last = CARD[-1]
    other = chr(ord(last) + 1)
    with pytest.raises(PresentationError):
        read(CARD[:-1] + other, {})


def test_bad_claims_are_left_to_the_verification():
    """A tampered payload is read: that its signature fails is said, and logged, in step 3."""
    header, _, signature = CARD.split(".")
    tampered = f"{header}.{b64u(b'{}')}.{signature}"
    assert read(tampered, {}).card == tampered


def test_a_presentation_shows_nothing_of_its_tokens():
    """A log line that prints one gives nothing away."""
    assert repr(GOOD[1]) == "Presentation(card=True, proof=True)"


@given(st.one_of(st.text(max_size=200), st.binary(max_size=300).map(lambda data: data.decode("latin-1"))))
@example("YJ07:" + "0" * 4090)
@example("93" + "0" * 4090)
@example("YJ07:ſ")
def test_no_text_gives_any_other_error(text):
    """`read` is total."""
    _read_or_malformed(text)


@settings(max_examples=300)
@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=200), st.booleans())
def test_no_wire_form_gives_any_other_error(body, digits):
    """Random bodies behind a right prefix end in the one error as well."""
    text = "9307" + "".join(str(ord(c) % 10) for c in body) if digits else "YJ07:" + body
    _read_or_malformed(text)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.sampled_from(GOOD), st.sampled_from(["plain", "base45", "digits"]), st.data())
def test_a_changed_character_is_refused_or_changes_the_tokens_or_nothing(presentation, form, data):
    """No change of one character makes a text that reads without a fault into anything but tokens of three segments."""
    text = {
        "plain": presentation.text,
        "base45": pack(presentation, DICTIONARY),
        "digits": pack(presentation, DICTIONARY, digits=True),
    }[form]
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(max_codepoint=255)) + text[at + 1 :]
    again = _read_or_malformed(changed)
    if again is not None and again != presentation:
        for token in (again.card, again.proof):
            assert token is None or len(unb64u(token.rsplit(".", 1)[1])) == 64


def _read_or_malformed(text: str) -> Presentation | None:
    try:
        return read(text, DICTIONARIES)
    except PresentationError as refusal:
        return pytest.fail("another reason") if refusal.reason != "malformed" else None
