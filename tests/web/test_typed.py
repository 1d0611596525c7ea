"""The pages bring what people type into the same spelling as the server."""

import pytest

from tests.cards.test_typed import CASES, FLIGHT

pytestmark = pytest.mark.browser

SPELL = """async ([cases, flight]) => {
  const typed = await import("/static/js/typed.js");
  const own = { flight: (text) => typed.byPattern(text, flight), same_name: (pair) => typed.sameName(...pair) };
  const read = { ...typed, ...own };
  const spelled = ([kind, listed]) => [kind, listed.map(([written]) => read[kind](written))];
  return Object.fromEntries(Object.entries(cases).map(spelled));
}"""


def test_pages_and_server_spell_the_same(opened):
    """A number, a plate or a name that the phone takes is taken by the server, and kept the same."""
    page = opened("/check")
    spelled = page.evaluate(SPELL, [CASES, FLIGHT])
    assert spelled == {kind: [meant for _, meant in listed] for kind, listed in CASES.items()}
