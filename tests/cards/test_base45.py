"""Base45 against RFC 9285's own examples and as a bijection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.base45 import Base45Error, decode, encode


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")],
)
def test_rfc_9285_examples(data, text):
    """The examples of RFC 9285 §4.3 and §4.4, both ways."""
    assert encode(data) == text
    assert decode(text) == data


@pytest.mark.parametrize("text", ["GGW", "ZZ", ":::", "A", "BB8A", "bb8", "BB\n", "ÄB8", "BB8\x00\x00", "::"])
def test_what_is_not_base45_is_refused(text):
    """Overflow (RFC 9285 §6 names GGW), impossible lengths, small letters and foreign characters."""
    with pytest.raises(Base45Error):
        decode(text)


@given(st.binary(max_size=300))
def test_every_value_comes_back_and_no_text_ends_in_a_space(data):
    """Decoding undoes encoding; trimming a scanner's white space can take nothing of the text."""
    text = encode(data)
    assert decode(text) == data
    assert not text.endswith(" ")


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=30))
def test_one_text_per_value(text):
    """Whatever decodes is the text that encoding writes."""
    try:
        data = decode(text)
    except Base45Error:
        return
    assert encode(data) == text
