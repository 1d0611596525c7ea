"""The changes that scanners and messages make to a code are undone, in the same way in every reader."""

import json
from pathlib import Path

import pytest

from cards.claims import Form
from cards.parts import Presentation, PresentationError
from cards.presentation import read
from cards.transport import undone, with_blanks
from cards.wire import pack
from tests.cards.builders import DICTIONARIES, DICTIONARY, card

CASES = json.loads((Path(__file__).parent / "transport_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["about"] for case in CASES])
def test_what_the_way_did_is_undone_and_nothing_else(case):
    """Each case is held to the pages' own reader too (tests/web/test_transport.py)."""
    assert undone(case["sent"]) == case["undone"]
    assert undone(case["undone"]) == case["undone"]


@pytest.mark.parametrize(
    "way",
    [
        lambda text: f"]Q1{text}",
        lambda text: f"{text[:40]}\r\n{text[40:]}",
        lambda text: text.replace(" ", "%20"),
        lambda text: f"\u201c{text}\u201d",
        lambda text: "".join(chr(ord(letter) + 0xFEE0) if letter != " " else "\u3000" for letter in text),
    ],
    ids=["symbology", "line break", "escaped blanks", "quotes", "full width"],
)
def test_a_whole_card_comes_through_every_way(way):
    """The very tokens that were packed, whatever the scanner added."""
    presentation = Presentation(card(Form.PRINT), None)
    text = pack(presentation, DICTIONARY)
    assert read(way(text), DICTIONARIES) == presentation


def test_percent_signs_that_are_base45_are_left_alone():
    """`%20` is three letters of the alphabet: the text as it stands is tried first."""
    assert with_blanks("YJ01:AB") is None
    assert with_blanks("YJ01:A%20B") == "YJ01:A B"
    with pytest.raises(PresentationError):
        read("YJ01:%20%20", {})
