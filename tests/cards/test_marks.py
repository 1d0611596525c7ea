"""Holder marks: signed, bounded, never going back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cards.marks import HOLDER_MARKS, HolderMarks, Mark, MarkKind, MarksError, sign_marks, verify_marks
from keys.errors import BadClaims
from keys.tokens import sign_token
from tests.cards.builders import ISSUER, ISSUER_KEY, NOW, STATUS_KEY, identifier, key_set

SUBJECT = identifier()
MARKS = HolderMarks(
    ISSUER,
    NOW,
    NOW + timedelta(days=1),
    3,
    (
        Mark(SUBJECT, MarkKind.BENEFIT, "state-council-allowance"),
        Mark(SUBJECT, MarkKind.RULING, "state-council-allowance:granted"),
        Mark(identifier(), MarkKind.ERASURE, "2026-11-22"),
    ),
)


def verify(text, at=NOW, *, issuer=ISSUER, seen_serial=0):
    """Verify with the tests' keys."""
    return verify_marks(text, key_set(), at, issuer=issuer, seen_serial=seen_serial)


def refusal(text, at=NOW, **how) -> str:
    """Return the reason of a refusal."""
    with pytest.raises(MarksError) as error:
        verify(text, at, **how)
    return error.value.reason


def test_marks_read_back():
    """Every mark of every holder, and those of one."""
    assert verify(sign_marks(STATUS_KEY, MARKS)) == MARKS
    assert [mark.kind for mark in MARKS.of(SUBJECT)] == [MarkKind.BENEFIT, MarkKind.RULING]


def test_marks_are_refused_for_what_they_are():
    """Key, issuer, time and order, each with its reason."""
    text = sign_marks(STATUS_KEY, MARKS)
    assert refusal(sign_marks(ISSUER_KEY, MARKS)) == "unknown-key"
    assert refusal(text, issuer="https://other.example") == "bad-claims"
    assert refusal(text, NOW - timedelta(seconds=6)) == "not-yet-valid"
    assert refusal(text, MARKS.expires_at) == "expired"
    assert refusal(text, seen_serial=4) == "rolled-back"
    assert refusal(text[:-1]) == "malformed"
    assert verify(text, seen_serial=3).serial == 3


@pytest.mark.parametrize("value", ["", "A", "x" * 65, "a b", "ü", "a\n"])
def test_a_value_is_a_code(value):
    """No free text, and so no name or illness, can travel in a mark."""
    with pytest.raises(BadClaims):
        sign_marks(STATUS_KEY, replace(MARKS, marks=(Mark(SUBJECT, MarkKind.BENEFIT, value),)))


@pytest.mark.parametrize(
    "entry",
    [
        {}, "x", None, [], {"sub": SUBJECT, "kind": "praise", "value": "a"},
        {"sub": "x", "kind": "benefit", "value": "a"}, {"sub": SUBJECT, "kind": "benefit", "value": "a", "name": "b"},
        {"sub": SUBJECT, "kind": "benefit", "value": 1},
    ],
)  # fmt: skip
def test_a_mark_of_another_shape_is_refused(entry):
    """Even under a good signature."""
    claims = {"iss": ISSUER, "iat": 1, "exp": 2, "serial": 1, "marks": [entry]}
    assert refusal(sign_token(STATUS_KEY, HOLDER_MARKS, claims)) == "bad-claims"


def test_serials_count_from_one():
    """A document without a past has serial 1."""
    with pytest.raises(BadClaims):
        sign_marks(STATUS_KEY, replace(MARKS, serial=0))
