import json
from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.strictjson import JsonError, canonical, dumps, loads

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
PLAIN = st.recursive(
    st.one_of(WORDS, WHOLE, st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@given(PLAIN)
def test_what_is_dumped_is_loaded(value):
    """Dumps and loads are inverse."""
    assert loads(dumps(value), max_depth=64) == value


@given(PLAIN)
def test_canonical_form_is_a_fixed_point(value):
    """The canonical form of what was read is the canonical form."""
    assert canonical(loads(canonical(value), max_depth=64)) == canonical(value)


@given(st.dictionaries(WORDS, WHOLE, max_size=6), st.randoms())
def test_canonical_form_ignores_the_order_of_keys(value, rng):
    """Two objects with the same members are the same bytes."""
    items = list(value.items())
    rng.shuffle(items)
    assert canonical(dict(items)) == canonical(value)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_input_is_a_value_or_a_json_error(data):
    """No input raises anything else, and whatever is accepted the library accepts too."""
    try:
        value = loads(data)
    except JsonError:
        return
    assert json.loads(data) == value


@given(PLAIN, st.data())
def test_a_cut_text_is_refused(value, data):
    """No proper beginning of an object's text is a value."""
    text = dumps({"value": value})
    with pytest.raises(JsonError):
        loads(text[: data.draw(st.integers(0, len(text) - 1))])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'{"b":{"a":1,"\\u0061":1}}', "twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b"1" * 401, "too long"),
        (b"0." + b"1" * 400, "too long"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"\xef\xbb\xbf1", "byte order"),
        ('"ü"'.encode("utf-16-le"), "UTF-8|not JSON"),
        ("1".encode("utf-16"), "UTF-8"),
        ("1".encode("utf-32-be"), "not JSON"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'[{"a":["\\ud83d"]}]', "surrogate"),
        ('"\ud800"', "UTF-8"),
        ("\ufeff1", "byte order"),
        (b"", "not JSON"),
        (b"1 2", "not JSON"),
        (b"{}x", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"// c\n1", "not JSON"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        ("１".encode(), "not JSON"),
        (b'"\n"', "not JSON"),
        (b"\xc2\xa01", "not JSON"),
        (b"[" * 17 + b"]" * 17, "deep"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "deep"),
        (b"[" * 30000, "deep|not JSON"),
    ],
)
def test_leniencies_are_closed(data, why):
    """Each way in which the library, or another reader, is lenient."""
    with pytest.raises(JsonError, match=why):
        loads(data)


def test_depth_is_allowed_up_to_the_bound():
    """Sixteen levels pass, and brackets within a text are no depth."""
    assert loads(b"[" * 16 + b"]" * 16)
    assert loads(b'["' + b"[" * 100 + b'"]') == ["[" * 100]
    assert loads(b"1", max_depth=0) == 1
    with pytest.raises(JsonError):
        loads(b"[]", max_depth=0)


def test_size_is_counted_in_bytes():
    """A text of three-byte characters is measured as it would be sent."""
    text = '"' + "云" * 10 + '"'
    assert loads(text, max_bytes=32) == "云" * 10
    for data in (text, text.encode()):
        with pytest.raises(JsonError, match="31"):
            loads(data, max_bytes=31)


def test_an_escaped_pair_of_surrogates_is_a_character():
    """Only lone surrogates are refused."""
    assert loads(b'"\\ud83d\\ude00"') == "😀"


def test_messages_do_not_quote_the_text():
    """An error may be logged; the text must not be."""
    with pytest.raises(JsonError) as caught:
        loads(b'{"secret":"tok')
    assert "tok" not in str(caught.value)


def test_dumps_keeps_order_and_does_not_escape():
    """Tokens carry keys as given, in UTF-8, without white space."""
    assert dumps({"b": 1, "a": "王*"}) == '{"b":1,"a":"王*"}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}, b"x"])
def test_dumps_refuses_what_json_cannot_hold(value):
    """No NaN, no lone surrogate, no set."""
    with pytest.raises(JsonError):
        dumps(value)


def test_canonical_sorts_by_utf_16_code_units():
    """RFC 8785 §3.2.3: the emoji's surrogate sorts before the Hebrew presentation form."""
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert canonical(value) == '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'.encode()


def test_canonical_escapes_as_rfc_8785_says():
    """RFC 8785 §3.2.2.2: short escapes where there are some, lower-case hex, nothing else."""
    expected = '"€$\\u000f\\nA\'B\\"\\\\\\"/\x7f\u2028"'.encode()
    assert canonical('€$\u000f\nA\'B"\\"/\x7f\u2028') == expected


@pytest.mark.parametrize(
    "value",
    [None, 1.0, 2**53, -(2**53), {"a": None}, [0.5], {1: 1}, {None: 1}, "\ud800", {"\ud800": 1}, {1}, b"x"],
)
def test_canonical_refuses_what_has_two_readings(value):
    """Floats, None, wide integers, keys that are not text, lone surrogates."""
    with pytest.raises(JsonError):
        canonical(value)


def test_endless_values_are_refused():
    """A list within itself is an error, not a crash."""
    value = []
    value.append(value)
    for write in (dumps, canonical):
        with pytest.raises(JsonError):
            write(value)


def test_canonical_bounds_are_exact():
    """The largest integer that every reader holds is allowed, a truth value stays one."""
    assert canonical([2**53 - 1, -(2**53) + 1, True]) == b"[9007199254740991,-9007199254740991,true]"


def test_members_of_enumerations_are_their_text():
    """A tier or an outcome may be handed over as it is; tuples are lists."""

    class Tier(StrEnum):
        GOLD = "gold"

    class Width(IntEnum):
        WIDE = 7

    assert canonical({"tier": (Tier.GOLD, Width.WIDE)}) == b'{"tier":["gold",7]}'


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"b":{"c":"d","c":"d"}}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":NaN}',
        b'{"a":1}{"a":1}',
        b'{"a":1} x',
        b"[" * 17 + b"]" * 17,
        b'{"a":' + b"1" * 401 + b"}",
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_what_is_refused_is_refused_however_plainly_it_is_written(data):
    """The quick way for plainly written text lets nothing through that the slow way refuses."""
    with pytest.raises(JsonError):
        loads(data)


@given(st.recursive(st.integers(-(2**53), 2**53) | st.text() | st.booleans(), lambda inner: st.lists(inner, max_size=4)
                    | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_the_quick_way_and_the_slow_way_read_the_same(value):
    """Text as this project writes it, and the same with a blank after it, give one value."""
    try:
        data = dumps(value)
    except JsonError:
        return
    try:
        slow = loads(data + b" ")
    except JsonError:
        with pytest.raises(JsonError):
            loads(data)
    else:
        assert loads(data) == slow == value
