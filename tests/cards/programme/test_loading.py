"""The loader never raises anything but its one refusal, and reads the same bytes the same way."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.programme import load
from cards.programme.faults import ProgrammeError
from cards.programme.load import load_programme, parse_programme
from cards.programme.types import Programme
from tests.cards.programme.builders import NAMES, SHIPPED, example_text

LINES = example_text().splitlines()
VALUES = [
    "0",
    "-1",
    "1e308",
    "nan",
    "true",
    '""',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "[{}]",
    "2026-01-01",
    "12:00:00",
    "{ en = 1 }",
]


def outcome(data: bytes) -> str:
    """Return "read" or "refused": the only two outcomes there are."""
    try:
        programme = parse_programme(data, "fuzz.toml")
    except ProgrammeError as refusal:
        return (
            "refused" if all(fault.problem and fault.remedy for fault in refusal.faults) else "refused without a word"
        )
    return "read" if isinstance(programme, Programme) else "something else"


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    """Bytes of any kind give a programme or the refusal, never another exception."""
    assert outcome(data) == "refused"


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(LINES) - 1), st.sampled_from(VALUES))
def test_any_value_in_place_of_another_is_read_or_refused(line, value):
    """A value of any type at any key of a good file is read or refused, never a crash."""
    key, equals, _ = LINES[line].partition(" = ")
    lines = [*LINES]
    lines[line] = f"{key} = {value}" if equals else value
    assert outcome("\n".join(lines).encode()) in ("read", "refused")


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(LINES) - 1), st.integers(1, 12))
def test_a_file_with_lines_missing_is_read_or_refused(first, count):
    """A torn file is read or refused, never a crash."""
    assert outcome("\n".join(LINES[:first] + LINES[first + count :]).encode()) in ("read", "refused")


@pytest.mark.parametrize("name", NAMES)
def test_the_hash_is_that_of_the_bytes(name):
    """The trust bundle pins what stands in the file, comments included."""
    data = (SHIPPED / f"{name}.toml").read_bytes()
    assert load_programme(SHIPPED / f"{name}.toml").sha256 == hashlib.sha256(data).hexdigest()
    assert parse_programme(data + b"\n# a word more\n", "x").sha256 != hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_reading_twice_gives_equal_programmes(name):
    """Nothing of one reading leaks into the next."""
    first = load_programme(SHIPPED / f"{name}.toml")
    load._known.clear()
    second = load_programme(str(SHIPPED / f"{name}.toml"))
    assert first == second
    assert first is not second


def test_the_same_bytes_are_read_once(tmp_path):
    """Wherever the file lies; another byte is another programme, and a file with a fault is refused each time."""
    data = (SHIPPED / "baiyun.toml").read_bytes()
    (tmp_path / "copy.toml").write_bytes(data)
    assert load_programme(tmp_path / "copy.toml") is load_programme(SHIPPED / "baiyun.toml")
    assert parse_programme(data + b"#", "x") is not parse_programme(data, "x")
    for source in ("first.toml", "second.toml"):
        with pytest.raises(ProgrammeError, match=source):
            parse_programme(data.replace(b"[programme]", b"[programm]", 1), source)


@pytest.mark.slow
def test_only_a_few_programmes_are_kept():
    """However many files are read."""
    data = (SHIPPED / "baiyun.toml").read_bytes()
    for number in range(3 * load._KEPT):
        parse_programme(data + b"#" * (number + 2), "x")
    assert 1 <= len(load._known) <= load._KEPT
