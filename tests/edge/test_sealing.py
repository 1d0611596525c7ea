"""Sealing of personal data at rest: what comes back, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sealing import Sealer, Unsealable, derive, keyed_hash

SECRET = b"a secret of thirty-two characters"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_was_sealed_comes_back_under_its_context(value, context):
    """Any value, any context; the sealed bytes do not hold the value."""
    sealer = Sealer(SECRET, "test")
    sealed = sealer.seal(value, context)
    assert sealer.open(sealed, context) == value
    assert len(value) < 4 or value not in sealed


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(place, change):
    """One byte altered anywhere, nonce included."""
    sealer = Sealer(SECRET, "test")
    sealed = bytearray(sealer.seal(b"Zhang Xiaoming", "row 1"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(Unsealable):
        sealer.open(bytes(sealed), "row 1")


def test_a_value_cannot_be_moved_to_another_row_purpose_or_secret():
    """The context, the purpose and the secret are bound in."""
    sealed = Sealer(SECRET, "test").seal(b"x", "row 1")
    for sealer, context in (
        (Sealer(SECRET, "test"), "row 2"),
        (Sealer(SECRET, "other"), "row 1"),
        (Sealer(b"another secret of thirty-two char", "test"), "row 1"),
    ):
        with pytest.raises(Unsealable):
            sealer.open(sealed, context)


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 11, b"x" * 12])
def test_what_is_too_short_is_refused(sealed):
    """Truncated bytes are an Unsealable, no other error."""
    with pytest.raises(Unsealable):
        Sealer(SECRET, "test").open(sealed, "")


def test_keyed_hashes_tell_lists_of_parts_apart():
    """(ab, c) and (a, bc) differ, and so do two keys."""
    key, other = derive(SECRET, "one"), derive(SECRET, "two")
    hashes = [
        keyed_hash(key, "ab", "c"),
        keyed_hash(key, "a", "bc"),
        keyed_hash(other, "ab", "c"),
        keyed_hash(key, "abc"),
    ]
    assert len(set(hashes)) == 4
