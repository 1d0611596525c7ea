import base64
import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.encoding import EncodingError, b64u, digest, unb64u
from edge.ids import new_id

ALPHABET = string.ascii_letters + string.digits + "-_"


@given(st.binary(max_size=200))
def test_bytes_come_back(data):
    """unb64u undoes b64u."""
    assert unb64u(b64u(data)) == data


@given(st.binary(max_size=200))
def test_text_is_the_librarys_without_padding(data):
    """The encoding is RFC 4648's."""
    assert b64u(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(st.one_of(st.text(max_size=20), st.text(ALPHABET + "=+/ \n", max_size=20)))
def test_each_value_has_one_spelling(text):
    """Whatever is accepted is exactly what would be written; whatever is not raises EncodingError alone."""
    with contextlib.suppress(EncodingError):
        assert b64u(unb64u(text)) == text


@pytest.mark.parametrize(
    "text",
    ["A", "AA=", "AA==", "AB", "AAB", "A A", "AA\n", "AA\n\n", "++++", "////", "ÄÄÄÄ", "AAAA=", "====", "\ud800AAA"],
)
def test_other_spellings_are_refused(text):
    """Padding, another alphabet, white space, impossible lengths and non-zero trailing bits."""
    with pytest.raises(EncodingError):
        unb64u(text)


def test_digest_is_sha_256():
    """The digest of nothing, from FIPS 180-4's examples."""
    assert digest(b"").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_no_identifier_reads_as_an_option(monkeypatch):
    """One in 64 would begin with a dash, and no command line could name it."""
    drawn = iter([b"\xf8" + bytes(15), bytes(16)])
    monkeypatch.setattr("edge.ids.secrets.token_bytes", lambda _count: next(drawn))
    assert new_id() == "A" * 22
