"""A tablet that needs its operator: a card is looked at and nothing more, and the screen says what to do."""

import pytest
from playwright.sync_api import expect

from accounts.rights import EVERYWHERE, Right
from tests.web.counter import Tablet

pytestmark = pytest.mark.browser


def test_a_tablet_that_needs_its_operator_asks_for_the_sign_in(opened, site):
    """A confirmed look ends in the sign-in, in words; signed in, the same card is let in."""
    operators = site.office.accounts.operators
    if not any(operator.code == "2003" for operator in operators.list()):
        rights = {EVERYWHERE: frozenset({Right.CHECK_IN})}
        operators.add("2003", "何工", rights, by="test", at=site.clock.now(), pin="493817")
    tablet = Tablet(opened, site, code=site.device_code("gym", needs_operator=True))
    card = site.printed("silver")
    tablet.paste(card)
    tablet.page.click("#id-confirm")
    assert tablet.problem() == "operator-needed"
    expect(tablet.page.locator("[data-view=problem]")).to_contain_text("须先登录")
    tablet.page.click("#sign-in-again")
    tablet.page.fill("#operator-code", "2003")
    tablet.page.fill("#operator-pin", "493817")
    tablet.page.press("#operator-pin", "Enter")
    expect(tablet.page.locator("#operator")).to_contain_text("何工")
    assert tablet.present(card) == ("granted", "")
