"""The pages undo what scanners do to a code exactly as the server does."""

import pytest

from tests.cards.test_transport import CASES

pytestmark = pytest.mark.browser

UNDONE = """async (sent) => {
  const { undone } = await import("/static/js/transport.js");
  return sent.map((text) => undone(text));
}"""


def test_pages_and_server_undo_the_same(opened):
    """One list of cases for both: no counter reads what its server refuses, or the other way round."""
    page = opened("/check")
    assert page.evaluate(UNDONE, [case["sent"] for case in CASES]) == [case["undone"] for case in CASES]
