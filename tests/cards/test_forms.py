"""The forms of signed documents are those of docs/card-format.md: no length and no lifetime changes in one place."""

from datetime import timedelta
from pathlib import Path

import pytest

from cards.binding import BINDING_LIST
from cards.claims import CARD, LIFETIME_CAPS
from cards.marks import HOLDER_MARKS
from cards.proof import CHALLENGE_MAX_AGE, CHIP_PROOF, PROOF, PROOF_AHEAD, PROOF_MAX_AGE
from cards.status import STATUS_LIST
from keys.bundle import BUNDLE
from keys.tokens import TokenForm

SECOND = timedelta(seconds=1)
DOCUMENT = (Path(__file__).parents[2] / "docs" / "card-format.md").read_text("utf-8")


def forms() -> dict[str, TokenForm]:
    """Return every form by its name in the document."""
    return {
        "card": CARD,
        "proof": PROOF,
        "chip proof": CHIP_PROOF,
        "status list": STATUS_LIST,
        "binding list": BINDING_LIST,
        "holder marks": HOLDER_MARKS,
        "trust bundle": BUNDLE,
    }


def table() -> dict[str, list[str]]:
    """Return the document's table of forms: a form's name, and its other cells."""
    rows = DOCUMENT.partition("| form | `typ` |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {name: rest for name, *rest in cells}


def test_the_document_names_every_form_that_is_held_here():
    """No row without a form, no form without a row."""
    assert table().keys() == forms().keys()


@pytest.mark.parametrize("name", forms())
def test_a_form_is_as_long_and_lives_as_long_as_the_document_says(name):
    """`typ`, header, the cap in characters, and the longest life."""
    form = forms()[name]
    typ, header, _, cap, life = table()[name]
    assert typ == f"`{form.typ}`"
    assert {member.strip("`") for member in header.split()} == form.headers
    assert int(cap.partition(", and")[0].replace(",", "")) == form.max_length
    longest = {"7 days": timedelta(days=7), "90 days": timedelta(days=90)}
    longest["by its `form`, below"] = max(LIFETIME_CAPS.values())
    assert form.max_lifetime == (None if life.endswith("by age") else longest[life])


def test_proofs_are_as_young_as_the_document_says():
    """A proof has no lifetime of its own: its age counts."""
    assert table()["proof"][-1] == f"{PROOF_MAX_AGE // SECOND} s, by age"
    ahead, old = PROOF_AHEAD // SECOND, PROOF_MAX_AGE // SECOND
    assert f"`iat` is at most {ahead} s ahead of now (`clock-ahead`) and at most {old} s old" in DOCUMENT
    assert table()["chip proof"][-1] == f"{CHALLENGE_MAX_AGE // SECOND} s, by age"
