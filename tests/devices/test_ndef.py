"""NDEF messages: an independent library reads ours, ours reads what is well-formed and refuses the rest."""

from contextlib import suppress

import ndef as ndeflib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.faults import CardFault, CardUnknown, DeviceFault
from devices.ndef import CARD_TYPE, MESSAGE_MOST, card_message, decode, link_message, message_text

TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=900)


@given(TEXTS)
def test_ndeflib_reads_a_card(text):
    """The independent library finds the media type and the text, short record or long."""
    (record,) = ndeflib.message_decoder(card_message(text))
    assert (record.type.encode(), bytes(record.data)) == (CARD_TYPE, text.encode())


@pytest.mark.parametrize("link", ["https://card.example/t?p=0&c=1", "https://www.card.example/t", "http://x/", "tel:1"])
def test_ndeflib_reads_a_link(link):
    """The independent library finds the link, abbreviated by its prefix or not."""
    (record,) = ndeflib.message_decoder(link_message(link))
    assert record.iri == link
    assert message_text(link_message(link)) == link


@given(TEXTS)
def test_what_is_written_is_read(text):
    """A card's text comes back."""
    assert message_text(card_message(text)) == text


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data):
    """No bytes crash the reader."""
    with suppress(DeviceFault):
        assert isinstance(message_text(data), str)


def test_what_ndeflib_writes_is_read():
    """A message of several records gives the first of ours."""
    other = ndeflib.TextRecord("hello")
    ours = ndeflib.Record(CARD_TYPE.decode(), "id", b"a.b.c")
    assert message_text(b"".join(ndeflib.message_encoder([other, ours]))) == "a.b.c"
    with pytest.raises(CardUnknown):
        message_text(b"".join(ndeflib.message_encoder([other])))


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        card_message("a.b.c")[:-1],
        card_message("a.b.c") + b"\0",
        bytes([0x12]) + card_message("a.b.c")[1:],
        bytes([card_message("a")[0] | 0x20]) + card_message("a")[1:],
        card_message("a.b.c").replace(b"a.b.c", b"\xff.b.c"),
        bytes(MESSAGE_MOST + 1),
    ],
)
def test_broken_messages_are_refused(broken):
    """Cut short, run on, without a beginning, in chunks, not text, too long."""
    with pytest.raises(CardFault):
        message_text(broken)


def test_decode_names_every_record():
    """Records come in their order."""
    message = b"".join(ndeflib.message_encoder([ndeflib.TextRecord("x"), ndeflib.UriRecord("https://a")]))
    assert [record.type for record in decode(message)] == [b"T", b"U"]
