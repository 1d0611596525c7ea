"""Numbers of identity documents: which numbers are valid, and the one spelling of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.register.identity import BadIdentity, Identity, IdType, check_identity
from tests.issuer.builders import TODAY, resident_id

RESIDENT = IdType.RESIDENT_ID


def checked(number, kind=RESIDENT, country=None):
    """Return the identity of a number, by default a resident ID's."""
    return check_identity(kind, number, today=TODAY, country=country)


@pytest.mark.parametrize("number", ["11010519491231002X", resident_id("19880229", 14), resident_id("20010101", 999)])
def test_a_number_has_exactly_one_check_character(number):
    """GB 11643's weights, by the standard's own example and two others: of eleven characters one is right."""
    assert checked(number).number == number
    for other in set("0123456789X") - {number[17]}:
        with pytest.raises(BadIdentity, match="check character"):
            checked(number[:17] + other)


@given(st.integers(0, 16), st.integers(1, 9))
def test_any_mistyped_digit_is_noticed(place, shift):
    """One wrong digit never gives another valid number."""
    right = resident_id()
    wrong = right[:place] + str((int(right[place]) + shift) % 10) + right[place + 1 :]
    with pytest.raises(BadIdentity):
        checked(wrong)


@given(st.integers(0, 15))
def test_swapped_neighbours_are_noticed(place):
    """Two neighbouring digits in the wrong order never give another valid number."""
    right = resident_id("19851129", 362, "440112")
    wrong = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    if wrong != right:
        with pytest.raises(BadIdentity):
            checked(wrong)


@pytest.mark.parametrize(
    ("birth", "why"),
    [("19900230", "exist"), ("20261103", "plausible"), ("18991231", "plausible"), ("19901301", "exist")],
)
def test_impossible_birth_dates_are_refused(birth, why):
    """A date that does not exist, or lies in the future or before 1900, is no date of birth."""
    with pytest.raises(BadIdentity, match=why):
        checked(resident_id(birth))


def test_birth_on_the_day_itself_is_plausible():
    """Today is no future date."""
    assert checked(resident_id("20261102"))


@pytest.mark.parametrize("region", ["990111", "160000", "000000", "720000"])
def test_regions_that_do_not_exist_are_refused_or_foreigners(region):
    """The first two digits name a region; a first 9 is a foreigner's permanent residence card."""
    number = resident_id(region=region)
    if region.startswith("9"):
        assert checked(number)
        return
    with pytest.raises(BadIdentity, match="region"):
        checked(number)


def test_fifteen_digits_are_told_why():
    """The number of the first generation is refused with its reason."""
    with pytest.raises(BadIdentity, match="2013"):
        checked("440111900307001")


@pytest.mark.parametrize("number", ["CAN440185061512", "usa 4401 000229 01", "ＤＥＵ４４０１８５０６１５１２"])
def test_a_foreigners_older_residence_card_is_known(number):
    """Three letters and twelve digits: issued until 2023, used until they expire."""
    found = checked(number)
    assert (found.kind, len(found.number), found.number[:3].isalpha()) == (RESIDENT, 15, True)


@pytest.mark.parametrize("number", ["CAN440185131512", "CA1440185061512", "CAN44018506151", "CAN4401850615123"])
def test_what_is_no_older_residence_card_is_refused(number):
    """Another month, a digit in the country, one figure too few or too many."""
    with pytest.raises(BadIdentity):
        checked(number)


@pytest.mark.parametrize(
    ("written", "kind", "country", "kept"),
    [
        (" 11010519491231002x ", RESIDENT, None, "11010519491231002X"),
        ("110105 19491231 002X", RESIDENT, None, "11010519491231002X"),
        ("１１０１０５１９４９１２３１００２ｘ", RESIDENT, None, "11010519491231002X"),
        ("h1234567800", IdType.HK_MACAO_PERMIT, None, "H12345678"),
        ("M 12345678", IdType.HK_MACAO_PERMIT, None, "M12345678"),
        ("12345678", IdType.TAIWAN_PERMIT, None, "12345678"),
        ("1234567801(A)", IdType.TAIWAN_PERMIT, None, "12345678"),
        ("c01x00t47", IdType.PASSPORT, "deu", "C01X00T47"),
        ("C01-X00-T47", IdType.PASSPORT, "DEU", "C01X00T47"),
    ],
)
def test_every_spelling_of_a_number_has_one_form(written, kind, country, kept):
    """Case, width, spaces and renewal counts do not make another person."""
    found = checked(written, kind, country)
    assert found.number == kept
    assert found.unique_text == Identity(kind, kept, (country or "").upper()).unique_text


@pytest.mark.parametrize(
    ("written", "kind", "country"),
    [
        ("", RESIDENT, None),
        ("1101051949123100２X9", RESIDENT, None),
        ("11010519491231002Х", RESIDENT, None),  # a Cyrillic letter
        ("A12345678", IdType.HK_MACAO_PERMIT, None),
        ("H1234567", IdType.HK_MACAO_PERMIT, None),
        ("H123456789", IdType.HK_MACAO_PERMIT, None),
        ("1234567", IdType.TAIWAN_PERMIT, None),
        ("ABCDEFG", IdType.PASSPORT, "DEU"),
        ("C01X00T47", IdType.PASSPORT, None),
        ("C01X00T47", IdType.PASSPORT, "GE"),
        ("1234", IdType.PASSPORT, "DEU"),
        ("٣٣٣٣٣٣٣٣", IdType.TAIWAN_PERMIT, None),  # Arabic digits
        ("12345678", IdType.TAIWAN_PERMIT, "TWN"),
    ],
)
def test_other_texts_are_refused_without_being_quoted(written, kind, country):
    """What is no number of its type is refused, and the message does not repeat it."""
    with pytest.raises(BadIdentity) as refused:
        checked(written, kind, country)
    assert not written or written not in str(refused.value)


@given(st.text(max_size=40), st.sampled_from(list(IdType)), st.none() | st.text(max_size=4))
def test_any_text_gives_an_identity_or_one_error(text, kind, country):
    """No input makes anything but an identity or BadIdentity."""
    try:
        found = checked(text, kind, country)
    except BadIdentity:
        return
    assert found.number.isascii()


def test_an_identity_does_not_show_its_number():
    """Neither a repr nor the masked form gives the number away."""
    found = checked("11010519491231002X")
    assert "19491231" not in repr(found)
    assert found.masked == "1***************2X"
    assert found.last_four == "002X"
