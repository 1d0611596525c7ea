"""Card numbers: what the check digits catch and what a typist is forgiven."""

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.numbers import CardNumberError, check, generate, spaced

RNG = random.Random(20261122)
_numbers = st.integers(0, 2**32).map(lambda seed: generate("BY", random.Random(seed)))


def test_iso_7064_by_the_iban_rule():
    """MOD 97-10 as anybody can compute it: letters as two digits, the whole number is 1 modulo 97."""
    assert check("BY000000000046") == "BY000000000046"
    assert int("1134" + "000000000046") % 97 == 1


@given(_numbers)
def test_a_new_number_checks(number):
    """Prefix, ten digits, two check digits."""
    assert len(number) == 14
    assert check(number, "BY") == number


@given(_numbers, st.integers(0, 13), st.characters(codec="ascii", categories=["Nd", "Lu"]))
def test_every_single_slip_is_caught(number, at, character):
    """One wrong character anywhere."""
    slipped = number[:at] + character + number[at + 1 :]
    if slipped != number:
        with pytest.raises(CardNumberError):
            check(slipped, "BY")


@given(_numbers, st.integers(0, 12))
def test_every_swap_of_neighbours_is_caught(number, at):
    """Two neighbours the wrong way round."""
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if swapped != number:
        with pytest.raises(CardNumberError):
            check(swapped, "BY")


@pytest.mark.parametrize("written", ["{}", " {} ", "{:s}\r\n"])
def test_white_space_around_is_forgiven(written):
    """As a scanner or a clipboard leaves it."""
    number = generate("BY", RNG)
    assert check(written.format(number)) == number


def test_spaces_dashes_small_and_full_width_letters_are_forgiven():
    """As people, word processors and Chinese input methods write numbers."""
    number = generate("BY", RNG)
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    dashed = "—".join([number[:2], number[2:6], number[6:]])
    for text in (spaced(number), number.lower(), wide, dashed, "-".join(number), "\u3000".join(number)):
        assert check(text) == number


def test_another_programmes_number_is_refused_where_one_is_expected():
    """Its check digits agree, its prefix does not."""
    number = generate("HP", RNG)
    assert check(number) == number
    with pytest.raises(CardNumberError):
        check(number, "BY")


@pytest.mark.parametrize(
    "text", ["", "BY", "0" * 11, "BY" + "1" * 13, "B" * 200, "BY00000000001X", "BY٠٠٠٠٠٠٠٠٠٠١٠", "²"]
)
def test_what_is_no_number_is_refused(text):
    """Any text gives a number or the one error."""
    with pytest.raises(CardNumberError):
        check(text, "BY")


@given(st.text(max_size=80))
def test_no_text_gives_another_error(text):
    """`check` is total."""
    with contextlib.suppress(CardNumberError):
        check(text)


def test_printed_in_fours():
    """Groups of four from the end, as a card shows it."""
    assert spaced("BY916702462981") == "BY 9167 0246 2981"
    assert spaced("109551314807") == "1095 5131 4807"


def test_a_prefix_is_short_and_plain():
    """Anything else could not be read out."""
    for prefix in ("by", "B-", "B" * 9, "云"):
        with pytest.raises(ValueError, match="prefix"):
            generate(prefix, RNG)
