"""Codes for people, and ids: enough chance, no similar signs, and typing mistakes that are forgiven."""

import re

from hypothesis import given
from hypothesis import strategies as st

from edge.encoding import unb64u
from edge.ids import new_id
from issuer.register.codes import new_code, normal_code


def test_codes_are_random_and_readable():
    """Sixteen signs of thirty-two, in fours, none of I, L, O, U."""
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    assert len(set("".join(codes))) == 33


@given(st.sampled_from([" ", "-", "–", "", "  "]), st.booleans(), st.booleans())
def test_any_way_of_typing_a_code_is_the_code(between, small, wide):
    """Separators, case and full width do not matter."""
    code = new_code()
    typed = code.replace("-", between)
    typed = typed.lower() if small else typed
    if wide:
        typed = "".join(chr(ord(sign) + 0xFEE0) if sign.isalnum() else sign for sign in typed)
    assert normal_code(typed) == normal_code(code) == code.replace("-", "")


@given(st.text(max_size=100))
def test_normal_form_is_its_own(text):
    """Normalising twice changes nothing, and no text is an error."""
    assert normal_code(normal_code(text)) == normal_code(text)


def test_an_id_is_128_bits_and_no_option():
    """Every id can be typed after a command as it is."""
    ids = {new_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(len(unb64u(each)) == 16 and not each.startswith("-") for each in ids)
