"""Which patterns a programme may give, and that none of them can be made to run away."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.programme.patterns import pattern_fault

ALLOWED = [
    "^[A-Z0-9]{4,12}$",
    "^(?:swim|row|other)$",
    "^P-[0-9]{5}$",
    "^[A-Z]{2}(?:-[0-9]{1,4})?$",
    r"^[0-9]{1,3}\.[0-9]$",
]
REFUSED = {
    "[A-Z]{4}": "begins with",
    "^$": "begins with",
    "^a|b$": "outside a group",
    "^a+$": "not allowed",
    "^a*$": "not allowed",
    "^.{1,4}$": "not allowed",
    r"^\d{4}$": "not allowed",
    r"^\w{4}$": "not allowed",
    "^[^a]$": "not allowed",
    "^(a)$": "not allowed",
    "^(?=a)a$": "not allowed",
    "^(?:a{1,9}){1,9}$": "not repeated",
    "^a{2}{3}$": "repeated already",
    "^a??$": "repeated already",
    "^?a$": "repeats nothing",
    "^(?:a$": "not closed",
    "^a)$": "outside a group",
    "^(?:(?:(?:(?:a))))$": "too deep",
    "^a{99}$": "more than 64",
    f"^{'a?' * 20}$": "too many ways",
    f"^{'(?:a|a)' * 20}$": "too many ways",
    "^[a--b]$": "joins sets",
    "^[z-a]$": "not a regular expression",
    "^a{5,2}$": "not a regular expression",
    f"^{'a' * 300}$": "200 characters",
}


@pytest.mark.parametrize("pattern", ALLOWED)
def test_plain_patterns_are_allowed(pattern):
    """Classes, bounded repetition and groups of alternatives are enough for reference numbers."""
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(("pattern", "problem"), REFUSED.items(), ids=range(len(REFUSED)))
def test_unbounded_or_unclear_patterns_are_refused(pattern, problem):
    """Whatever could repeat without a bound, or means something else than it seems to, is refused with the reason."""
    assert problem in (pattern_fault(pattern) or "allowed")


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="ab01[]{},?|():^$\\-&", max_size=40))
def test_any_text_is_judged_and_what_is_allowed_matches_fast(body):
    """No text makes the judge raise or warn; an allowed pattern answers the worst input at once."""
    pattern = f"^{body}$"
    if pattern_fault(pattern) is None:
        began = time.perf_counter()
        re.compile(pattern).fullmatch("a" * 64 + "!")
        assert time.perf_counter() - began < 0.5
