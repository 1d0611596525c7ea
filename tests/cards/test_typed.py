"""What people type from paper is brought into one spelling: the same in the API, the commands and the pages."""

import json
from pathlib import Path

import pytest

from cards import typed
from cards.names import mask

CASES = json.loads((Path(__file__).parent / "typed_cases.json").read_text(encoding="utf-8"))
FLIGHT = "[A-Z0-9]{2}[0-9]{1,4}[A-Z]?"
READ = {
    "phone": typed.phone,
    "plate": typed.plate,
    "name": typed.name,
    "code": typed.code,
    "digits": typed.digits,
    "flight": lambda text: typed.by_pattern(text, FLIGHT),
    "same_name": lambda pair: typed.same_name(*pair),
}


@pytest.mark.parametrize(
    ("kind", "written", "meant"), [(kind, *case) for kind, listed in CASES.items() for case in listed]
)
def test_one_spelling_for_what_people_write(kind, written, meant):
    """Each case is held to the pages' own reader too (tests/web/test_typed.py)."""
    assert READ[kind](written) == meant


@pytest.mark.parametrize("kind", ["phone", "plate", "name", "code", "digits", "flight"])
def test_what_is_in_one_spelling_stays(kind):
    """Read again, nothing changes: what is kept can be typed in as it is shown."""
    for _, meant in CASES[kind]:
        if meant is not None:
            assert READ[kind](meant) == meant


@pytest.mark.parametrize(
    ("written", "on_card"),
    [
        ("anna müller", "Anna Müller"), ("MÜLLER ANNA", "Anna Müller"), ("张 小明", "张小明"),
        ("ZHANG XIAOMING", "张小明"), ("Maria Teresa de la Cruz", "Maria Teresa de la Cruz"),
    ],
)  # fmt: skip
def test_a_holder_may_write_the_own_name_as_papers_do(written, on_card):
    """Small letters, the family name first, a blank in a Chinese name, a passport's pinyin."""
    assert typed.fits_mask(written, mask(on_card))


def test_a_text_of_blanks_is_no_name():
    """Nothing was typed: a search for it finds nobody, and nothing fails."""
    assert typed.masks_of(" \u3000") == frozenset()


@pytest.mark.parametrize(
    ("written", "on_card"), [("李雷", "张小明"), ("Anna Miller", "Bert Miller"), ("张小明", "Anna Lee")]
)
def test_another_persons_name_does_not_fit(written, on_card):
    """Forgiving is not blind."""
    assert not typed.fits_mask(written, mask(on_card))
